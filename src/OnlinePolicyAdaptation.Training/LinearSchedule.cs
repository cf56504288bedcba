namespace OnlinePolicyAdaptation.Training;

/// <summary>A hyperparameter that moves along a line while training proceeds.</summary>
/// <param name="First">Its value at the first step.</param>
/// <param name="Last">Its value when all steps are done.</param>
public readonly record struct LinearSchedule(double First, double Last)
{
    /// <summary>A hyperparameter that stays as it is.</summary>
    public static LinearSchedule Constant(double value) => new(value, value);

    /// <param name="progress">The share of the training steps done, in [0, 1].</param>
    public double At(double progress) => First + ((Last - First) * progress);
}

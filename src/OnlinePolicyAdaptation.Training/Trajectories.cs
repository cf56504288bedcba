namespace OnlinePolicyAdaptation.Training;

/// <summary>A batch of steps: of every environment as many, one environment after another, each in the order of time.</summary>
internal sealed class Trajectories(int environments, int steps, int controls)
{
    public int Environments { get; } = environments;

    /// <summary>Steps of each environment.</summary>
    public int Steps { get; } = steps;

    public int Controls { get; } = controls;

    public int Count => Environments * Steps;

    /// <summary>Row of the state that each step left.</summary>
    public int[] Rows { get; } = new int[environments * steps];

    /// <summary>The choice made for each control, <c>[steps, controls]</c>: 0, 1, 2 are down, keep, up.</summary>
    public byte[] Choices { get; } = new byte[environments * steps * controls];

    /// <summary>Logarithm of the probability with which the action was taken.</summary>
    public float[] LogProbabilities { get; } = new float[environments * steps];

    /// <summary>Scaled rewards.</summary>
    public float[] Rewards { get; } = new float[environments * steps];

    /// <summary>The critic's value of the state that each step left.</summary>
    public float[] Values { get; } = new float[environments * steps];

    /// <summary>The critic's value of the state that each step reached.</summary>
    public float[] NextValues { get; } = new float[environments * steps];

    public StepEnd[] Ends { get; } = new StepEnd[environments * steps];

    public float[] Advantages { get; } = new float[environments * steps];

    /// <summary>What the critic is to learn: advantage plus value.</summary>
    public float[] Returns { get; } = new float[environments * steps];

    /// <summary>Computes advantages and returns of all steps.</summary>
    public void Estimate(double discount, double decay)
    {
        for (var first = 0; first < Count; first += Steps)
        {
            Training.Advantages.Estimate(
                Rewards.AsSpan(first, Steps),
                Values.AsSpan(first, Steps),
                NextValues.AsSpan(first, Steps),
                Ends.AsSpan(first, Steps),
                discount,
                decay,
                Advantages.AsSpan(first, Steps)
            );
        }
        for (var i = 0; i < Count; i++)
        {
            Returns[i] = Advantages[i] + Values[i];
        }
    }
}

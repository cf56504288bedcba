namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>One request at the front node, with everything that chance decides about it.</summary>
/// <remarks>
/// Drawn before it is known where the request goes, so that other controls leave the draws as they are.
/// </remarks>
/// <param name="Arrival">Simulated time, in seconds; infinite for "none within this stretch of time".</param>
/// <param name="Work">CPU seconds of one core of nominal speed.</param>
/// <param name="Admission">
/// Uniform on [0, 1); the front node refuses the request where it is below the blocking rate.
/// </param>
/// <param name="Routing">Uniform on [0, 1); places the request between the cumulated routing shares.</param>
/// <param name="Jitter">
/// Both ways together, in units of the mean of one way: the sum of two exponentials of mean 1.
/// </param>
internal readonly record struct Request(double Arrival, double Work, double Admission, double Routing, double Jitter);

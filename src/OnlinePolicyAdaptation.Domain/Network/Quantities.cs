namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>A load: requests offered to, or answered by, a service.</summary>
/// <param name="PerSecond">Requests per second, finite, not negative.</param>
public readonly record struct RequestRate(double PerSecond);

/// <summary>A response time of one service over a monitoring interval.</summary>
/// <param name="Seconds">Seconds, finite, not negative.</param>
public readonly record struct ResponseTime(double Seconds);

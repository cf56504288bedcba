namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>What became of a request.</summary>
public enum RequestOutcome
{
    /// <summary>Answered with a status of 2xx, to the end.</summary>
    Carried,

    /// <summary>Refused by the front, with status 429.</summary>
    Blocked,

    /// <summary>Any other status, a connection that broke, no answer in time; or it was never sent.</summary>
    Failed,
}

/// <summary>What came of a request.</summary>
/// <param name="Outcome">Which of the three ends it came to.</param>
/// <param name="Node">The node it was routed to, by the response's header; null where there is none.</param>
/// <param name="Failure">Why it failed, in words of which there are few; null where it did not.</param>
public readonly record struct RequestResult(RequestOutcome Outcome, string? Node, string? Failure);

namespace OnlinePolicyAdaptation.Testbed;

/// <summary>The headers by which load generator, front and nodes understand each other.</summary>
public static class TestbedHeaders
{
    /// <summary>On a request: the client group it belongs to, such as <c>premium</c>; absent for ordinary clients.</summary>
    public const string ClientGroup = "X-Client-Group";

    /// <summary>On a response: the name of the node that the request was routed to.</summary>
    public const string Node = "X-Testbed-Node";
}

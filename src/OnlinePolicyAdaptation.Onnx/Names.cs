namespace OnlinePolicyAdaptation.Onnx;

/// <summary>What names in a file may be.</summary>
internal static class Names
{
    /// <summary>Bytes of the longest name.</summary>
    public const int Longest = 256;

    /// <summary>Whether operators of this domain are those of the ONNX standard.</summary>
    public static bool IsStandard(string domain) => domain is "" or "ai.onnx";
}

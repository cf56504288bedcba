namespace OnlinePolicyAdaptation.Testbed.Processes;

/// <summary>The command that becomes a process of the testbed, with <c>testbed node</c> or <c>testbed front</c> as its last arguments.</summary>
/// <param name="FileName">The executable.</param>
/// <param name="Arguments">Those that come first, such as the path of opar.dll where the executable is dotnet.</param>
public sealed record HostCommand(string FileName, IReadOnlyList<string> Arguments)
{
    /// <summary>The program that is running, where it is <c>opar</c>.</summary>
    public static HostCommand OfThisProgram(string assemblyPath)
    {
        var program = Environment.ProcessPath ?? "dotnet";
        return Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? new HostCommand(program, [assemblyPath])
            : new HostCommand(program, []);
    }
}

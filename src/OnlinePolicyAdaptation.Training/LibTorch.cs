using System.Runtime.CompilerServices;
using TorchSharp;

namespace OnlinePolicyAdaptation.Training;

/// <summary>The native library that training computes with. It does not come with this assembly's package.</summary>
/// <remarks>
/// An application that trains refers to TorchSharp and, for its platform, to <c>libtorch-cpu-linux-x64</c>,
/// <c>libtorch-cpu-win-x64</c> or <c>libtorch-cpu-osx-arm64</c>.
/// </remarks>
public static class LibTorch
{
    /// <summary>Why it cannot be loaded, in one line; null where it can. Loads it, which takes part of a second once.</summary>
    public static string? Problem()
    {
        try
        {
            Load();
            return null;
        }
        catch (Exception e)
            when (e
                    is FileNotFoundException
                        or DllNotFoundException
                        or TypeInitializationException
                        or NotSupportedException
            )
        {
            return e.GetBaseException().Message.ReplaceLineEndings("\n").Split('\n')[0];
        }
    }

    /// <summary>A method of its own, since TorchSharp is looked for when the method that uses it is compiled.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Load() => torch.InitializeDeviceType(DeviceType.CPU);
}

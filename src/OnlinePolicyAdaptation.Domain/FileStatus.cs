using System.Runtime.InteropServices;

namespace OnlinePolicyAdaptation.Domain;

/// <summary>A file, whatever names it has: links to it have the same device and number.</summary>
/// <param name="Device">The file system it is on.</param>
/// <param name="Node">Its number there.</param>
/// <param name="IsRegular">No folder, pipe or device.</param>
public readonly record struct FileStatus(ulong Device, ulong Node, bool IsRegular)
{
    private const int CurrentFolder = -100;

    /// <summary>Type and number of the file; see statx(2).</summary>
    private const uint Wanted = 0x101;

    /// <summary>The file that a path leads to; null where there is no such file, or the system does not tell.</summary>
    public static FileStatus? Of(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }
        try
        {
            // Of a fixed layout, whatever the processor.
            var found = new byte[256];
            return statx(CurrentFolder, path, 0, Wanted, found) == 0
                ? new(
                    ((ulong)BitConverter.ToUInt32(found, 136) << 32) | BitConverter.ToUInt32(found, 140),
                    BitConverter.ToUInt64(found, 32),
                    (BitConverter.ToUInt16(found, 28) & 0xF000) == 0x8000
                )
                : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static extern int statx(
        int folder,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string path,
        int flags,
        uint wanted,
        byte[] found
    );
}

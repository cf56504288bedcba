using System.Text;

namespace OnlinePolicyAdaptation.Domain;

/// <summary>Files that are written completely or not at all.</summary>
public static class AtomicFile
{
    private static readonly UTF8Encoding WithoutMark = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Checks that there is a folder to write a file in: before the work that is to be written.</summary>
    /// <exception cref="BadInputException">There is none, or a folder of the file's name.</exception>
    public static void RequireFolder(string path)
    {
        var target = Path.GetFullPath(path);
        if (Path.GetDirectoryName(target) is { } folder && !Directory.Exists(folder))
        {
            throw new BadInputException($"{path}: the folder {folder} does not exist");
        }
        if (Directory.Exists(target))
        {
            throw new BadInputException($"{path}: a folder; expected the name of a file");
        }
    }

    /// <summary>Writes a UTF-8 text file.</summary>
    /// <inheritdoc cref="WriteBytes"/>
    public static void Write(string path, Action<TextWriter> write) =>
        WriteBytes(
            path,
            stream =>
            {
                using var writer = new StreamWriter(stream, WithoutMark, leaveOpen: true);
                write(writer);
            }
        );

    /// <summary>Writes a file beside its place and to the disk, then moves it there, over a file of that name.</summary>
    /// <exception cref="BadInputException">There is no such folder.</exception>
    /// <remarks>Where writing fails, the old file stays as it was and nothing new stays behind.</remarks>
    public static void WriteBytes(string path, Action<Stream> write)
    {
        RequireFolder(path);
        var target = Path.GetFullPath(path);
        var temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}

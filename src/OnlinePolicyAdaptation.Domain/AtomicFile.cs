using System.Text;

namespace OnlinePolicyAdaptation.Domain;

/// <summary>Files that are written completely or not at all.</summary>
public static class AtomicFile
{
    private static readonly UTF8Encoding WithoutMark = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes a UTF-8 text file beside its place, then moves it there, over a file of that name.</summary>
    /// <remarks>Where writing fails, the old file stays as it was and nothing new stays behind.</remarks>
    public static void Write(string path, Action<TextWriter> write)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var writer = new StreamWriter(temporary, append: false, WithoutMark))
            {
                write(writer);
            }
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}

using System.Text;

namespace OnlinePolicyAdaptation.Domain;

/// <summary>Reads files that a user has named, which may be anything: only regular ones, and no more than is sensible.</summary>
public static class GivenFile
{
    /// <summary>Bytes that a file of settings, values or results has at most.</summary>
    public const int Usual = 256 * 1024 * 1024;

    /// <summary>All bytes of a file, links to it followed. A pipe or device is never opened: that may block, or not end.</summary>
    /// <param name="path">As the user has named it.</param>
    /// <param name="expected">What it should hold, for messages.</param>
    /// <param name="longest">Bytes it may have at most.</param>
    /// <exception cref="BadInputException">There is no such file, it is not regular, too long, or cannot be read.</exception>
    public static byte[] ReadBytes(string path, string expected, int longest = Usual)
    {
        if (Directory.Exists(path))
        {
            throw new BadInputException($"{path}: a folder; expected {expected}");
        }
        try
        {
            return IsPipeOrDevice(path)
                ? throw new BadInputException($"{path}: a pipe or device; expected a regular file with {expected}")
                : ReadAtMost(path, expected, longest);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BadInputException($"{path}: no such file; expected {expected}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(
                $"{path}: cannot be read, expected {expected}: {Excerpt.Of(e.Message, 300)}",
                e
            );
        }
    }

    /// <summary>The same, as text in UTF-8, or as a byte-order mark says.</summary>
    /// <exception cref="BadInputException">As there.</exception>
    public static string ReadText(string path, string expected, int longest = Usual)
    {
        using var reader = new StreamReader(
            new MemoryStream(ReadBytes(path, expected, longest)),
            Encoding.UTF8,
            detectEncodingFromByteOrderMarks: true
        );
        return reader.ReadToEnd();
    }

    /// <summary>Where the system does not tell, pipes and devices are known by having no length.</summary>
    private static bool IsPipeOrDevice(string path) =>
        FileStatus.Of(path) is { } status
            ? !status.IsRegular
            : !OperatingSystem.IsLinux() && new FileInfo(Target(path)) is { Exists: true, Length: 0 };

    private static string Target(string path) => File.ResolveLinkTarget(path, true)?.FullName ?? path;

    /// <summary>Counts what comes, not what the length says: that of some files is 0, and others grow.</summary>
    private static byte[] ReadAtMost(string path, string expected, int longest)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (file.Length > longest)
        {
            throw new BadInputException($"{path}: {file.Length} bytes; expected {expected} of at most {longest}");
        }
        using var read = new MemoryStream((int)file.Length);
        var part = new byte[81920];
        for (var count = file.Read(part); count > 0; count = file.Read(part))
        {
            if (read.Length + count > longest)
            {
                throw new BadInputException(
                    $"{path}: more than {longest} bytes; expected {expected} of at most so many"
                );
            }
            read.Write(part, 0, count);
        }
        return read.ToArray();
    }
}

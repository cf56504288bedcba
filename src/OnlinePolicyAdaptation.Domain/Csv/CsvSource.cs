using System.IO.Compression;
using System.Text;

namespace OnlinePolicyAdaptation.Domain.Csv;

/// <summary>The text of a CSV file, which may be compressed by gzip and in UTF-8 or, with a byte-order mark, UTF-16.</summary>
/// <remarks>What a file is, its first bytes say, not its name.</remarks>
internal static class CsvSource
{
    private static readonly (byte[] Magic, string Name)[] Foreign =
    [
        ("PK\u0003\u0004"u8.ToArray(), "a ZIP archive or an Excel workbook"),
        ([0xD0, 0xCF, 0x11, 0xE0], "an Excel workbook of the old format"),
        ([0x28, 0xB5, 0x2F, 0xFD], "compressed by zstd"),
        ([0xFD, 0x37, 0x7A, 0x58], "compressed by xz"),
        ("BZh"u8.ToArray(), "compressed by bzip2"),
        ("PAR1"u8.ToArray(), "a Parquet file"),
    ];

    private static readonly byte[] Gzip = [0x1F, 0x8B];

    /// <exception cref="BadInputException">There is no such file, it may not be read, or it is no text.</exception>
    public static TextReader Open(string path, string expected)
    {
        if (Directory.Exists(path))
        {
            throw new BadInputException($"{path}: a folder; expected {expected}");
        }
        try
        {
            return Decoded(path, new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite), expected);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BadInputException($"{path}: no such file; expected {expected}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{path}: cannot be read: {Excerpt.Of(e.Message)}", e);
        }
    }

    private static StreamReader Decoded(string path, Stream file, string expected)
    {
        try
        {
            var first = new byte[4];
            var head = first[..file.ReadAtLeast(first, first.Length, throwOnEndOfStream: false)];
            foreach (var (magic, name) in Foreign)
            {
                if (head.AsSpan().StartsWith(magic))
                {
                    throw new BadInputException($"{path}: {name}; expected {expected}, as text or compressed by gzip");
                }
            }
            var bytes = new HeadedStream(head, file);
            return new(
                head.AsSpan().StartsWith(Gzip) ? new GZipStream(bytes, CompressionMode.Decompress) : bytes,
                Encoding.UTF8,
                detectEncodingFromByteOrderMarks: true
            );
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}

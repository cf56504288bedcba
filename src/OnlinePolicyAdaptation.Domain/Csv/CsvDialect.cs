namespace OnlinePolicyAdaptation.Domain.Csv;

/// <summary>How a CSV file is written, as its first line and its header show it.</summary>
/// <param name="Separator">Between cells.</param>
/// <param name="HasSeparatorLine">The first line says the separator, as Excel's <c>sep=;</c>, and is not the header.</param>
internal readonly record struct CsvDialect(char Separator, bool HasSeparatorLine)
{
    /// <summary>The one that a header has most of; of two as frequent, the one that comes first here.</summary>
    private static ReadOnlySpan<char> Separators => "\t;,|";

    /// <param name="head">The beginning of the file.</param>
    public static CsvDialect Of(ReadOnlySpan<char> head)
    {
        var first = head[..LineLength(head)].Trim(" \"");
        return first.Length == 5 && first.StartsWith("sep=", StringComparison.OrdinalIgnoreCase)
            ? new(first[4], true)
            : new(SeparatorOf(Header(head)), false);
    }

    private static int LineLength(ReadOnlySpan<char> text) =>
        text.IndexOfAny('\r', '\n') is var end and >= 0 ? end : text.Length;

    /// <summary>From the first line on that is neither blank nor begins with <c>#</c>.</summary>
    private static ReadOnlySpan<char> Header(ReadOnlySpan<char> head)
    {
        while (
            LineLength(head) is var length && length < head.Length && (head[0] == '#' || head[..length].IsWhiteSpace())
        )
        {
            head = head[(length + 1)..];
        }
        return head;
    }

    private static char SeparatorOf(ReadOnlySpan<char> header)
    {
        Span<int> counts = stackalloc int[Separators.Length];
        var isQuoted = false;
        foreach (var c in header)
        {
            if (c == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (!isQuoted && c is '\r' or '\n')
            {
                break;
            }
            else if (!isQuoted && Separators.IndexOf(c) is var separator and >= 0)
            {
                counts[separator]++;
            }
        }
        var best = 0;
        for (var i = 1; i < counts.Length; i++)
        {
            best = counts[i] > counts[best] ? i : best;
        }
        return counts[best] > 0 ? Separators[best] : ',';
    }
}

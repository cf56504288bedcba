using System.Globalization;
using System.Text.RegularExpressions;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>A column of times: ISO 8601 with an offset, or the time since 1970 (Unix) in a unit.</summary>
internal sealed partial class TraceTime
{
    /// <summary>Of <see cref="TraceColumn.Unit"/>, where times are texts.</summary>
    public const string Iso = "ISO 8601";

    private static readonly decimal LastSecond = DateTimeOffset.MaxValue.ToUnixTimeSeconds();

    private readonly TraceFile _file;
    private readonly int _ordinal;

    /// <summary>Units in a second; null: ISO 8601.</summary>
    private readonly decimal? _perSecond;

    private readonly string _unit;

    /// <exception cref="BadInputException">The column is missing or there twice, or its unit is unknown.</exception>
    public TraceTime(TraceFile file, TraceColumn column)
    {
        _file = file;
        _ordinal = file.Ordinal(column.Name);
        _unit = column.Unit;
        _perSecond = column.Unit switch
        {
            Iso => null,
            "s" => 1,
            "ms" => 1_000,
            "us" => 1_000_000,
            "ns" => 1_000_000_000,
            _ => throw new BadInputException(
                $"column {column.Name}: unknown unit '{column.Unit}' of a time; expected '{Iso}', s, ms, us or ns"
            ),
        };
    }

    /// <summary>The time in the current row.</summary>
    /// <exception cref="BadInputException">It is none, or has no offset.</exception>
    public DateTimeOffset Read()
    {
        var text = _file.Csv.Cell(_ordinal).Trim();
        return _perSecond is { } perSecond ? SinceEpoch(text, perSecond) : Calendar(text);
    }

    /// <summary>The error of a time that should have come later.</summary>
    public BadInputException NotAfter(DateTimeOffset earlier, int line) =>
        Unexpected(FormattableString.Invariant($"a time after {earlier:O} in line {line}; times grow from row to row"));

    private DateTimeOffset SinceEpoch(string text, decimal perSecond)
    {
        if (!decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var count))
        {
            throw Unexpected($"a number of {_unit} since 1970");
        }
        var seconds = count / perSecond;
        return seconds >= 0 && seconds <= LastSecond
            ? DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond))
            : throw Unexpected($"a number of {_unit} since 1970 before the year 10000; is the unit another one?");
    }

    private DateTimeOffset Calendar(string text)
    {
        var match = IsoTime().Match(text);
        if (!match.Success)
        {
            throw Unexpected("a time such as 2026-01-31T12:00:05Z or 2026-01-31T13:00:05+01:00");
        }
        if (!match.Groups["offset"].Success)
        {
            throw Unexpected("a time with an offset, such as 2026-01-31T12:00:05Z; it says no offset from UTC");
        }
        int Of(string group) =>
            match.Groups[group] is { Success: true } found
                ? int.Parse(found.ValueSpan, CultureInfo.InvariantCulture)
                : 0;
        try
        {
            var offset = new TimeSpan(Of("offsetHours"), Of("offsetMinutes"), 0);
            var ticks = long.Parse(
                match.Groups["fraction"].Value.PadRight(7, '0').AsSpan(0, 7),
                CultureInfo.InvariantCulture
            );
            var local = new DateTime(Of("year"), Of("month"), Of("day"), Of("hour"), Of("minute"), Of("second"));
            return new(local.AddTicks(ticks), match.Groups["offset"].Value[0] == '-' ? -offset : offset);
        }
        catch (ArgumentException)
        {
            throw Unexpected("a time that there is");
        }
    }

    private BadInputException Unexpected(string expected) => _file.Csv.Unexpected(_ordinal, expected);

    [GeneratedRegex(
        """
            ^(?<year>[0-9]{4})-(?<month>[0-9]{2})-(?<day>[0-9]{2})[Tt ]
            (?<hour>[0-9]{2}):(?<minute>[0-9]{2})(:(?<second>[0-9]{2})([.,](?<fraction>[0-9]{1,9}))?)?
            [ ]?(?<offset>[Zz]|[+-](?<offsetHours>[0-9]{2})(:?(?<offsetMinutes>[0-9]{2}))?)?$
            """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture
    )]
    private static partial Regex IsoTime();
}

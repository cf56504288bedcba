using OnlinePolicyAdaptation.Domain.Csv;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>A CSV file of numbers, read row by row; whatever is wrong with it is reported by place and value.</summary>
public sealed class TraceFile : IDisposable
{
    private TraceFile(CsvFile csv) => Csv = csv;

    /// <summary>The names in the first line.</summary>
    public IReadOnlyList<string> Header => Csv.Header;

    /// <summary>The line of the file in which the current row begins, from 1.</summary>
    public int Line => Csv.Line;

    /// <summary>The line of the file in which the header begins, from 1.</summary>
    public int HeaderLine => Csv.HeaderLine;

    internal CsvFile Csv { get; }

    /// <exception cref="BadInputException">There is no such file, or nothing in it.</exception>
    public static TraceFile Open(string path) =>
        new(CsvFile.Open(path, "a trace in CSV format, with a header and one row per interval"));

    /// <summary>Goes to the next row; false where there is none.</summary>
    /// <exception cref="BadInputException">It is not readable as CSV, or has more or fewer cells than the header.</exception>
    public bool Read() => Csv.Read();

    /// <summary>The field of each row in this column, checked to be a finite number from 0 to <paramref name="highest"/>.</summary>
    /// <exception cref="BadInputException">The column is missing or there twice, or its unit is unknown.</exception>
    public TraceField Field(TraceColumn column, double highest = double.MaxValue) =>
        new(
            Csv,
            Ordinal(column.Name),
            column.Scale
                ?? throw new BadInputException(
                    $"column {column.Name}: unknown unit '{column.Unit}'; expected req/s, s, ms, cores, millicores, "
                        + "fraction or %, with an optional factor such as '5 req/s'"
                ),
            highest
        );

    public void Dispose() => Csv.Dispose();

    internal int Ordinal(string name)
    {
        var places = Enumerable.Range(0, Header.Count).Where(column => Header[column] == name).ToArray();
        return places switch
        {
            [var place] => place,
            [] => throw new BadInputException(
                $"{Csv.Path}:{Csv.HeaderLine}: column '{name}' is missing; the header has "
                    + Excerpt.Of(string.Join(", ", Header), 1000)
            ),
            [var first, var second, ..] => throw new BadInputException(
                $"{Csv.Path}:{Csv.HeaderLine}: column '{name}' is there more than once, in cells {first + 1} and {second + 1}"
            ),
        };
    }
}

/// <summary>One column of a trace file, giving the number in the current row.</summary>
public sealed class TraceField
{
    /// <summary>What programs write where there is no number.</summary>
    private static readonly HashSet<string> Blanks = new(StringComparer.OrdinalIgnoreCase)
    {
        "",
        "-",
        "NaN",
        "-NaN",
        "NA",
        "N/A",
        "null",
        "None",
    };

    private readonly CsvFile _file;
    private readonly int _ordinal;
    private readonly double _scale;
    private readonly double _highest;

    internal TraceField(CsvFile file, int ordinal, double scale, double highest)
    {
        _file = file;
        _ordinal = ordinal;
        _scale = scale;
        _highest = highest;
    }

    /// <summary>Whether there is no number in the current row: the cell is blank or says NaN, NA or null.</summary>
    public bool IsBlank => Blanks.Contains(_file.Cell(_ordinal).Trim());

    /// <summary>The number in the current row, in req/s, seconds, cores or as a fraction.</summary>
    /// <exception cref="BadInputException">It is not a finite number from 0 to the highest value.</exception>
    public double Number()
    {
        var value = (_file.Number(_ordinal) ?? throw Unexpected("a number")) * _scale;
        if (!double.IsFinite(value) || value < 0)
        {
            throw Unexpected("a finite number of at least 0");
        }
        return value <= _highest
            ? value
            : throw Unexpected(FormattableString.Invariant($"at most {_highest / _scale}"));
    }

    /// <summary>The number in the current row, of what something was measured that was served.</summary>
    /// <param name="served">What was served, in words.</param>
    /// <exception cref="BadInputException">There is none, or it is not a finite number from 0 to the highest value.</exception>
    public double NumberOf(string served) => IsBlank ? throw Unexpected($"a number, though {served}") : Number();

    /// <summary>The error that names file, line, column and value, and what was expected instead.</summary>
    public BadInputException Unexpected(string expected) => _file.Unexpected(_ordinal, expected);

    /// <summary>The number in the current row as it is written.</summary>
    public override string ToString() => $"{_file.Header[_ordinal]} is {_file.Cell(_ordinal).Trim()}";
}

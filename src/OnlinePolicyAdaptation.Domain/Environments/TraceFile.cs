using System.Globalization;
using Sylvan.Data.Csv;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>A CSV file of numbers, read row by row; whatever is wrong with it is reported by place and value.</summary>
public sealed class TraceFile : IDisposable
{
    private readonly string _path;
    private readonly CsvDataReader _reader;

    private TraceFile(string path, CsvDataReader reader)
    {
        _path = path;
        _reader = reader;
        Header = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
    }

    /// <summary>The names in the first line.</summary>
    public IReadOnlyList<string> Header { get; }

    /// <summary>The line of the current row, counting the header as line 1.</summary>
    public int Line => _reader.RowNumber + 1;

    /// <exception cref="BadInputException">There is no such file, or nothing in it.</exception>
    public static TraceFile Open(string path)
    {
        if (!File.Exists(path))
        {
            throw new BadInputException($"{path}: no such file; expected a trace in CSV format");
        }
        if (new FileInfo(path).Length == 0)
        {
            throw new BadInputException($"{path}: the file is empty; expected a header and one row per interval");
        }
        return Guarded(path, () => new TraceFile(path, CsvDataReader.Create(path)));
    }

    /// <summary>Goes to the next row; false where there is none.</summary>
    /// <exception cref="BadInputException">It is not readable as CSV.</exception>
    public bool Read() => Guarded(_path, _reader.Read);

    /// <summary>The field of each row in this column, checked to be a finite number from 0 to <paramref name="highest"/>.</summary>
    /// <exception cref="BadInputException">The column is missing or there twice, or its unit is unknown.</exception>
    public TraceField Field(TraceColumn column, double highest = double.MaxValue)
    {
        var scale =
            column.Scale
            ?? throw new BadInputException(
                $"column {column.Name}: unknown unit '{column.Unit}'; expected req/s, s, ms, cores, millicores, fraction "
                    + "or %, with an optional factor such as '5 req/s'"
            );
        return Header.Count(name => name == column.Name) switch
        {
            1 => new TraceField(this, column.Name, Header.ToList().IndexOf(column.Name), scale, highest),
            0 => throw new BadInputException(
                $"{_path}:1: column '{column.Name}' is missing; the header has {string.Join(", ", Header)}"
            ),
            _ => throw new BadInputException($"{_path}:1: column '{column.Name}' is there more than once"),
        };
    }

    public void Dispose() => _reader.Dispose();

    internal string RowText => string.Join(',', Enumerable.Range(0, _reader.RowFieldCount).Select(Text));

    internal string Text(int ordinal) => ordinal < _reader.RowFieldCount ? _reader.GetString(ordinal) : "";

    internal BadInputException Unexpected(string column, int ordinal, string expected) =>
        new($"{_path}:{Line}: column {column}: '{Text(ordinal)}' is not {expected}");

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (CsvFormatException e)
        {
            throw new BadInputException($"{path}:{e.RowNumber + 1}: not readable as CSV: {e.Message}", e);
        }
    }
}

/// <summary>One column of a trace file, giving the number in the current row.</summary>
public sealed class TraceField
{
    private readonly TraceFile _file;
    private readonly string _column;
    private readonly int _ordinal;
    private readonly double _scale;
    private readonly double _highest;

    internal TraceField(TraceFile file, string column, int ordinal, double scale, double highest)
    {
        _file = file;
        _column = column;
        _ordinal = ordinal;
        _scale = scale;
        _highest = highest;
    }

    /// <summary>The number in the current row, in req/s, seconds, cores or as a fraction.</summary>
    /// <exception cref="BadInputException">It is not a finite number from 0 to the highest value.</exception>
    public double Number()
    {
        var text = _file.Text(_ordinal);
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
        {
            throw Unexpected("a number");
        }
        value *= _scale;
        if (!double.IsFinite(value) || value < 0)
        {
            throw Unexpected("a finite number of at least 0");
        }
        return value <= _highest
            ? value
            : throw Unexpected(FormattableString.Invariant($"at most {_highest / _scale}"));
    }

    /// <summary>The error that names file, line, column and value, and what was expected instead.</summary>
    public BadInputException Unexpected(string expected) => _file.Unexpected(_column, _ordinal, expected);
}

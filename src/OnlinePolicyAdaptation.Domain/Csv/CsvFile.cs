using System.Globalization;

namespace OnlinePolicyAdaptation.Domain.Csv;

/// <summary>
/// A CSV file with a header, read row by row, as many programs write it; whatever is wrong with it is reported by place and
/// value.
/// </summary>
/// <remarks>
/// Cells are separated by commas, semicolons, tabs or bars, whichever the header has most of, or as a first line such as
/// <c>sep=;</c> says. The file may be compressed by gzip. Blank lines and lines that begin with <c>#</c> are passed over.
/// Every row has as many cells as the header.
/// </remarks>
public sealed class CsvFile : IDisposable
{
    /// <summary>Characters from which separator and decimal marks are told.</summary>
    private const int HeadLength = 64 * 1024;

    private readonly TextReader _text;
    private readonly CsvRecords _records;
    private readonly DecimalMarks _decimals;
    private readonly char _separator;

    private CsvFile(string path, TextReader text, string expected)
    {
        Path = path;
        _text = text;
        var buffer = new char[HeadLength];
        ReadOnlySpan<char> head = buffer.AsSpan(0, text.ReadBlock(buffer));
        var dialect = CsvDialect.Of(head);
        _separator = dialect.Separator;
        _records = AtHeader(dialect, head, text);
        _decimals = new(AtHeader(dialect, head, TextReader.Null), isWhole: head.Length < HeadLength);
        if (_records.Count == 0 && _records.Fault is null)
        {
            throw new BadInputException($"{path}: the file is empty; expected {expected}");
        }
        if (_records.Fault is { } fault)
        {
            throw new BadInputException($"{path}:{_records.Line}: {fault}; expected the header");
        }
        HeaderLine = _records.Line;
        Header = [.. Enumerable.Range(0, _records.Count).Select(column => _records[column].Trim())];
    }

    public string Path { get; }

    /// <summary>The cells of the first row.</summary>
    public IReadOnlyList<string> Header { get; }

    /// <summary>The line of the file in which the header begins, from 1.</summary>
    public int HeaderLine { get; }

    /// <summary>The line of the file in which the current row begins, from 1.</summary>
    public int Line => _records.Line;

    /// <summary>What is wrong with the current row as a whole, with its place; null: nothing, and its cells can be asked for.</summary>
    public string? Fault { get; private set; }

    /// <summary>The row as it stands in the file; of one that is too long its beginning.</summary>
    public string RowText => _records.Text.ToString();

    /// <param name="path">The file.</param>
    /// <param name="expected">What it should be, in words.</param>
    /// <exception cref="BadInputException">There is no such file, nothing in it, or something else than text.</exception>
    public static CsvFile Open(string path, string expected)
    {
        var text = CsvSource.Open(path, expected);
        try
        {
            return new(path, text, expected);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            text.Dispose();
            throw new BadInputException($"{path}: not readable as CSV: {Excerpt.Of(e.Message)}", e);
        }
        catch
        {
            text.Dispose();
            throw;
        }
    }

    /// <summary>Goes to the next row, which may have a <see cref="Fault"/>; false where there is none.</summary>
    /// <exception cref="BadInputException">The rest of the file is damaged or no text.</exception>
    public bool Next()
    {
        try
        {
            if (!_records.Read())
            {
                return false;
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new BadInputException($"{Path}:{_records.Line}: not readable as CSV: {Excerpt.Of(e.Message)}", e);
        }
        Fault = WrongRow() is { } wrong ? $"{Path}:{Line}: {wrong}" : null;
        return true;
    }

    /// <summary>Goes to the next row, which is sound; false where there is none.</summary>
    /// <exception cref="BadInputException">There is something wrong with it, or the rest of the file is damaged.</exception>
    public bool Read()
    {
        var isThere = Next();
        return isThere && Fault is { } fault ? throw new BadInputException(fault) : isThere;
    }

    /// <summary>A cell of the current row.</summary>
    /// <exception cref="BadInputException">There is something wrong with the row.</exception>
    public string Cell(int column) => Fault is { } fault ? throw new BadInputException(fault) : _records[column];

    /// <summary>The number in a cell of the current row, which may be infinite or NaN; null where it is none.</summary>
    /// <exception cref="BadInputException">There is something wrong with the row.</exception>
    public double? Number(int column)
    {
        var text = Cell(column);
        if (_decimals.IsComma(column))
        {
            text = text.Contains('.') ? "" : text.Replace(',', '.');
        }
        return Number(text);
    }

    /// <summary>The error that names file, line, column and value, and what was expected instead.</summary>
    public BadInputException Unexpected(int column, string expected)
    {
        var text = Cell(column);
        var hint =
            text.AsSpan().ContainsAny(',', '.')
            && Number(column) is null
            && Number(text.Replace(",", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal))
                is not null
                ? "; write all decimals with a point, and no separators of thousands"
                : "";
        return new($"{Path}:{Line}: column {Header[column]}: '{Excerpt.Of(text)}' is not {expected}{hint}");
    }

    public void Dispose() => _text.Dispose();

    private static CsvRecords AtHeader(CsvDialect dialect, ReadOnlySpan<char> head, TextReader rest)
    {
        var records = new CsvRecords(rest, head, dialect.Separator);
        if (dialect.HasSeparatorLine)
        {
            records.SkipLine();
        }
        records.Read();
        return records;
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private string? WrongRow()
    {
        if (_records.Fault is { } fault)
        {
            return fault;
        }
        if (_records.Count == Header.Count)
        {
            return null;
        }
        var hint =
            _records.Count > Header.Count && _separator == ','
                ? "; a number with a decimal comma makes two cells: write decimals with a point, or separate cells by semicolons"
                : "";
        var cells = _records.Count == 1 ? "cell" : "cells";
        return $"{_records.Count} {cells}; expected {Header.Count}, as in the header{hint}";
    }
}

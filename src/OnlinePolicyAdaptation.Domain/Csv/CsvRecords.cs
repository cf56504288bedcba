namespace OnlinePolicyAdaptation.Domain.Csv;

/// <summary>The records of a CSV text (RFC 4180), one after the other.</summary>
/// <remarks>
/// Cells that begin with a quote end with one; within, separators and line breaks are text, and two quotes are one.
/// Lines end with LF, CRLF or CR. Records whose cells are all blank and lines that begin with <c>#</c> are passed over.
/// </remarks>
/// <param name="reader">The text, from after <paramref name="head"/> on.</param>
/// <param name="head">The beginning of the text.</param>
/// <param name="separator">Between cells.</param>
internal sealed class CsvRecords(TextReader reader, ReadOnlySpan<char> head, char separator)
{
    /// <summary>Characters of a record at most: room for a cell of 1 MiB and for the others.</summary>
    private const int LongestRecord = 2 * 1024 * 1024;

    /// <summary>Characters of a text at most, which a small compressed file can exceed.</summary>
    private const long LongestText = 4L * 1024 * 1024 * 1024;

    /// <summary>Characters that are kept of a record that is too long.</summary>
    private const int KeptOfTooLong = 200;

    private readonly List<CsvCell> _cells = [];
    private char[] _buffer = head.ToArray();
    private int _at;
    private int _end = head.Length;
    private long _taken = head.Length;
    private char[] _text = new char[1024];
    private int _length;
    private bool _isTooLong;
    private int _line = 1;
    private bool _afterReturn;

    /// <summary>The line in which the current record begins, from 1.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>Why the current record has no cells that could be read; null where it has.</summary>
    public string? Fault { get; private set; }

    /// <summary>The number of cells.</summary>
    public int Count => _cells.Count;

    /// <summary>The record as it stands in the text.</summary>
    public ReadOnlySpan<char> Text => _text.AsSpan(0, _length);

    /// <summary>Whether the text ends with the current record.</summary>
    public bool IsLast => Peek() < 0;

    /// <summary>A cell without its quotes.</summary>
    public string this[int index]
    {
        get
        {
            var cell = _cells[index];
            var text = _text.AsSpan(cell.Start, cell.Length);
            return cell.HasQuotes ? text.ToString().Replace("\"\"", "\"", StringComparison.Ordinal) : text.ToString();
        }
    }

    /// <summary>Goes to the next record; false where there is none.</summary>
    /// <exception cref="InvalidDataException">It is no text, or damaged.</exception>
    public bool Read()
    {
        while (true)
        {
            (Line, Fault, _length, _isTooLong) = (_line, null, 0, false);
            _cells.Clear();
            var next = Peek();
            if (next < 0)
            {
                return false;
            }
            if (next == '#')
            {
                SkipLine();
                continue;
            }
            ReadCells();
            if (_isTooLong)
            {
                Fault = $"a row of more than {LongestRecord / 1024 / 1024} MiB";
                _length = KeptOfTooLong;
            }
            if (Fault is not null || !IsBlank())
            {
                return true;
            }
        }
    }

    /// <summary>Passes over the rest of the line.</summary>
    public void SkipLine()
    {
        while (Peek() is not (< 0 or '\r' or '\n'))
        {
            Take();
        }
        EndLine();
    }

    private void ReadCells()
    {
        while (true)
        {
            if (Peek() == '"')
            {
                if (!ReadQuoted())
                {
                    return;
                }
            }
            else
            {
                var start = _length;
                while (!IsEndOfCell(Peek()))
                {
                    Append(Take());
                }
                _cells.Add(new(start, _length - start, false));
            }
            if (Peek() != separator)
            {
                EndLine();
                return;
            }
            Append(Take());
        }
    }

    /// <summary>False where something is wrong with it; then the record is over.</summary>
    private bool ReadQuoted()
    {
        var line = _line;
        Append(Take());
        var (start, hasQuotes) = (_length, false);
        while (true)
        {
            var c = Take();
            if (c < 0)
            {
                Fault = $"the quoted cell that begins in line {line} has no closing quote";
                return false;
            }
            Append(c);
            if (c != '"')
            {
                continue;
            }
            if (Peek() != '"')
            {
                break;
            }
            hasQuotes = true;
            Append(Take());
        }
        _cells.Add(new(start, _length - 1 - start, hasQuotes));
        while (Peek() == ' ')
        {
            Append(Take());
        }
        if (IsEndOfCell(Peek()))
        {
            return true;
        }
        Fault = $"cell {_cells.Count} goes on after its closing quote";
        SkipLine();
        return false;
    }

    private bool IsEndOfCell(int c) => c == separator || c is < 0 or '\r' or '\n';

    private bool IsBlank()
    {
        foreach (var c in Text)
        {
            if (c != separator && c != '"' && !char.IsWhiteSpace(c))
            {
                return false;
            }
        }
        return true;
    }

    private void EndLine()
    {
        if (Take() == '\r' && Peek() == '\n')
        {
            Take();
        }
    }

    private void Append(int c)
    {
        if (_length == LongestRecord)
        {
            _isTooLong = true;
            return;
        }
        if (_length == _text.Length)
        {
            Array.Resize(ref _text, Math.Min(2 * _text.Length, LongestRecord));
        }
        _text[_length++] = (char)c;
    }

    private int Peek() => _at < _end || Fill() ? _buffer[_at] : -1;

    private int Take()
    {
        var c = Peek();
        if (c < 0)
        {
            return c;
        }
        if (c == '\0')
        {
            throw new InvalidDataException("a NUL character; expected text");
        }
        if (c == '\r' || (c == '\n' && !_afterReturn))
        {
            _line++;
        }
        _afterReturn = c == '\r';
        _at++;
        return c;
    }

    private bool Fill()
    {
        if (_buffer.Length < 4096)
        {
            _buffer = new char[32 * 1024];
        }
        (_at, _end) = (0, reader.Read(_buffer));
        _taken += _end;
        return _taken > LongestText
            ? throw new InvalidDataException($"more than {LongestText / 1024 / 1024 / 1024} GiB of text")
            : _end > 0;
    }

    private readonly record struct CsvCell(int Start, int Length, bool HasQuotes);
}

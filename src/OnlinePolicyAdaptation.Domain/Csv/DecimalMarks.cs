using System.Globalization;

namespace OnlinePolicyAdaptation.Domain.Csv;

/// <summary>
/// Whether the numbers of a column have decimal points or decimal commas, as the first rows of a file show it.
/// </summary>
/// <remarks>
/// A comma is taken for a decimal mark only where it can be nothing else: somewhere in the column, or if it says nothing
/// in any other, stands a number such as 5,1583 or 0,25, and none with a point. A column with 1,250 alone might hold
/// thousands; its commas are no numbers.
/// </remarks>
internal sealed class DecimalMarks
{
    private readonly bool[] _commas;
    private readonly bool[] _points;

    /// <param name="records">The beginning of a file, at its header.</param>
    /// <param name="isWhole">Whether it is the whole file, so that its last record is complete.</param>
    public DecimalMarks(CsvRecords records, bool isWhole)
    {
        _commas = new bool[records.Count];
        _points = new bool[records.Count];
        while (records.Read() && (isWhole || !records.IsLast))
        {
            for (var column = 0; column < records.Count && column < _commas.Length && records.Fault is null; column++)
            {
                var text = records[column];
                _commas[column] |= HasDecimalComma(text);
                _points[column] |= text.Contains('.') && IsNumber(text);
            }
        }
    }

    /// <summary>Whether a column has decimal commas.</summary>
    public bool IsComma(int column) =>
        _commas[column] != _points[column]
            ? _commas[column]
            : !_commas[column] && _commas.Contains(true) && !_points.Contains(true);

    private static bool HasDecimalComma(string text)
    {
        var comma = text.IndexOf(',');
        if (comma < 0 || text.Contains('.') || !IsNumber(text.Replace(',', '.')))
        {
            return false;
        }
        var whole = text.AsSpan(0, comma).Trim().TrimStart("+-");
        var looksLikeThousands = whole.Length is 1 or 2 or 3 && whole[0] != '0' && text.Length - comma - 1 == 3;
        return !looksLikeThousands;
    }

    private static bool IsNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
}

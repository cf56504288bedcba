using System.Globalization;
using System.Text;

namespace OnlinePolicyAdaptation.Domain;

/// <summary>Foreign text as a message shows it: in one line, and not more of it than can be read.</summary>
public static class Excerpt
{
    private const int Usual = 100;

    /// <summary>The beginning of a text; line breaks and other control characters as escapes.</summary>
    /// <param name="text">Of any length.</param>
    /// <param name="longest">Characters of it that are shown at most; an ellipsis stands for the rest.</param>
    public static string Of(ReadOnlySpan<char> text, int longest = Usual)
    {
        var shown = new StringBuilder();
        foreach (var c in text[..Math.Min(text.Length, longest)])
        {
            _ = c switch
            {
                '\n' => shown.Append("\\n"),
                '\r' => shown.Append("\\r"),
                '\t' => shown.Append("\\t"),
                _ when char.IsControl(c) || c is '\u2028' or '\u2029' => shown.Append(
                    CultureInfo.InvariantCulture,
                    $"\\u{(int)c:x4}"
                ),
                _ => shown.Append(c),
            };
        }
        return text.Length > longest ? shown.Append('…').ToString() : shown.ToString();
    }
}

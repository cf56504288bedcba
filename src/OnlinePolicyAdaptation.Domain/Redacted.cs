using System.Text.RegularExpressions;

namespace OnlinePolicyAdaptation.Domain;

/// <summary>Addresses as they may be shown: without user, password, query and fragment, which may be secret.</summary>
public static partial class Redacted
{
    /// <summary>A text that should be an address and perhaps is none, shown by its beginning.</summary>
    public static string Address(string text)
    {
        var end = text.IndexOfAny(['?', '#']);
        var shown = end < 0 ? text : text[..end] + text[end] + "***";
        var place = end < 0 ? text.Length : end;
        // What stands before an @ may be a password, wherever that is.
        var at = shown[..place].LastIndexOf('@');
        var scheme = shown.IndexOf("://", StringComparison.Ordinal);
        var start = scheme >= 0 && scheme < at ? scheme + 3 : 0;
        return Excerpt.Of(at < 0 ? shown : shown[..start] + "***" + shown[at..], 200);
    }

    /// <summary>A message in which there may be addresses, as one line of bounded length.</summary>
    public static string Message(string text) =>
        Excerpt.Of(Addresses().Replace(text, match => Address(match.Value)), 500);

    [GeneratedRegex("""[A-Za-z][A-Za-z0-9+.-]*://[^\s'"<>]+""")]
    private static partial Regex Addresses();
}

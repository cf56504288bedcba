using System.Text.Json;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>Reads policies written as JSON, strictly.</summary>
internal static class PolicyJson
{
    private static readonly JsonSerializerOptions Options = new(StrictJson.Options())
    {
        RespectRequiredConstructorParameters = false,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <exception cref="BadInputException">There is no such file, or it holds something else.</exception>
    public static T Load<T>(string path, string expected)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(GivenFile.ReadBytes(path, expected), Options)
                ?? throw new BadInputException($"{path}: null; expected {expected}");
        }
        catch (JsonException e)
        {
            throw new BadInputException(
                $"{path}:{e.LineNumber + 1}: {e.Message.Split(" Path: ")[0]} Expected {expected}",
                e
            );
        }
    }
}

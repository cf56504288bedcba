using System.Text.Json;
using System.Text.Json.Serialization;

namespace OnlinePolicyAdaptation.Domain;

/// <summary>How JSON is read that nobody may have meant otherwise: a field that is unknown, missing, null or there twice is an error. And how it is written.</summary>
public static class StrictJson
{
    /// <summary>New options, to which a reader adds what is its own.</summary>
    public static JsonSerializerOptions Options() =>
        new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            AllowDuplicateProperties = false,
        };

    /// <summary>To write what others read: what is null is left out.</summary>
    public static JsonSerializerOptions WritingOptions() =>
        new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        };

    /// <summary>For documents that are read element by element.</summary>
    public static JsonDocumentOptions DocumentOptions { get; } = new() { AllowDuplicateProperties = false };
}

using System.Collections.Immutable;
using System.Text.Json;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>A named array of numbers from a file.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Shape">At least one dimension, each at least 1.</param>
/// <param name="Values">In row-major order; finite.</param>
public sealed record Tensor(string Name, EquatableArray<int> Shape, ImmutableArray<float> Values);

/// <summary>What a tensor file holds.</summary>
/// <param name="Metadata">Texts beside the tensors.</param>
/// <param name="Tensors">By name.</param>
public sealed record TensorFile(
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyDictionary<string, Tensor> Tensors
);

/// <summary>Text from a file as it may stand in a message.</summary>
internal static class Shown
{
    private const int Longest = 80;

    /// <summary>In quotes, shortened, with everything escaped that is not plain ASCII.</summary>
    public static string Text(string text) =>
        JsonSerializer.Serialize(text.Length <= Longest ? text : string.Concat(text.AsSpan(0, Longest), "..."));
}

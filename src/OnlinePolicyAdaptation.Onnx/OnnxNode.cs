using System.Collections.Immutable;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>A constant of a node: exactly one of the three is there.</summary>
internal sealed record OnnxAttribute(float? Float, long? Integer, Tensor? Tensor);

/// <summary>One operation.</summary>
/// <param name="Place">How errors call it.</param>
/// <param name="Operation">Its name in the standard, such as <c>Gemm</c>.</param>
/// <param name="Inputs">Names of the values it takes; an empty one is an input left out.</param>
/// <param name="Output">Name of the value it makes.</param>
/// <param name="Attributes">By name.</param>
internal sealed record OnnxNode(
    string Place,
    string Operation,
    ImmutableArray<string> Inputs,
    string Output,
    ImmutableDictionary<string, OnnxAttribute> Attributes
)
{
    /// <summary>Refuses another number of inputs, and attributes that are not named here.</summary>
    public void Expect(int leastInputs, int mostInputs, params ReadOnlySpan<string> attributes)
    {
        if (Inputs.Length < leastInputs || Inputs.Length > mostInputs)
        {
            throw Bad(
                $"has {Inputs.Length} inputs; expected {leastInputs}{(mostInputs > leastInputs ? $" to {mostInputs}" : "")}"
            );
        }
        foreach (var name in Attributes.Keys)
        {
            if (!attributes.Contains(name))
            {
                throw Bad(
                    $"has attribute {Shown.Text(name)}; expected {(attributes.IsEmpty ? "none" : string.Join(", ", attributes!))}"
                );
            }
        }
    }

    /// <summary>The integer of this name, if it is one of those that may be.</summary>
    public long Integer(string name, long byDefault, params ReadOnlySpan<long> expected)
    {
        var value = Attributes.TryGetValue(name, out var attribute) ? attribute.Integer : byDefault;
        return value is { } known && expected.Contains(known)
            ? known
            : throw Bad(
                $"has {name} {value?.ToString() ?? "of another type"}; expected {string.Join(" or ", expected.ToArray())}"
            );
    }

    /// <summary>Refuses a factor other than 1.</summary>
    public void ExpectOne(string name)
    {
        if (Attributes.TryGetValue(name, out var attribute) && attribute.Float is not 1)
        {
            throw Bad(
                FormattableString.Invariant(
                    $"has {name} {attribute.Float?.ToString("R") ?? "of another type"}; expected 1"
                )
            );
        }
    }

    public BadInputException Bad(string problem) => new($"{Place} {problem}");
}

using System.Collections.Immutable;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>A graph of operations on float tensors: the part of an ONNX model that can be an actor.</summary>
/// <param name="Input">The one value that is given from outside.</param>
/// <param name="Output">The one result.</param>
/// <param name="Nodes">In an order in which they can be computed.</param>
/// <param name="Initialisers">Constants, each under a name of its own.</param>
internal sealed record OnnxGraph(
    OnnxValue Input,
    OnnxValue Output,
    ImmutableArray<OnnxNode> Nodes,
    ImmutableArray<Tensor> Initialisers
);

/// <param name="Name">By which nodes refer to it.</param>
/// <param name="Shape"><c>[n]</c> or <c>[batch, n]</c>; null where the file leaves a length open.</param>
internal sealed record OnnxValue(string Name, ImmutableArray<long?> Shape);

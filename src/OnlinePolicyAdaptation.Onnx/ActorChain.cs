using System.Collections.Immutable;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>Follows a graph from its input to its output, node by node, and gathers the layers on the way.</summary>
/// <remarks>
/// A layer is a <c>Gemm</c> with <c>alpha = beta = 1</c> and <c>transA = 0</c>, or a <c>MatMul</c> with or without an
/// <c>Add</c> after it. Between two layers stands one <c>Tanh</c> or <c>Relu</c>, the same everywhere. <c>Identity</c>,
/// <c>Flatten</c> of a batch of vectors and <c>Constant</c> may stand anywhere. Each weight and bias is used once, so layers
/// take no more memory than the file gives reason for.
/// </remarks>
internal sealed class ActorChain
{
    private readonly OnnxGraph _graph;
    private readonly string _file;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _constants = new(StringComparer.Ordinal);
    private readonly HashSet<Tensor> _unused = new(ReferenceEqualityComparer.Instance);
    private readonly ImmutableArray<DenseLayer>.Builder _layers = ImmutableArray.CreateBuilder<DenseLayer>();
    private string _current;

    /// <summary>The last node, if it was a MatMul: an Add may give it biases.</summary>
    private DenseLayer? _withoutBiases;
    private Activation? _activation;
    private int _activated;

    private ActorChain(OnnxGraph graph, string file)
    {
        _graph = graph;
        _file = file;
        _current = graph.Input.Name;
        if (graph.Input.Shape is not ([_] or [null or 1, _]))
        {
            throw new BadInputException(
                $"{file}: graph.input has shape [{Shape(graph.Input)}]; expected [numbers], or [batch, numbers] with a batch of 1 or any"
            );
        }
        Define(graph.Input.Name, "graph.input");
        for (var i = 0; i < graph.Initialisers.Length; i++)
        {
            AddConstant(graph.Initialisers[i].Name, graph.Initialisers[i], $"graph.initializer[{i}]");
        }
    }

    /// <param name="graph">As it stands in the file.</param>
    /// <param name="file">How messages call it.</param>
    /// <exception cref="BadInputException">The graph is anything else than such a chain, or has a constant too many.</exception>
    public static MultilayerPerceptron Network(OnnxGraph graph, string file)
    {
        var chain = new ActorChain(graph, file);
        foreach (var node in graph.Nodes)
        {
            chain.Follow(node);
        }
        chain.CheckEnd();
        return new(chain._layers.ToImmutable(), chain._activation ?? Activation.Tanh);
    }

    private static string Shape(OnnxValue value) =>
        string.Join(", ", value.Shape.Select(length => length?.ToString() ?? "any"));

    private void Define(string name, string place)
    {
        if (name.Length == 0 || !_names.Add(name))
        {
            throw new BadInputException(
                $"{_file}: {place} defines {Shown.Text(name)}; expected a name that nothing before it has"
            );
        }
    }

    private void AddConstant(string name, Tensor tensor, string place)
    {
        Define(name, place);
        _constants.Add(name, tensor);
        _unused.Add(tensor);
    }

    private void Follow(OnnxNode node)
    {
        switch (node.Operation)
        {
            case "Constant":
                node.Expect(0, 0, "value");
                AddConstant(node.Output, ConstantValue(node), "the output of a Constant");
                break;
            case "Identity" when node.Inputs is [var name, ..] && _constants.TryGetValue(name, out var constant):
                node.Expect(1, 1);
                Define(node.Output, "the output of an Identity");
                _constants.Add(node.Output, constant);
                break;
            case "Identity":
                node.Expect(1, 1);
                Advance(node, node.Inputs[0]);
                break;
            case "Flatten":
                Flatten(node);
                break;
            case "Tanh":
                Activate(node, Activation.Tanh);
                break;
            case "Relu":
                Activate(node, Activation.Relu);
                break;
            case "Gemm":
                Gemm(node);
                break;
            case "MatMul":
                MatMul(node);
                break;
            case "Add":
                Add(node);
                break;
            default:
                throw node.Bad("is not known; expected Gemm, MatMul, Add, Tanh, Relu, Flatten, Identity or Constant");
        }
    }

    /// <summary>Goes on to the node's output, if the node takes what the chain has come to.</summary>
    private void Advance(OnnxNode node, string input)
    {
        if (input != _current)
        {
            throw node.Bad(
                $"takes {Shown.Text(input)}; expected {Shown.Text(_current)}, the last value of a chain without branches"
            );
        }
        Define(node.Output, $"the output of a {node.Operation}");
        _current = node.Output;
        _withoutBiases = null;
    }

    private static Tensor ConstantValue(OnnxNode node) =>
        node.Attributes.TryGetValue("value", out var attribute) && attribute.Tensor is { } tensor
            ? tensor
            : throw node.Bad("has no value; expected a tensor of floats");

    private void Flatten(OnnxNode node)
    {
        node.Expect(1, 1, "axis");
        node.Integer("axis", 1, 1);
        if (_graph.Input.Shape.Length != 2)
        {
            throw node.Bad($"flattens {_graph.Input.Shape.Length} dimension; expected a graph whose input has 2");
        }
        Advance(node, node.Inputs[0]);
    }

    private void Activate(OnnxNode node, Activation activation)
    {
        node.Expect(1, 1);
        if (_activated == _layers.Count)
        {
            throw node.Bad($"does not follow a layer; expected one {node.Operation} after each layer but the last");
        }
        if (_activation is { } other && other != activation)
        {
            throw node.Bad($"comes after a {other}; expected the same activation everywhere");
        }
        Advance(node, node.Inputs[0]);
        _activation = activation;
        _activated++;
    }

    private void Gemm(OnnxNode node)
    {
        node.Expect(2, 3, "alpha", "beta", "transA", "transB");
        node.ExpectOne("alpha");
        node.ExpectOne("beta");
        node.Integer("transA", 0, 0);
        if (_graph.Input.Shape.Length != 2)
        {
            throw node.Bad($"multiplies {_graph.Input.Shape.Length} dimension; expected a graph whose input has 2");
        }
        var transposed = node.Integer("transB", 0, 0, 1) == 1;
        var layer = Layer(node, Matrix(node, node.Inputs[1]), transposed);
        if (node.Inputs is [_, _, { Length: > 0 } biases])
        {
            layer = WithBiases(node, layer, biases);
        }
        AddLayer(node, layer);
    }

    private void MatMul(OnnxNode node)
    {
        node.Expect(2, 2);
        var layer = Layer(node, Matrix(node, node.Inputs[1]), rowsAreOutputs: false);
        AddLayer(node, layer);
        _withoutBiases = layer;
    }

    private void Add(OnnxNode node)
    {
        node.Expect(2, 2);
        if (_withoutBiases is not { } layer)
        {
            throw node.Bad("does not follow a MatMul; expected one before it");
        }
        var (input, biases) =
            node.Inputs[0] == _current ? (node.Inputs[0], node.Inputs[1]) : (node.Inputs[1], node.Inputs[0]);
        Advance(node, input);
        _layers[^1] = WithBiases(node, layer, biases);
    }

    private void AddLayer(OnnxNode node, DenseLayer layer)
    {
        if (_activated != _layers.Count)
        {
            throw node.Bad("follows another layer at once; expected Tanh or Relu between them");
        }
        var expected = _layers.Count == 0 ? _graph.Input.Shape[^1] : _layers[^1].Outputs;
        if (expected is { } inputs && inputs != layer.Inputs)
        {
            throw node.Bad($"takes {layer.Inputs} numbers; expected {inputs}, as many as it is given");
        }
        Advance(node, node.Inputs[0]);
        _layers.Add(layer);
    }

    private Tensor Constant(OnnxNode node, string name) =>
        !_constants.TryGetValue(name, out var tensor) ? throw node.Bad($"takes {Shown.Text(name)}; expected a constant")
        : _unused.Remove(tensor) ? tensor
        : throw node.Bad($"takes {Shown.Text(name)} again; expected a constant that no other node takes");

    private Tensor Matrix(OnnxNode node, string name)
    {
        var tensor = Constant(node, name);
        return tensor.Shape.Count == 2
            ? tensor
            : throw node.Bad($"takes {Shown.Text(name)} of {tensor.Shape.Count} dimension; expected a matrix");
    }

    private static DenseLayer Layer(OnnxNode node, Tensor matrix, bool rowsAreOutputs)
    {
        var (rows, columns) = (matrix.Shape[0], matrix.Shape[1]);
        return rowsAreOutputs
            ? new(columns, rows, matrix.Values, NoBiases(rows))
            : new(rows, columns, Transposed(matrix.Values, rows, columns), NoBiases(columns));
    }

    private static ImmutableArray<float> NoBiases(int outputs) => [.. new float[outputs]];

    private static ImmutableArray<float> Transposed(ImmutableArray<float> values, int rows, int columns)
    {
        var transposed = ImmutableArray.CreateBuilder<float>(values.Length);
        for (var column = 0; column < columns; column++)
        {
            for (var row = 0; row < rows; row++)
            {
                transposed.Add(values[(row * columns) + column]);
            }
        }
        return transposed.MoveToImmutable();
    }

    private DenseLayer WithBiases(OnnxNode node, DenseLayer layer, string name)
    {
        var biases = Constant(node, name);
        return biases.Shape[^1] == layer.Outputs && biases.Values.Length == layer.Outputs
            ? new(layer.Inputs, layer.Outputs, layer.Weights, biases.Values)
            : throw node.Bad(
                $"adds {Shown.Text(name)} of shape [{string.Join(", ", biases.Shape)}]; expected [{layer.Outputs}], a bias per output"
            );
    }

    private void CheckEnd()
    {
        if (_graph.Output.Name != _current)
        {
            throw new BadInputException(
                $"{_file}: graph.output is {Shown.Text(_graph.Output.Name)}; expected {Shown.Text(_current)}, the end of the chain"
            );
        }
        if (_layers.Count == 0 || _activated != _layers.Count - 1)
        {
            throw new BadInputException(
                $"{_file}: graph has {_layers.Count} layers and {_activated} activations; expected an activation after each layer but the last"
            );
        }
        var outputs = _layers[^1].Outputs;
        if (_graph.Output.Shape is not [.., var length] || (length ?? outputs) != outputs)
        {
            throw new BadInputException(
                $"{_file}: graph.output has shape [{Shape(_graph.Output)}]; expected {outputs} numbers, as the last layer has"
            );
        }
        if (_unused.Count > 0)
        {
            throw new BadInputException(
                $"{_file}: graph has {_unused.Count} constants that no node takes; expected none"
            );
        }
    }
}

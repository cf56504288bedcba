using System.Collections.Immutable;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>A network as the tensors of a <c>state_dict</c> of Stable-Baselines3's MlpPolicy.</summary>
/// <remarks>
/// Actor: <c>mlp_extractor.policy_net.0.weight</c> and <c>.bias</c>, then <c>.2</c>, <c>.4</c>, .. (the activations between
/// take the odd numbers), and last <c>action_net</c>. Critic: <c>mlp_extractor.value_net.0</c>, .. and <c>value_net</c>.
/// Weights <c>[outputs, inputs]</c>, biases <c>[outputs]</c>, at most 4096 each way. A file may hold an actor alone.
/// </remarks>
public static class NetworkTensors
{
    private const string Actor = "policy_net";
    private const string ActorLast = "action_net";
    private const string Critic = "value_net";
    private const int Widest = 4096;

    /// <summary>The tensors of a network, in the order of a state_dict.</summary>
    public static IReadOnlyList<Tensor> Of(ActorCriticNetwork network) =>
        [
            .. Hidden(network.Actor, Actor),
            .. network.Critic is { } hidden ? Hidden(hidden, Critic) : [],
            .. Layer(network.Actor.Layers[^1], ActorLast),
            .. network.Critic is { } critic ? Layer(critic.Layers[^1], Critic) : [],
        ];

    /// <param name="tensors">All tensors of a file, by name.</param>
    /// <param name="activation">Which a state_dict does not tell.</param>
    /// <param name="file">How messages call the file.</param>
    /// <exception cref="BadInputException">A tensor is missing, unknown, or of a wrong shape.</exception>
    public static ActorCriticNetwork Network(
        IReadOnlyDictionary<string, Tensor> tensors,
        Activation activation,
        string file
    )
    {
        var unread = new HashSet<string>(tensors.Keys, StringComparer.Ordinal);
        var actor = Perceptron(tensors, unread, Actor, ActorLast, activation, file);
        var critic = tensors.ContainsKey($"{Critic}.weight")
            ? Perceptron(tensors, unread, Critic, Critic, activation, file)
            : null;
        if (unread.Count > 0)
        {
            throw new BadInputException(
                $"{file}: unknown tensor {Shown.Text(unread.Order(StringComparer.Ordinal).First())}; expected "
                    + $"mlp_extractor.{Actor}.*, {ActorLast}.*, mlp_extractor.{Critic}.* and {Critic}.*"
            );
        }
        try
        {
            return new(actor, critic);
        }
        catch (ArgumentException e)
        {
            throw Wrong(file, e);
        }
    }

    /// <summary>The fault that a constructor found in what a file says.</summary>
    internal static BadInputException Wrong(string file, ArgumentException e) =>
        new($"{file}: {e.Message.Split(" (Parameter")[0]}", e);

    private static string HiddenName(string net, int layer) => $"mlp_extractor.{net}.{2 * layer}";

    private static IEnumerable<Tensor> Hidden(MultilayerPerceptron network, string net) =>
        network.Layers.SkipLast(1).SelectMany((layer, i) => Layer(layer, HiddenName(net, i)));

    private static IEnumerable<Tensor> Layer(DenseLayer layer, string name) =>
        [
            new($"{name}.weight", [layer.Outputs, layer.Inputs], layer.Weights),
            new($"{name}.bias", [layer.Outputs], layer.Biases),
        ];

    private static MultilayerPerceptron Perceptron(
        IReadOnlyDictionary<string, Tensor> tensors,
        HashSet<string> unread,
        string net,
        string last,
        Activation activation,
        string file
    )
    {
        var layers = ImmutableArray.CreateBuilder<DenseLayer>();
        for (var i = 0; tensors.ContainsKey($"{HiddenName(net, i)}.weight"); i++)
        {
            layers.Add(Layer(tensors, unread, HiddenName(net, i), file));
        }
        layers.Add(Layer(tensors, unread, last, file));
        try
        {
            return new(layers.ToImmutable(), activation);
        }
        catch (ArgumentException e)
        {
            throw Wrong($"{file}: {last}", e);
        }
    }

    private static DenseLayer Layer(
        IReadOnlyDictionary<string, Tensor> tensors,
        HashSet<string> unread,
        string name,
        string file
    )
    {
        var weight = Take(tensors, unread, $"{name}.weight", 2, file);
        var bias = Take(tensors, unread, $"{name}.bias", 1, file);
        return bias.Shape[0] == weight.Shape[0]
            ? new(weight.Shape[1], weight.Shape[0], weight.Values, bias.Values)
            : throw new BadInputException(
                $"{file}: {name}.bias has {bias.Shape[0]} numbers; expected {weight.Shape[0]}, the rows of {name}.weight"
            );
    }

    private static Tensor Take(
        IReadOnlyDictionary<string, Tensor> tensors,
        HashSet<string> unread,
        string name,
        int dimensions,
        string file
    )
    {
        if (!tensors.TryGetValue(name, out var tensor))
        {
            throw new BadInputException($"{file}: tensor {name} is missing");
        }
        unread.Remove(name);
        return tensor.Shape.Count == dimensions && tensor.Shape.All(length => length <= Widest)
            ? tensor
            : throw new BadInputException(
                $"{file}: {name} has shape {tensor.Shape}; expected {dimensions} dimensions of at most {Widest}"
            );
    }
}

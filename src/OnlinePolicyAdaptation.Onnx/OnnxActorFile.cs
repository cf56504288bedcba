using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>An actor in an ONNX file, as <c>torch.onnx.export</c> and others write it. Nothing in it is executed unchecked.</summary>
/// <remarks>
/// One input of floats, the observation <c>[n]</c> or <c>[batch, n]</c>; one output, three logits per control (down, keep, up);
/// between them dense layers with Tanh or Relu, all data in the file. Our own reader decides what the file means and refuses
/// everything else; then ONNX Runtime, given the same bytes, must come to the same logits.
/// </remarks>
public static class OnnxActorFile
{
    /// <exception cref="BadInputException">There is no such file, or it is not such an actor.</exception>
    public static ActorCriticNetwork Load(string path) => Read(SafetensorsFile.ReadBytes(path), path);

    /// <param name="file">All bytes of a file.</param>
    /// <param name="name">How messages call it.</param>
    /// <returns>The actor, without a critic.</returns>
    /// <exception cref="BadInputException">It is not such an actor.</exception>
    public static ActorCriticNetwork Read(byte[] file, string name)
    {
        var (graph, network) = Understand(file, name);
        RuntimeAgreement.Check(file, graph, network.Actor, name);
        return network;
    }

    /// <summary>What we make of a file, before the runtime is asked.</summary>
    internal static (OnnxGraph Graph, ActorCriticNetwork Network) Understand(ReadOnlySpan<byte> file, string name)
    {
        var graph = ModelMessage.Read(file, name);
        var actor = ActorChain.Network(graph, name);
        try
        {
            return (graph, new(actor, critic: null));
        }
        catch (ArgumentException e)
        {
            throw NetworkTensors.Wrong(name, e);
        }
    }
}

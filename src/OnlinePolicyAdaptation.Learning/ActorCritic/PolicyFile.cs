using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>A <see cref="SavedPolicy"/> as a file: the tensors of its network and, as JSON, what else it is.</summary>
/// <remarks>
/// A safetensors file with the tensor names of Stable-Baselines3's MlpPolicy (<see cref="NetworkTensors"/>). Under
/// <c>__metadata__.policy</c> stands the JSON: version, scenario, seed, activation, services, edges, controls (as in
/// scenario.json), observation (control or service with offset and scale for each input), choices (down, keep, up: the logits
/// of each control) and settings. A policy that is loaded decides bit for bit like the one that was saved.
/// </remarks>
public static class PolicyFile
{
    private const string MetadataKey = "policy";

    /// <summary>Saves a policy, in place of what the path held before.</summary>
    /// <exception cref="BadInputException">There is no such folder.</exception>
    public static void Save(SavedPolicy policy, string path)
    {
        var bytes = Write(policy);
        AtomicFile.WriteBytes(path, stream => stream.Write(bytes));
    }

    /// <exception cref="BadInputException">
    /// There is no such file, or it is not a whole and sound one; the message names the file, the place and what was expected.
    /// </exception>
    public static SavedPolicy Load(string path) => Read(SafetensorsFile.ReadBytes(path), path);

    /// <summary>The bytes of a policy's file. Equal policies give equal bytes.</summary>
    public static byte[] Write(SavedPolicy policy) =>
        SafetensorsFile.Write(
            new Dictionary<string, string> { [MetadataKey] = PolicyHeader.Write(policy) },
            NetworkTensors.Of(policy.Network)
        );

    /// <param name="file">All bytes of a file.</param>
    /// <param name="name">How messages call it.</param>
    /// <exception cref="BadInputException">It is not whole and sound.</exception>
    public static SavedPolicy Read(ReadOnlySpan<byte> file, string name)
    {
        var content = SafetensorsFile.Read(file, name);
        if (!content.Metadata.TryGetValue(MetadataKey, out var json))
        {
            throw new BadInputException(
                $"{name}: the header has no __metadata__.{MetadataKey}; expected a policy of this project "
                    + "(opar policy import makes one of a file from elsewhere)"
            );
        }
        var header = PolicyHeader.Read(json, name);
        var encoding = header.Encoding(name);
        var network = NetworkTensors.Network(content.Tensors, header.ActivationIn(name), name);
        try
        {
            return new(network, encoding, header.Origin);
        }
        catch (ArgumentException e)
        {
            throw NetworkTensors.Wrong(name, e);
        }
    }
}

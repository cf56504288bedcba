using System.Collections.Immutable;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>Reads a <c>GraphProto</c>: nodes, constants, one input and one output.</summary>
internal static class GraphMessage
{
    private const int MostNodes = 256;

    public static OnnxGraph Read(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        var nodes = ImmutableArray.CreateBuilder<OnnxNode>();
        var initialisers = ImmutableArray.CreateBuilder<Tensor>();
        OnnxValue? input = null;
        OnnxValue? output = null;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    Bounded(in reader, nodes.Count, "nodes");
                    nodes.Add(NodeMessage.Read(reader.Bytes(), $"{place}.node[{nodes.Count}]"));
                    break;
                case 2 or 10: // name, doc_string
                    reader.Once();
                    reader.Bytes();
                    break;
                case 5:
                    Bounded(in reader, initialisers.Count, "initialisers");
                    initialisers.Add(TensorMessage.Read(reader.Bytes(), $"{place}.initializer[{initialisers.Count}]"));
                    break;
                case 11:
                    input = input is null
                        ? ValueMessage.Read(reader.Bytes(), $"{place}.input")
                        : throw reader.Bad("has a second input; expected one, the observation");
                    break;
                case 12:
                    output = output is null
                        ? ValueMessage.Read(reader.Bytes(), $"{place}.output")
                        : throw reader.Bad("has a second output; expected one, the actor's logits");
                    break;
                case 13 or 16: // value_info, metadata_props
                    reader.Bytes();
                    break;
                case 14:
                    throw reader.Unexpected("quantization_annotation");
                case 15:
                    throw reader.Unexpected("sparse_initializer");
                default:
                    throw reader.Unexpected("");
            }
        }
        return input is not null && output is not null
            ? new(input, output, nodes.ToImmutable(), initialisers.ToImmutable())
            : throw reader.Bad($"has no {(input is null ? "input" : "output")}; expected one");
    }

    private static void Bounded(in ProtobufReader reader, int count, string what)
    {
        if (count == MostNodes)
        {
            throw reader.Bad($"has more than {MostNodes} {what}; expected at most {MostNodes}");
        }
    }
}

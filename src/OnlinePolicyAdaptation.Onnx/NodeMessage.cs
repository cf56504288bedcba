using System.Collections.Immutable;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>Reads a <c>NodeProto</c>, an operation of the standard on up to three values.</summary>
internal static class NodeMessage
{
    private const int MostInputs = 3;
    private const int MostAttributes = 8;

    public static OnnxNode Read(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        var inputs = ImmutableArray.CreateBuilder<string>();
        string? output = null;
        var operation = "";
        var attributes = ImmutableDictionary.CreateBuilder<string, OnnxAttribute>(StringComparer.Ordinal);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    inputs.Add(
                        inputs.Count < MostInputs
                            ? reader.Text(Names.Longest)
                            : throw reader.Bad($"has more than {MostInputs} inputs; expected at most {MostInputs}")
                    );
                    break;
                case 2:
                    output = output is null
                        ? reader.Text(Names.Longest)
                        : throw reader.Bad("has a second output; expected one");
                    break;
                case 3 or 6: // name, doc_string
                    reader.Once();
                    reader.Bytes();
                    break;
                case 4:
                    reader.Once();
                    operation = reader.Text(Names.Longest);
                    break;
                case 5:
                    var (name, attribute) = Attribute(reader.Bytes(), $"{place}.attribute[{attributes.Count}]");
                    if (attributes.Count == MostAttributes || !attributes.TryAdd(name, attribute))
                    {
                        throw reader.Bad(
                            $"has attribute {Shown.Text(name)} twice or more than {MostAttributes}; expected each once"
                        );
                    }
                    break;
                case 7 or 8: // domain, overload
                    reader.Once();
                    var domain = reader.Text(Names.Longest);
                    if (reader.Field == 7 ? !Names.IsStandard(domain) : domain.Length > 0)
                    {
                        throw reader.Bad($"is of the domain or overload {Shown.Text(domain)}; expected the standard's");
                    }
                    break;
                case 9: // metadata_props
                    reader.Bytes();
                    break;
                default:
                    throw reader.Unexpected("");
            }
        }
        return string.IsNullOrEmpty(output)
            ? throw reader.Bad("has no output; expected one")
            : new(
                $"{place} ({Shown.Text(operation)})",
                operation,
                inputs.ToImmutable(),
                output,
                attributes.ToImmutable()
            );
    }

    private static (string Name, OnnxAttribute Attribute) Attribute(ReadOnlySpan<byte> bytes, string place)
    {
        const int FloatField = 2;
        const int IntegerField = 3;
        const int TensorField = 5;
        var reader = new ProtobufReader(bytes, place);
        var name = "";
        float? number = null;
        long? integer = null;
        Tensor? tensor = null;
        long? type = null;
        while (reader.Next())
        {
            reader.Once();
            switch (reader.Field)
            {
                case 1:
                    name = reader.Text(Names.Longest);
                    break;
                case FloatField:
                    number = reader.Float();
                    break;
                case IntegerField:
                    integer = reader.Integer();
                    break;
                case TensorField:
                    tensor = TensorMessage.Read(reader.Bytes(), $"{place}.t");
                    break;
                case 6 or 11:
                    throw reader.Unexpected("a subgraph");
                case 13: // doc_string
                    reader.Bytes();
                    break;
                case 20:
                    type = reader.Integer();
                    break;
                default:
                    throw reader.Unexpected("no float, integer or tensor");
            }
        }
        // The numbers of the types FLOAT, INT and TENSOR; values that are 0 may be left out by the writer.
        return type switch
        {
            1 when integer is null && tensor is null => (name, new(number ?? 0, null, null)),
            2 when number is null && tensor is null => (name, new(null, integer ?? 0, null)),
            4 when number is null && integer is null && tensor is not null => (name, new(null, null, tensor)),
            _ => throw reader.Bad(
                $"{Shown.Text(name)} is of type {type?.ToString() ?? "none"}; expected 1 (float), 2 (integer) or 4 (tensor) and that value alone"
            ),
        };
    }
}

using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>Reads the messages of an ONNX file, those and no others that a chain of layers needs.</summary>
/// <remarks>
/// Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). What only describes (names of
/// nodes, documentation, metadata, shapes of values in between) is passed over; whatever else could change a result, hold code
/// or point outside the file is an error. Everything that repeats has a highest number, so what is allocated is bounded by
/// the bytes that are there.
/// </remarks>
internal static class ModelMessage
{
    private const int LowestVersion = 7;
    private const int MostOperatorSets = 16;

    /// <param name="file">All bytes of a file.</param>
    /// <param name="name">How messages call it.</param>
    /// <exception cref="BadInputException">It is not an ONNX model, or holds more than an actor needs.</exception>
    public static OnnxGraph Read(ReadOnlySpan<byte> file, string name)
    {
        var model = new ProtobufReader(file, $"{name}: the model");
        OnnxGraph? graph = null;
        long? version = null;
        var operatorSets = 0;
        while (model.Next())
        {
            switch (model.Field)
            {
                case 1: // ir_version
                    model.Once();
                    model.Integer();
                    break;
                case 2 or 3 or 4 or 6: // producer_name, producer_version, domain, doc_string
                    model.Once();
                    model.Bytes();
                    break;
                case 5: // model_version
                    model.Once();
                    model.Integer();
                    break;
                case 7:
                    model.Once();
                    graph = GraphMessage.Read(model.Bytes(), $"{name}: graph");
                    break;
                case 8:
                    if (operatorSets++ == MostOperatorSets)
                    {
                        throw model.Bad(
                            $"imports more than {MostOperatorSets} sets of operators; expected at most {MostOperatorSets}"
                        );
                    }
                    if (OperatorSet(model.Bytes(), $"{name}: opset_import") is { } standard)
                    {
                        version = version is null
                            ? standard
                            : throw model.Bad("imports the standard operators twice; expected once");
                    }
                    break;
                case 14: // metadata_props
                    model.Bytes();
                    break;
                case 20:
                    throw model.Unexpected("training_info");
                case 25:
                    throw model.Unexpected("functions");
                default:
                    throw model.Unexpected("");
            }
        }
        if (graph is null || version is null || !model.Has(1))
        {
            throw model.Bad(
                $"of {file.Length} bytes has no {(graph is null ? "graph" : version is null ? "import of standard operators" : "ir_version")}; expected an ONNX model"
            );
        }
        return version >= LowestVersion
            ? graph
            : throw model.Bad($"uses version {version} of the operators; expected at least {LowestVersion}");
    }

    /// <summary>The version of the standard operators; null for other sets, of which no node may be.</summary>
    private static long? OperatorSet(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        var domain = "";
        var version = 0L;
        while (reader.Next())
        {
            reader.Once();
            switch (reader.Field)
            {
                case 1:
                    domain = reader.Text(Names.Longest);
                    break;
                case 2:
                    version = reader.Integer();
                    break;
                default:
                    throw reader.Unexpected("");
            }
        }
        return Names.IsStandard(domain) ? version : null;
    }
}

using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>Reads a <c>TensorProto</c> of finite floats that lie in the file itself.</summary>
internal static class TensorMessage
{
    private const int FloatType = 1;
    private const int MostDimensions = 2;
    private const int Widest = 4096;

    public static Tensor Read(ReadOnlySpan<byte> bytes, string place)
    {
        const int RawField = 9;
        const int FloatsField = 4;
        var reader = new ProtobufReader(bytes, place);
        var shape = new List<long>();
        var values = new List<float>();
        var name = "";
        long? type = null;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    reader.Integers(shape, MostDimensions);
                    break;
                case 2:
                    reader.Once();
                    type = reader.Integer();
                    break;
                case FloatsField when !reader.Has(RawField):
                    reader.Floats(values);
                    break;
                case 8:
                    reader.Once();
                    name = reader.Text(Names.Longest);
                    break;
                case RawField when values.Count == 0:
                    reader.Once();
                    reader.Floats(values);
                    break;
                case FloatsField or RawField:
                    throw reader.Bad("has float_data and raw_data; expected one of them");
                case 12: // doc_string
                    reader.Once();
                    reader.Bytes();
                    break;
                case 13:
                    throw reader.Unexpected("external_data (torch.onnx.export writes it unless dynamo=False)");
                case 14:
                    reader.Once();
                    if (reader.Integer() is not 0 and var location)
                    {
                        throw reader.Bad($"has data_location {location}; expected 0, data in this file");
                    }
                    break;
                case 16: // metadata_props
                    reader.Bytes();
                    break;
                default:
                    throw reader.Unexpected("no data of floats");
            }
        }
        if (type != FloatType)
        {
            throw reader.Bad(
                $"{Shown.Text(name)} has data_type {type?.ToString() ?? "none"}; expected {FloatType} (float)"
            );
        }
        return Checked(in reader, name, shape, values);
    }

    private static Tensor Checked(in ProtobufReader reader, string name, List<long> shape, List<float> values)
    {
        if (shape.Count == 0 || shape.Exists(length => length is < 1 or > Widest))
        {
            throw reader.Bad(
                $"{Shown.Text(name)} has shape [{string.Join(", ", shape)}]; expected 1 or {MostDimensions} dimensions of 1 to {Widest}"
            );
        }
        var expected = shape.Aggregate(1L, (product, length) => product * length);
        if (values.Count != expected)
        {
            throw reader.Bad(
                $"{Shown.Text(name)} has {values.Count} numbers; expected {expected}, the product of its shape [{string.Join(", ", shape)}]"
            );
        }
        var bad = values.FindIndex(value => !float.IsFinite(value));
        if (bad >= 0)
        {
            throw reader.Bad(
                FormattableString.Invariant($"{Shown.Text(name)}[{bad}] is {values[bad]}; expected a finite number")
            );
        }
        return new(name, shape.Select(length => (int)length).ToEquatableArray(), [.. values]);
    }
}

using System.Collections.Immutable;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>Reads a <c>ValueInfoProto</c>: name and shape of the input or output of a graph.</summary>
internal static class ValueMessage
{
    private const int FloatType = 1;
    private const int MostDimensions = 2;
    private const int Widest = 4096;

    /// <summary>An input or output of the graph.</summary>
    public static OnnxValue Read(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        var name = "";
        ImmutableArray<long?>? shape = null;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    reader.Once();
                    name = reader.Text(Names.Longest);
                    break;
                case 2:
                    reader.Once();
                    shape = ValueType(reader.Bytes(), $"{place}.type");
                    break;
                case 3: // doc_string
                    reader.Once();
                    reader.Bytes();
                    break;
                case 4: // metadata_props
                    reader.Bytes();
                    break;
                default:
                    throw reader.Unexpected("");
            }
        }
        return name.Length > 0 && shape is { } known
            ? new(name, known)
            : throw reader.Bad($"{Shown.Text(name)} has no name or no type; expected both");
    }

    private static ImmutableArray<long?> ValueType(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        ImmutableArray<long?>? shape = null;
        while (reader.Next())
        {
            reader.Once();
            switch (reader.Field)
            {
                case 1:
                    shape = TensorType(reader.Bytes(), place);
                    break;
                case 6: // denotation
                    reader.Bytes();
                    break;
                default:
                    throw reader.Unexpected("no tensor");
            }
        }
        return shape ?? throw reader.Bad("is not known; expected a tensor of floats");
    }

    private static ImmutableArray<long?> TensorType(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        ImmutableArray<long?>? shape = null;
        var type = 0L;
        while (reader.Next())
        {
            reader.Once();
            switch (reader.Field)
            {
                case 1:
                    type = reader.Integer();
                    break;
                case 2:
                    shape = Shape(reader.Bytes(), $"{place}.shape");
                    break;
                default:
                    throw reader.Unexpected("");
            }
        }
        if (type != FloatType)
        {
            throw reader.Bad($"has elem_type {type}; expected {FloatType} (float)");
        }
        return shape ?? throw reader.Bad("has no shape; expected [batch, numbers]");
    }

    private static ImmutableArray<long?> Shape(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        var shape = ImmutableArray.CreateBuilder<long?>();
        while (reader.Next())
        {
            if (reader.Field != 1 || shape.Count == MostDimensions)
            {
                throw reader.Bad(
                    $"has field {reader.Field} or more than {MostDimensions} dimensions; expected [batch, numbers]"
                );
            }
            shape.Add(Dimension(reader.Bytes(), $"{place}.dim[{shape.Count}]"));
        }
        return shape.ToImmutable();
    }

    private static long? Dimension(ReadOnlySpan<byte> bytes, string place)
    {
        var reader = new ProtobufReader(bytes, place);
        long? length = null;
        while (reader.Next())
        {
            reader.Once();
            switch (reader.Field)
            {
                case 1:
                    length = reader.Integer();
                    break;
                case 2 or 3: // dim_param, denotation
                    reader.Bytes();
                    break;
                default:
                    throw reader.Unexpected("");
            }
        }
        if (reader.Has(1) && reader.Has(2))
        {
            throw reader.Bad("has a value and a parameter; expected one of them");
        }
        return length is null or (>= 1 and <= Widest)
            ? length
            : throw reader.Bad($"is {length}; expected 1 to {Widest}");
    }
}

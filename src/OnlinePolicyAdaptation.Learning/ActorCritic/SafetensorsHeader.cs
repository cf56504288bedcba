using System.Text.Json;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>Where a tensor lies in the data of a file.</summary>
internal readonly record struct TensorPlace(string Name, int[] Shape, long Begin, long End);

/// <summary>Reads the JSON header of a <see cref="SafetensorsFile"/> and distrusts each of its bytes.</summary>
internal sealed class SafetensorsHeader
{
    private const string MetadataName = "__metadata__";
    private const int LongestName = 256;
    private const int MostDimensions = 8;

    private readonly string _file;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    private SafetensorsHeader(string file) => _file = file;

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    public List<TensorPlace> Tensors { get; } = [];

    /// <exception cref="BadInputException">It is not a header; the message begins with <paramref name="file"/>.</exception>
    public static SafetensorsHeader Read(ReadOnlySpan<byte> json, string file)
    {
        var header = new SafetensorsHeader(file);
        if (json.IsEmpty || json[0] != (byte)'{')
        {
            throw header.Bad("does not begin with {, expected a JSON object");
        }
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 4 });
        try
        {
            header.Read(ref reader);
        }
        catch (JsonException e)
        {
            throw new BadInputException(header.Bad($"is not JSON as expected: {e.Message}").Message, e);
        }
        return header;
    }

    private BadInputException Bad(string problem) => new($"{_file}: the header {problem}");

    private void Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = Name(ref reader);
            if (!_names.Add(name))
            {
                throw Bad($"has two entries {Shown.Text(name)}, expected one");
            }
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw Bad($"holds no object at {Shown.Text(name)}, expected one");
            }
            if (name == MetadataName)
            {
                ReadMetadata(ref reader);
            }
            else
            {
                Tensors.Add(ReadTensor(ref reader, name));
            }
        }
        while (reader.Read()) { }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = Name(ref reader);
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                throw Bad($"holds no text at {MetadataName}.{Shown.Text(key)}, expected one");
            }
            if (!Metadata.TryAdd(key, Text(ref reader)))
            {
                throw Bad($"has two entries {MetadataName}.{Shown.Text(key)}, expected one");
            }
        }
    }

    private TensorPlace ReadTensor(ref Utf8JsonReader reader, string name)
    {
        string? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = Name(ref reader);
            reader.Read();
            switch (field)
            {
                case "dtype" when type is null && reader.TokenType == JsonTokenType.String:
                    type = Text(ref reader);
                    break;
                case "shape" when shape is null:
                    shape = Numbers(ref reader, name);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = Numbers(ref reader, name);
                    break;
                default:
                    throw Bad(
                        $"has an unexpected or second field {Shown.Text(field)} of {Shown.Text(name)}, "
                            + "expected dtype, shape and data_offsets"
                    );
            }
        }
        if (type is null || shape is null || offsets is not [var begin, var end])
        {
            throw Bad($"is incomplete at {Shown.Text(name)}, expected dtype, shape and two data_offsets");
        }
        if (type != "F32")
        {
            throw Bad($"says that {Shown.Text(name)} is of type {Shown.Text(type)}, expected F32");
        }
        return new(name, Checked(shape, name, begin, end), begin, end);
    }

    /// <summary>The shape, if it takes as many bytes as lie between the offsets.</summary>
    private int[] Checked(long[] shape, string name, long begin, long end)
    {
        var bytes = (Int128)sizeof(float);
        foreach (var length in shape)
        {
            if (length is < 1 or > int.MaxValue)
            {
                throw Bad($"says that a dimension of {Shown.Text(name)} is {length}, expected 1 to {int.MaxValue}");
            }
            // At most 2 times 8 x 31 bits would overflow; what exceeds any file is refused before.
            bytes *= length;
            if (bytes > long.MaxValue)
            {
                break;
            }
        }
        if (shape.Length == 0 || begin < 0 || (Int128)end - begin != bytes)
        {
            throw Bad(
                $"places {Shown.Text(name)} of shape [{string.Join(", ", shape)}] at {begin} to {end}, "
                    + "expected a dimension at least and 4 bytes per number"
            );
        }
        return Array.ConvertAll(shape, length => (int)length);
    }

    private long[] Numbers(ref Utf8JsonReader reader, string name)
    {
        var numbers = new List<long>();
        var isArray = reader.TokenType == JsonTokenType.StartArray;
        while (isArray && reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (
                reader.TokenType != JsonTokenType.Number
                || !reader.TryGetInt64(out var number)
                || numbers.Count == MostDimensions
            )
            {
                isArray = false;
                break;
            }
            numbers.Add(number);
        }
        return isArray
            ? [.. numbers]
            : throw Bad(
                $"has no array of up to {MostDimensions} whole numbers as shape or offsets of {Shown.Text(name)}"
            );
    }

    private string Name(ref Utf8JsonReader reader) =>
        reader.ValueSpan.Length <= LongestName
            ? Text(ref reader)
            : throw Bad($"has a name of {reader.ValueSpan.Length} bytes, expected at most {LongestName}");

    private string Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString() ?? "";
        }
        catch (InvalidOperationException e)
        {
            throw new BadInputException(Bad("holds text that is not Unicode").Message, e);
        }
    }
}

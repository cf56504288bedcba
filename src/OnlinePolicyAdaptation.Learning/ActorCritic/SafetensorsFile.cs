using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>Tensors in the safetensors format: the length of a JSON header, the header, the numbers. Nothing in it is executed.</summary>
/// <remarks>
/// uint64 length of the header, little-endian; the header, which gives type, shape and place of each tensor and texts under
/// <c>__metadata__</c>; the data. Read strictly: numbers of type F32 only and finite, no name twice, every byte of the data
/// in exactly one tensor. What a number in the file claims is checked before anything is allocated for it.
/// </remarks>
public static class SafetensorsFile
{
    private const int LengthBytes = sizeof(ulong);
    private const int LongestHeader = 1 << 20;
    private const int LongestFile = 1 << 28;

    // Texts that are JSON themselves stay readable: a quotation mark becomes \", not \u0022.
    private static readonly JsonWriterOptions Readable = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <exception cref="BadInputException">There is no such file, or it is not a whole and sound one.</exception>
    public static TensorFile Load(string path) => Read(ReadBytes(path), path);

    /// <summary>The bytes of a file of a size that a policy can have.</summary>
    /// <exception cref="BadInputException">There is no such file, it cannot be read, or it is larger than 256 MB.</exception>
    public static byte[] ReadBytes(string path) => GivenFile.ReadBytes(path, "a policy", LongestFile);

    /// <param name="file">All bytes of a file.</param>
    /// <param name="name">How messages call it.</param>
    /// <exception cref="BadInputException">It is not whole and sound.</exception>
    public static TensorFile Read(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < LengthBytes)
        {
            throw new BadInputException(
                $"{name}: {file.Length} bytes; expected at least {LengthBytes}, the length of a header"
            );
        }
        var length = BinaryPrimitives.ReadUInt64LittleEndian(file);
        var rest = file[LengthBytes..];
        if (length > (ulong)Math.Min(rest.Length, LongestHeader))
        {
            throw new BadInputException(
                $"{name}: the header is said to have {length} bytes; expected at most {Math.Min(rest.Length, LongestHeader)}"
            );
        }
        var header = SafetensorsHeader.Read(rest[..(int)length], name);
        var data = rest[(int)length..];
        CheckPlaces(header.Tensors, data.Length, name);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var place in header.Tensors)
        {
            var bytes = data[(int)place.Begin..(int)place.End];
            tensors.Add(place.Name, new(place.Name, place.Shape.ToEquatableArray(), Values(bytes, place.Name, name)));
        }
        return new(header.Metadata, tensors);
    }

    /// <summary>The bytes of a file with these texts and tensors, in their order.</summary>
    public static byte[] Write(IReadOnlyDictionary<string, string> metadata, IReadOnlyList<Tensor> tensors)
    {
        using var stream = new MemoryStream();
        stream.Write(stackalloc byte[LengthBytes]);
        using (var json = new Utf8JsonWriter(stream, Readable))
        {
            WriteHeader(json, metadata, tensors);
        }
        // Numbers begin at a multiple of their size, as other readers of the format like it.
        while (stream.Length % LengthBytes != 0)
        {
            stream.WriteByte((byte)' ');
        }
        var length = stream.Length - LengthBytes;
        Span<byte> number = stackalloc byte[sizeof(float)];
        foreach (var value in tensors.SelectMany(tensor => tensor.Values))
        {
            BinaryPrimitives.WriteSingleLittleEndian(number, value);
            stream.Write(number);
        }
        var file = stream.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)length);
        return file;
    }

    private static void WriteHeader(
        Utf8JsonWriter json,
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<Tensor> tensors
    )
    {
        json.WriteStartObject();
        json.WriteStartObject("__metadata__");
        foreach (var (key, text) in metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            json.WriteString(key, text);
        }
        json.WriteEndObject();
        var begin = 0L;
        foreach (var tensor in tensors)
        {
            var end = begin + ((long)tensor.Values.Length * sizeof(float));
            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", "F32");
            WriteNumbers(json, "shape", tensor.Shape.Select(length => (long)length));
            WriteNumbers(json, "data_offsets", [begin, end]);
            json.WriteEndObject();
            begin = end;
        }
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
        {
            json.WriteNumberValue(number);
        }
        json.WriteEndArray();
    }

    /// <summary>Refuses tensors that overlap, leave a gap, or do not end with the data.</summary>
    private static void CheckPlaces(List<TensorPlace> places, long length, string name)
    {
        var end = 0L;
        foreach (var place in places.OrderBy(place => place.Begin))
        {
            if (place.Begin != end || place.End > length)
            {
                throw new BadInputException(
                    $"{name}: {Shown.Text(place.Name)} lies at {place.Begin} to {place.End} of {length} bytes of data; "
                        + $"expected it to begin at {end}, where the tensor before it ends, and to end in the data"
                );
            }
            end = place.End;
        }
        if (end != length)
        {
            throw new BadInputException(
                $"{name}: the tensors end at {end} of {length} bytes of data; expected {length}"
            );
        }
    }

    private static ImmutableArray<float> Values(ReadOnlySpan<byte> bytes, string tensor, string name)
    {
        var values = new float[bytes.Length / sizeof(float)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(i * sizeof(float))..]);
            if (!float.IsFinite(values[i]))
            {
                throw new BadInputException(
                    FormattableString.Invariant(
                        $"{name}: number {i} of {Shown.Text(tensor)} is {values[i]}; expected a finite one"
                    )
                );
            }
        }
        return ImmutableCollectionsMarshal.AsImmutableArray(values);
    }
}

using System.Buffers.Binary;
using System.Text;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>The fields of one message in the wire format of Protocol Buffers, in the order in which they stand.</summary>
/// <remarks>
/// Each field is a key (number and wire type) and a value. <see cref="Next"/> reads a key; one of the others must then read the
/// value. What a value's length claims is checked against the bytes that are there.
/// </remarks>
internal ref struct ProtobufReader
{
    private const int LongestVarint = 10;
    private const int HighestFields = 64;
    private const ulong HighestKey = (1UL << 32) - 1;

    private static readonly UTF8Encoding Strict = new(
        encoderShouldEmitUTF8Identifier: false,
        throwOnInvalidBytes: true
    );

    private readonly ReadOnlySpan<byte> _message;
    private readonly string _place;
    private int _at;
    private WireType _type;
    private ulong _seen;

    /// <param name="message">All of its bytes.</param>
    /// <param name="place">How errors call it: file and path to the message.</param>
    public ProtobufReader(ReadOnlySpan<byte> message, string place)
    {
        _message = message;
        _place = place;
    }

    private enum WireType
    {
        Varint = 0,
        Fixed64 = 1,
        Bytes = 2,
        Fixed32 = 5,
    }

    /// <summary>Number of the field whose key was read last.</summary>
    public int Field { get; private set; }

    /// <summary>Goes on to the next field; false at the end of the message.</summary>
    public bool Next()
    {
        if (_at == _message.Length)
        {
            return false;
        }
        var begin = _at;
        var key = Varint();
        _type = (WireType)(key & 7);
        if (key > HighestKey || key >> 3 == 0 || !Enum.IsDefined(_type))
        {
            throw Bad($"has key {key} at byte {begin}; expected a field number and wire type 0, 1, 2 or 5");
        }
        Field = (int)(key >> 3);
        return true;
    }

    /// <summary>Refuses a second field of this number: readers differ in which of the two they believe.</summary>
    public void Once()
    {
        var bit = Field < HighestFields ? 1UL << Field : throw Unexpected("");
        if ((_seen & bit) != 0)
        {
            throw Bad($"has field {Field} twice; expected it once");
        }
        _seen |= bit;
    }

    /// <summary>Whether a field of this number was read by <see cref="Once"/>.</summary>
    public readonly bool Has(int field) => (_seen & (1UL << field)) != 0;

    public long Integer()
    {
        Expect(WireType.Varint);
        return (long)Varint();
    }

    public float Float()
    {
        Expect(WireType.Fixed32);
        return BinaryPrimitives.ReadSingleLittleEndian(Take(sizeof(float)));
    }

    public ReadOnlySpan<byte> Bytes()
    {
        Expect(WireType.Bytes);
        var begin = _at;
        var length = Varint();
        return length <= (ulong)(_message.Length - _at)
            ? Take((int)length)
            : throw Bad(
                $"has {length} bytes in field {Field} at byte {begin}; expected at most {_message.Length - _at}"
            );
    }

    /// <exception cref="BadInputException">It is longer than this many bytes, or no UTF-8.</exception>
    public string Text(int longest)
    {
        var bytes = Bytes();
        if (bytes.Length > longest)
        {
            throw Bad($"has a text of {bytes.Length} bytes in field {Field}; expected at most {longest}");
        }
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new BadInputException(
                Bad($"has a text that is not Unicode in field {Field}; expected UTF-8").Message,
                e
            );
        }
    }

    /// <summary>Integers of a repeated field, whether each stands alone or many are packed into bytes.</summary>
    /// <exception cref="BadInputException">The list would grow longer than this.</exception>
    public void Integers(List<long> into, int most)
    {
        if (_type == WireType.Varint)
        {
            Add(ref this, into, most);
            return;
        }
        var packed = new ProtobufReader(Bytes(), $"{_place}: field {Field}");
        while (packed._at < packed._message.Length)
        {
            Add(ref packed, into, most);
        }
    }

    /// <summary>Floats of a repeated field as little-endian bytes, whether each stands alone or many are packed.</summary>
    public void Floats(List<float> into)
    {
        if (_type == WireType.Fixed32)
        {
            into.Add(Float());
            return;
        }
        var bytes = Bytes();
        if (bytes.Length % sizeof(float) != 0)
        {
            throw Bad($"has {bytes.Length} bytes of floats in field {Field}; expected a multiple of {sizeof(float)}");
        }
        into.EnsureCapacity(into.Count + (bytes.Length / sizeof(float)));
        for (; !bytes.IsEmpty; bytes = bytes[sizeof(float)..])
        {
            into.Add(BinaryPrimitives.ReadSingleLittleEndian(bytes));
        }
    }

    /// <summary>Passes over a value that only describes.</summary>
    public void Skip()
    {
        switch (_type)
        {
            case WireType.Varint:
                Varint();
                break;
            case WireType.Fixed64:
                Take(sizeof(ulong));
                break;
            case WireType.Bytes:
                Bytes();
                break;
            default:
                Take(sizeof(float));
                break;
        }
    }

    public readonly BadInputException Unexpected(string expected) =>
        Bad($"has field {Field}{(expected.Length == 0 ? "" : $", {expected}")}; expected none");

    public readonly BadInputException Bad(string problem) => new($"{_place} {problem}");

    private static void Add(ref ProtobufReader reader, List<long> into, int most)
    {
        var value = (long)reader.Varint();
        if (into.Count == most)
        {
            throw reader.Bad($"has more than {most} integers in field {reader.Field}; expected at most {most}");
        }
        into.Add(value);
    }

    private readonly void Expect(WireType type)
    {
        if (_type != type)
        {
            throw Bad($"has wire type {(int)_type} in field {Field}; expected {(int)type}");
        }
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _message.Length - _at)
        {
            throw Bad($"ends at byte {_message.Length}; expected {length} bytes of field {Field} at byte {_at}");
        }
        var taken = _message.Slice(_at, length);
        _at += length;
        return taken;
    }

    private ulong Varint()
    {
        var begin = _at;
        var value = 0UL;
        for (var i = 0; i < LongestVarint; i++)
        {
            if (_at == _message.Length)
            {
                throw Bad($"ends at byte {_at}, in a number that begins at byte {begin}; expected its last byte");
            }
            var part = _message[_at++];
            value |= (ulong)(part & 0x7F) << (7 * i);
            if (part < 0x80)
            {
                return i < LongestVarint - 1 || part <= 1
                    ? value
                    : throw Bad($"has a number beyond 64 bits at byte {begin}; expected at most 64");
            }
        }
        throw Bad($"has a number of more than {LongestVarint} bytes at byte {begin}; expected at most {LongestVarint}");
    }
}

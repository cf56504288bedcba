using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>Reads the bytes of a <see cref="ForestFile"/> one after another and distrusts each.</summary>
/// <remarks>
/// Whatever is not as expected is a <see cref="BadInputException"/> that names the file, the place and the expectation. Nothing
/// is allocated for more items than the bytes that are left could hold.
/// </remarks>
internal ref struct ForestReader(ReadOnlySpan<byte> file, string name)
{
    public static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _file = file;
    private int _end = file.Length;
    private int _position;

    /// <summary>The exception for what has just been read.</summary>
    public readonly BadInputException Bad(string problem) => new($"{name}: before byte {_position}: {problem}");

    public ReadOnlySpan<byte> Bytes(int count, string what)
    {
        CheckRoom(count, 1, what);
        _position += count;
        return _file.Slice(_position - count, count);
    }

    public int Int32(string what, int lowest, int highest)
    {
        var value = BinaryPrimitives.ReadInt32LittleEndian(Bytes(sizeof(int), what));
        return value >= lowest && value <= highest
            ? value
            : throw Bad(
                lowest == highest
                    ? $"{what} is {value}, expected {lowest}"
                    : $"{what} is {value}, expected {lowest} to {highest}"
            );
    }

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(sizeof(ulong), what));

    /// <summary>Finite numbers.</summary>
    public double[] Doubles(long count, string what)
    {
        CheckRoom(count, sizeof(double), what);
        var values = new double[count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = BinaryPrimitives.ReadDoubleLittleEndian(Bytes(sizeof(double), what));
            if (!double.IsFinite(values[i]))
            {
                throw Bad(FormattableString.Invariant($"one of the {what} is {values[i]}, expected a finite number"));
            }
        }
        return values;
    }

    /// <summary>A text after its length in bytes; not blank.</summary>
    public string Text(string what)
    {
        var bytes = Bytes(Int32($"length of {what}", 1, int.MaxValue), what);
        try
        {
            var text = Utf8.GetString(bytes);
            return string.IsNullOrWhiteSpace(text) ? throw Bad($"{what} is blank, expected a name") : text;
        }
        catch (DecoderFallbackException e)
        {
            throw new BadInputException(Bad($"{what} is not UTF-8, expected a name in it").Message, e);
        }
    }

    /// <summary>Refuses items that what is left could not hold.</summary>
    public readonly void CheckRoom(long count, int bytesEach, string what)
    {
        if (count * bytesEach > _end - _position)
        {
            throw new BadInputException(
                $"{name}: the file is cut off or changed: {_end - _position} bytes are left at byte {_position}, "
                    + $"expected at least {count * bytesEach} of {what}"
            );
        }
    }

    /// <summary>Takes the checksum off the end and refuses a file that it does not fit.</summary>
    public void VerifyChecksum()
    {
        CheckRoom(1, SHA256.HashSizeInBytes, "checksum");
        _end -= SHA256.HashSizeInBytes;
        if (!SHA256.HashData(_file[.._end]).AsSpan().SequenceEqual(_file[_end..]))
        {
            throw new BadInputException(
                $"{name}: the file is cut off or changed: its checksum differs, expected it whole"
            );
        }
    }

    public readonly void CheckEnd()
    {
        if (_position != _end)
        {
            throw Bad($"{_end - _position} bytes follow the last tree, expected none");
        }
    }
}

namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.Threading
open System.Threading.Tasks

/// What is read is more than was agreed.
exception internal TooMuch of most: int64

/// A stream that gives at most so many bytes of another one, however small what they are unpacked from is. Raises `TooMuch`
/// for more.
[<Sealed>]
type internal BoundedStream(inner: Stream, most: int64) =
    inherit Stream()

    let mutable total = 0L

    let counted count =
        total <- total + int64 count

        if total > most then
            raise (TooMuch most)

        count

    override _.CanRead = true
    override _.CanSeek = false
    override _.CanWrite = false
    override _.Length = raise (NotSupportedException())

    override _.Position
        with get () = total
        and set _ = raise (NotSupportedException())

    override _.Flush() = ()
    override _.Seek(_, _) = raise (NotSupportedException())
    override _.SetLength _ = raise (NotSupportedException())
    override _.Write(_: byte[], _: int, _: int) = raise (NotSupportedException())

    override _.Read(buffer: byte[], offset: int, count: int) =
        counted (inner.Read(buffer, offset, count))

    override _.ReadAsync(buffer: Memory<byte>, cancellation: CancellationToken) : ValueTask<int> =
        ValueTask<int>(
            task {
                let! count = inner.ReadAsync(buffer, cancellation)
                return counted count
            }
        )

    override _.Dispose disposing =
        if disposing then
            inner.Dispose()

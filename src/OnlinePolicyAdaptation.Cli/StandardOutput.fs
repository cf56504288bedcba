namespace OnlinePolicyAdaptation.Cli

open System
open System.IO
open System.Runtime.InteropServices

module private Native =

    [<DllImport("libc", EntryPoint = "poll", SetLastError = true)>]
    extern int poll(int64& descriptor, uint64 count, int timeout)

/// Standard output, of which it is an error that nobody reads it any more: the platform's own stream says nothing then.
[<Sealed>]
type StandardOutput() =
    inherit Stream()

    let stream = Console.OpenStandardOutput()

    static let mustNotRead () =
        raise (NotSupportedException "standard output is only written")

    override _.CanRead = false
    override _.CanSeek = false
    override _.CanWrite = true
    override _.Length = mustNotRead ()

    override _.Position
        with get () = mustNotRead ()
        and set _ = mustNotRead ()

    override _.Read(_: byte[], _: int, _: int) : int = mustNotRead ()
    override _.Seek(_, _) = mustNotRead ()
    override _.SetLength _ = mustNotRead ()

    override _.Write(bytes: byte[], offset: int, count: int) =
        stream.Write(bytes, offset, count)

        if StandardOutput.IsLeft() then
            raise (IOException "its reader has gone")

    override _.Flush() = stream.Flush()

    /// See poll(2): the end that writes to a pipe or socket is told of an error once no reader is left.
    static member private IsLeft() =
        if OperatingSystem.IsWindows() then
            false
        else
            let error, hungUp = 0x8L, 0x10L
            // The descriptor 1, no events that are asked for, and room for those that there are.
            let mutable asked = 1L

            try
                Native.poll (&asked, 1UL, 0) > 0
                && ((asked >>> 48) &&& (error ||| hungUp)) <> 0L
            with
            | :? DllNotFoundException
            | :? EntryPointNotFoundException -> false

namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.Text.Json
open OnlinePolicyAdaptation.ControlCycle

/// A file that keeps what cannot be used, with the reason: one line of JSON for each element. When it has grown to its bound it
/// becomes `<path>.1`, in place of the one before, and a new one is begun. Where it cannot be written, elements are counted and
/// it is tried again with the next one. Calls may come from several threads.
type Quarantine(path: string, bound: int64, say: string -> unit) =
    let gate = obj ()
    let mutable file: FileStream voption = ValueNone
    let mutable isMade = false
    let mutable lost = 0L
    let mutable isFailing = false

    /// Devices are written to and never moved.
    let isSpecial = FileIdentity.isSpecial path

    let real =
        if isSpecial then
            Path.GetFullPath path
        else
            FileIdentity.realPath path

    /// No other process writes the same file.
    let claim (stream: FileStream) =
        if OperatingSystem.IsLinux() && not isSpecial then
            try
                stream.Lock(0L, Int64.MaxValue)
            with :? IOException ->
                stream.Dispose()
                raise (IOException "another process writes it")

    /// A line that was cut off, by a full disk or the end of the process, is no line.
    let repair (stream: FileStream) =
        if not isSpecial && stream.Length > 0L then
            let tail = Array.zeroCreate<byte>(int (min stream.Length 8_388_608L))
            stream.Seek(-(int64 tail.Length), SeekOrigin.End) |> ignore
            stream.ReadExactly tail
            let cut = tail.Length - 1 - Array.LastIndexOf(tail, byte '\n')

            if
                cut > 0
                && (ReadOnlySpan(tail, tail.Length - cut, cut)).StartsWith("{\"received\""B.AsSpan())
            then
                stream.SetLength(stream.Length - int64 cut)
            elif cut > 0 then
                stream.WriteByte(byte '\n')

            stream.Seek(0L, SeekOrigin.End) |> ignore

    let begin' () =
        let isNew = not (File.Exists real)

        let options =
            FileStreamOptions(
                Mode = FileMode.OpenOrCreate,
                Access = (if isSpecial then FileAccess.Write else FileAccess.ReadWrite),
                Share = (if isSpecial then FileShare.ReadWrite else FileShare.Read),
                BufferSize = 0
            )

        // Readable by its owner alone.
        if not (OperatingSystem.IsWindows()) then
            options.UnixCreateMode <- UnixFileMode.UserRead ||| UnixFileMode.UserWrite

        let stream = new FileStream(real, options)
        claim stream
        isMade <- isMade || isNew
        repair stream
        file <- ValueSome stream
        stream

    let opened () =
        match file with
        | ValueSome stream -> stream
        | ValueNone -> begin' ()

    let close () =
        file |> ValueOption.iter _.Dispose()
        file <- ValueNone

    /// The file, with room for so many bytes more.
    let withRoom length =
        let stream = opened ()

        if not isSpecial && stream.Length > 0L && stream.Length + int64 length > bound then
            close ()
            File.Move(real, $"{real}.1", overwrite = true)
            begin' ()
        else
            stream

    /// The whole line or nothing of it.
    let append (line: byte[]) =
        let stream = withRoom line.Length
        let length = if isSpecial then 0L else stream.Length

        try
            stream.Write line
        with :? IOException ->
            if not isSpecial then
                stream.SetLength length

            reraise ()

    let isTrouble (error: exn) =
        match error with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? NotSupportedException -> true
        | _ -> false

    let reason (error: exn) =
        match error with
        | :? DirectoryNotFoundException -> "the folder does not exist"
        | :? UnauthorizedAccessException when Directory.Exists real -> "it is a folder; expected a file"
        | :? UnauthorizedAccessException -> "it cannot be written; expected a file in a folder that can be written"
        | e -> e.Message

    let line (received: DateTimeOffset) (position: int64) kind (fault: Fault) (text: string) =
        use buffer = new MemoryStream()

        do
            use writer = new Utf8JsonWriter(buffer)
            writer.WriteStartObject()
            writer.WriteString("received", received.UtcDateTime)
            writer.WriteNumber("position", position)
            writer.WriteString("kind", (kind: string))
            writer.WriteString("reason", fault.Reason)
            writer.WriteString("element", text)
            writer.WriteEndObject()

        buffer.WriteByte(byte '\n')
        buffer.ToArray()

    /// Bytes that a file holds before a new one is begun.
    static let usualBound = 16L * 1024L * 1024L

    /// Opened with the first element.
    new(path) = new Quarantine(path, usualBound, ignore)

    /// Opens the file now, so that one that cannot be written is known at once; `say` is called when it cannot be written later,
    /// and when it can be again.
    static member Open(path: string, say: string -> unit) : Result<Quarantine, string> =
        let quarantine = new Quarantine(path, usualBound, say)

        match quarantine.TryOpen() with
        | Ok() -> Ok quarantine
        | Error reason -> Error reason

    static member Kinds =
        [
            FaultKind.Unparsable
            FaultKind.BadValue
            FaultKind.UnknownName
            FaultKind.ImpossibleConfiguration
            FaultKind.Implausible
            FaultKind.Jump
            FaultKind.Backwards
            FaultKind.FromTheFuture
            FaultKind.Poisonous
        ]

    /// The word for a kind of fault.
    static member Word(kind: FaultKind) =
        match kind with
        | FaultKind.Unparsable -> "unparsable"
        | FaultKind.BadValue -> "badValue"
        | FaultKind.UnknownName -> "unknownName"
        | FaultKind.ImpossibleConfiguration -> "impossibleConfiguration"
        | FaultKind.Implausible -> "implausible"
        | FaultKind.Backwards -> "backwards"
        | FaultKind.FromTheFuture -> "fromTheFuture"
        | FaultKind.Jump -> "jump"
        | FaultKind.Poisonous -> "poisonous"

    member private _.TryOpen() =
        try
            opened () |> ignore
            Ok()
        with e when isTrouble e ->
            Error $"{path}: {reason e}"

    /// Elements that could not be written.
    member _.Lost = lock gate (fun () -> lost)

    member _.Add(received: DateTimeOffset, position: int64, fault: Fault, text: string) =
        let line = line received position (Quarantine.Word fault.Kind) fault text

        lock gate (fun () ->
            try
                append line

                if isFailing then
                    isFailing <- false
                    say $"{path}: it can be written again; {lost} elements are missing from it"
            with e when isTrouble e ->
                close ()
                lost <- lost + 1L

                if not isFailing then
                    isFailing <- true

                    say
                        $"{path}: {reason e}; what is quarantined is counted and not kept until it can be written again")

    /// Every line is with the operating system already, which keeps it if the process ends.
    member _.Flush() = ()

    interface IDisposable with
        member _.Dispose() =
            lock gate (fun () ->
                close ()

                // Nothing had to be kept.
                if isMade && not isSpecial && FileInfo(real).Exists && FileInfo(real).Length = 0L then
                    File.Delete real)

namespace OnlinePolicyAdaptation.Soak

open System
open System.Diagnostics
open System.IO
open Microsoft.Data.Sqlite

/// What a full disk is made of.
[<RequireQualifiedAccess>]
type private FullDisk =
    /// A small disk of our own, which is filled.
    | Mounted
    /// The process may make no file longer than it is (RLIMIT_FSIZE).
    | Limited
    /// Nothing: neither is possible here.
    | Missing

/// Where a journal is, which can become unwritable and writable again: in turn another one locks the file, and the disk is full.
[<Sealed>]
type Disk private (folder: string, full: FullDisk) =
    let journal = Path.Combine(folder, "journal.db")
    let filling = Path.Combine(folder, "filling")
    let mutable lockedBy: SqliteConnection option = None
    let mutable failures = 0
    let mutable limited: int option = None

    static let run (program: string) (arguments: string list) =
        try
            let info = ProcessStartInfo(program, arguments)
            info.RedirectStandardError <- true

            match Process.Start info with
            | null -> false
            | started ->
                use started = started
                started.StandardError.ReadToEnd() |> ignore
                started.WaitForExit()
                started.ExitCode = 0
        with _ ->
            false

    /// No file of the process may be longer than so many bytes.
    static let limit (pid: int) (bytes: string) =
        run "prlimit" [ "--pid"; string pid; $"--fsize={bytes}:" ]

    let fill () =
        let block = Array.create 65536 1uy

        try
            use file =
                new FileStream(filling, FileMode.Create, FileAccess.Write, FileShare.None, 1)

            while true do
                file.Write(block, 0, block.Length)
        with :? IOException ->
            ()

    let lockOut () =
        let other = new SqliteConnection $"Data Source={journal};Pooling=false"
        other.Open()
        use command = other.CreateCommand()
        command.CommandText <- "BEGIN IMMEDIATE"
        command.ExecuteNonQuery() |> ignore
        lockedBy <- Some other

    static member Create(folder: string) =
        Directory.CreateDirectory folder |> ignore

        let full =
            if run "mount" [ "-t"; "tmpfs"; "-o"; "size=256m"; "tmpfs"; folder ] then
                FullDisk.Mounted
            elif run "prlimit" [ "--version" ] then
                FullDisk.Limited
            else
                FullDisk.Missing

        new Disk(folder, full)

    member _.Journal = journal

    member _.Kind =
        match full with
        | FullDisk.Mounted -> "journal locked, disk full"
        | FullDisk.Limited -> "journal locked, file at its largest size"
        | FullDisk.Missing -> "journal locked"

    /// This process can write nothing any more. A full disk may have room for a few transactions in what SQLite has of it already.
    member _.Fail(pid: int) =
        failures <- failures + 1

        match full with
        | FullDisk.Mounted when failures % 2 = 0 -> fill ()
        | FullDisk.Limited when failures % 2 = 0 && limit pid "4096" -> limited <- Some pid
        | _ -> lockOut ()

    member _.Recover() =
        File.Delete filling
        limited |> Option.iter (fun pid -> limit pid "unlimited" |> ignore)
        limited <- None
        lockedBy |> Option.iter _.Dispose()
        lockedBy <- None

    member _.Query (text: string) (read: SqliteDataReader -> 'a) =
        use connection = new SqliteConnection $"Data Source={journal};Pooling=false"
        connection.Open()
        use command = connection.CreateCommand()
        command.CommandText <- text
        use reader = command.ExecuteReader()

        [
            while reader.Read() do
                read reader
        ]

    member disk.Decisions =
        disk.Query "SELECT content FROM decision ORDER BY cycle" _.GetString(0)

    /// Ends of the intervals kept, in their order.
    member disk.Times =
        disk.Query "SELECT time FROM interval ORDER BY cycle" (fun row -> DateTimeOffset(row.GetInt64 0, TimeSpan.Zero))

    interface IDisposable with
        member disk.Dispose() =
            disk.Recover()

            if full = FullDisk.Mounted then
                run "umount" [ folder ] |> ignore

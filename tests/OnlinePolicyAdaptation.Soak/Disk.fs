namespace OnlinePolicyAdaptation.Soak

open System
open System.Diagnostics
open System.IO
open Microsoft.Data.Sqlite

/// Where a journal is, which can become unwritable and writable again: in turn another one locks the file, and, where we may
/// mount one, a small disk is full.
[<Sealed>]
type Disk private (folder: string, isMounted: bool) =
    let journal = Path.Combine(folder, "journal.db")
    let filling = Path.Combine(folder, "filling")
    let mutable lockedBy: SqliteConnection option = None
    let mutable failures = 0

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
        new Disk(folder, run "mount" [ "-t"; "tmpfs"; "-o"; "size=256m"; "tmpfs"; folder ])

    member _.Journal = journal

    member _.Kind =
        if isMounted then
            "journal locked or disk full"
        else
            "journal locked"

    /// Nothing can be written any more. A full disk may have room for a few transactions in what SQLite has of it already.
    member _.Fail() =
        failures <- failures + 1

        if isMounted && failures % 2 = 0 then
            fill ()
        else
            lockOut ()

    member _.Recover() =
        File.Delete filling

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

            if isMounted then
                run "umount" [ folder ] |> ignore

/// The SQLite file of a journal: its format, its connections.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Service.JournalFile

open System
open System.Collections.Generic
open System.IO
open Microsoft.Data.Sqlite

/// The format that is written; those before are read, and brought up to it when they are written to.
let format = 3

/// Seconds to wait for another process that has locked the file.
let private patience = 1

/// Tables of format 1, then those that came with format 2, then those of format 3.
let private schema =
    """
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS interval (
        cycle INTEGER PRIMARY KEY, time INTEGER NOT NULL UNIQUE, position INTEGER NOT NULL, content TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS decision (cycle INTEGER PRIMARY KEY, content TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS model (
        fitted_at INTEGER PRIMARY KEY, installed_at INTEGER NOT NULL, samples INTEGER NOT NULL,
        refit_seconds REAL NOT NULL, error REAL);
    CREATE TABLE IF NOT EXISTS checkpoint (cycle INTEGER PRIMARY KEY, content BLOB NOT NULL);

    CREATE TABLE IF NOT EXISTS outcome (
        cycle INTEGER PRIMARY KEY, kind TEXT NOT NULL, time INTEGER NOT NULL, reason TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS tally (
        run INTEGER NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, last INTEGER NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (run, kind)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS undone (
        at INTEGER NOT NULL, cycle INTEGER NOT NULL, time INTEGER NOT NULL, position INTEGER NOT NULL,
        interval TEXT NOT NULL, decision TEXT NOT NULL, PRIMARY KEY (at, cycle)) WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS command (
        number INTEGER PRIMARY KEY, cycle INTEGER NOT NULL, what TEXT NOT NULL, until INTEGER, who TEXT NOT NULL,
        time INTEGER NOT NULL);
    """

let private tables =
    set
        [
            "meta"
            "interval"
            "decision"
            "model"
            "checkpoint"
            "outcome"
            "tally"
            "undone"
            "command"
        ]

/// The fault, and what can be done about it.
let reason (path: string) (error: exn) =
    let what =
        match error with
        | :? SqliteException as e ->
            match e.SqliteErrorCode with
            | 5
            | 6 -> "another process has locked it; end that process"
            | 8 -> "it cannot be written; expected a file and a folder that can be written"
            | 10 -> $"the disk does not read or write it ({e.Message})"
            | 11
            | 26 ->
                $"it is damaged or no journal ({e.Message}); expected a journal written by opar control, or a new name"
            | 13 -> "the disk is full; free some of it"
            | 14 -> $"it cannot be opened ({e.Message}); expected a file and a folder that can be read and written"
            | _ -> e.Message
        | :? DirectoryNotFoundException -> "the folder does not exist"
        | :? UnauthorizedAccessException ->
            "it cannot be written; expected a file and a folder that can be written, or another place"
        | e -> e.Message

    $"{path}: {what}"

let isTrouble (error: exn) =
    match error with
    | :? SqliteException
    | :? IOException
    | :? UnauthorizedAccessException -> true
    // What has just been closed, or never was open.
    | :? InvalidOperationException -> true
    | _ -> false

/// A connection, with its commands ready to be run again. Not for several threads.
type Session(connection: SqliteConnection, format: int, whenClosed: unit -> unit) =
    let commands = Dictionary<string, SqliteCommand>()
    let mutable transaction: SqliteTransaction voption = ValueNone

    let command (text: string) (values: objnull list) =
        let command =
            match commands.TryGetValue text with
            | true, command -> command
            | false, _ ->
                let command = connection.CreateCommand()
                command.CommandText <- text

                for i in 0 .. values.Length - 1 do
                    command.Parameters.Add(SqliteParameter($"${i}", null)) |> ignore

                commands[text] <- command
                command

        values
        |> List.iteri (fun i value ->
            command.Parameters[i].Value <-
                match value with
                | null -> box DBNull.Value
                | value -> value)

        command.Transaction <- ValueOption.toObj transaction
        command

    /// The format of the file.
    member _.Format = format

    /// Runs a command with values for $0, $1 and so on; the number of rows it changed.
    member _.Execute (text: string) (values: objnull list) = (command text values).ExecuteNonQuery()

    /// All rows of a query.
    member _.Query (text: string) (values: objnull list) (read: SqliteDataReader -> 'a) : 'a list =
        use reader = (command text values).ExecuteReader()

        [
            while reader.Read() do
                read reader
        ]

    /// Does all of this, or nothing.
    member _.Atomically(work: unit -> 'a) =
        use begun = connection.BeginTransaction()
        transaction <- ValueSome begun

        try
            let done' = work ()
            begun.Commit()
            done'
        finally
            transaction <- ValueNone

    member session.Meta key =
        session.Query "SELECT value FROM meta WHERE key = $0" [ key ] _.GetString(0)
        |> List.tryHead

    member session.SetMeta (key: string) (value: string) =
        session.Execute "INSERT OR REPLACE INTO meta VALUES ($0, $1)" [ key; value ]
        |> ignore

    interface IDisposable with
        member _.Dispose() =
            for command in commands.Values do
                command.Dispose()

            connection.Dispose()
            whenClosed ()

let private connect source mode =
    let connection =
        new SqliteConnection(
            SqliteConnectionStringBuilder(DataSource = source, Mode = mode, Pooling = false, DefaultTimeout = patience)
                .ConnectionString
        )

    try
        connection.Open()
        connection
    with _ ->
        connection.Dispose()
        reraise ()

let private query (connection: SqliteConnection) text (read: SqliteDataReader -> 'a) =
    use command = connection.CreateCommand()
    command.CommandText <- text
    use reader = command.ExecuteReader()

    [
        while reader.Read() do
            read reader
    ]

let private run (connection: SqliteConnection) text =
    use command = connection.CreateCommand()
    command.CommandText <- text
    command.ExecuteNonQuery() |> ignore

/// The format of a file, 0 of an empty one; or what it is instead.
let private formatOf (path: string) connection =
    let version = query connection "PRAGMA user_version" _.GetInt32(0) |> List.sum

    let found =
        query connection "SELECT name FROM sqlite_master WHERE type = 'table'" _.GetString(0)
        |> set

    if version > format && found.Contains "decision" && found.Contains "meta" then
        Error
            $"{path}: a journal of format {version}, of a newer opar; expected at most format {format}, or the name of a new one"
    elif version < 0 || version > format || not (found.IsSubsetOf tables) then
        Error $"{path}: a database of something else; expected a journal, or the name of a new one"
    elif found.IsEmpty then
        Ok 0
    else
        Ok(max 1 version)

/// Makes a connection a session, or closes it.
let private session path (connection: SqliteConnection) whenClosed (prepare: int -> int) =
    try
        match formatOf path connection with
        | Ok found -> Ok(new Session(connection, prepare found, whenClosed))
        | Error message ->
            connection.Dispose()
            whenClosed ()
            Error message
    with _ ->
        connection.Dispose()
        reraise ()

/// Opens a file, which is there, to write it; one of an older format is brought up to this one.
let openToWrite (path: string) =
    let connection = connect (FileIdentity.realPath path) SqliteOpenMode.ReadWrite

    session path connection ignore (fun found ->
        // What is committed has reached the disk.
        run connection "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"

        if found < format then
            run connection $"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {format}; COMMIT;"

        format)

let private uri (full: string) =
    let escaped =
        Uri.EscapeDataString(full.Replace('\\', '/')).Replace("%2F", "/").Replace("%3A", ":")

    if escaped.StartsWith '/' then
        $"file:{escaped}"
    else
        $"file:///{escaped}"

/// The file as it is, which no process may be writing.
let private openImmutable path full =
    let connection = connect $"{uri full}?immutable=1" SqliteOpenMode.ReadOnly
    session path connection ignore id

/// A copy of the file and of what was not yet written into it, for where SQLite could not put its own files beside it.
let private openCopy path full =
    let folder = Directory.CreateTempSubdirectory "opar-journal-"
    let copy = Path.Combine(folder.FullName, "journal.db")
    let delete () = folder.Delete true

    try
        File.Copy(full, copy)
        File.Copy($"{full}-wal", $"{copy}-wal")
        session path (connect copy SqliteOpenMode.ReadWrite) delete id
    with _ ->
        delete ()
        reraise ()

/// Opens a file to read it, also while it is written, and leaves no file behind that was not there.
let openToRead (path: string) =
    let full = FileIdentity.realPath path

    if not (File.Exists $"{full}-wal") then
        openImmutable path full
    elif File.Exists $"{full}-shm" then
        try
            session path (connect full SqliteOpenMode.ReadOnly) ignore id
        with :? SqliteException as e when e.SqliteErrorCode = 14 || e.SqliteErrorCode = 8 ->
            openCopy path full
    elif FileInfo($"{full}-wal").Length = 0L then
        openImmutable path full
    else
        openCopy path full

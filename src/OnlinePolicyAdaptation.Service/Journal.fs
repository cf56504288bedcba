namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.Text
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.ControlCycle

/// An interval and the decision on it, as they are kept.
type JournalEntry =
    {
        Cycle: int
        /// End of the interval.
        Time: DateTimeOffset
        /// The number of the element in its source.
        Position: int64
        /// `IntervalJson` and `DecisionJson`.
        Interval: string
        Decision: string
    }

/// A model that was put in place.
type JournalModel =
    {
        /// The cycle after whose metrics it was fitted.
        FittedAt: int
        /// The cycle that first planned with it; later than `FittedAt` where it was fitted beside the cycles.
        InstalledAt: int
        Samples: int
        RefitSeconds: float
        /// Of the last predictions before it.
        Error: float voption
    }

/// Whose journal it is.
type JournalIdentity =
    {
        /// Scenario and options, by which a reader finds its settings again.
        Description: string
        /// Of all settings that decisions depend on.
        Fingerprint: string
        /// What is different in the settings that another journal's description tells of.
        Differences: string -> string
    }

/// Every interval taken in, every decision and every model, in an SQLite file that survives the process at any moment.
/// One process writes; others may read meanwhile. Not for several threads.
type Journal private (connection: SqliteConnection, writes: IDisposable voption) =

    let command (text: string) (names: string list) =
        let command = connection.CreateCommand()
        command.CommandText <- text

        for name in names do
            command.Parameters.Add(SqliteParameter(name, null)) |> ignore

        command

    let insertInterval =
        command "INSERT INTO interval VALUES ($0, $1, $2, $3)" [ "$0"; "$1"; "$2"; "$3" ]

    let insertDecision = command "INSERT INTO decision VALUES ($0, $1)" [ "$0"; "$1" ]

    let insertModel =
        command "INSERT OR REPLACE INTO model VALUES ($0, $1, $2, $3, $4)" [ "$0"; "$1"; "$2"; "$3"; "$4" ]

    let insertCheckpoint =
        command "INSERT OR REPLACE INTO checkpoint VALUES ($0, $1)" [ "$0"; "$1" ]

    let setMeta = command "INSERT OR REPLACE INTO meta VALUES ($0, $1)" [ "$0"; "$1" ]

    let execute (command: SqliteCommand) (values: objnull list) =
        values |> List.iteri (fun i value -> command.Parameters[i].Value <- value)
        command.ExecuteNonQuery() |> ignore

    let query (text: string) (values: (string * objnull) list) (read: SqliteDataReader -> 'a) =
        seq {
            use command = connection.CreateCommand()
            command.CommandText <- text

            for name, value in values do
                command.Parameters.AddWithValue(name, value) |> ignore

            use reader = command.ExecuteReader()

            while reader.Read() do
                yield read reader
        }

    let metadata key =
        query "SELECT value FROM meta WHERE key = $k" [ "$k", box key ] _.GetString(0)
        |> Seq.tryHead

    static let schema =
        """
        CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS interval (
            cycle INTEGER PRIMARY KEY, time INTEGER NOT NULL UNIQUE, position INTEGER NOT NULL, content TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS decision (cycle INTEGER PRIMARY KEY, content TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS model (
            fitted_at INTEGER PRIMARY KEY, installed_at INTEGER NOT NULL, samples INTEGER NOT NULL,
            refit_seconds REAL NOT NULL, error REAL);
        CREATE TABLE IF NOT EXISTS checkpoint (cycle INTEGER PRIMARY KEY, content BLOB NOT NULL);
        """

    static let connect path mode =
        let connection =
            new SqliteConnection(
                SqliteConnectionStringBuilder(DataSource = path, Mode = mode, Pooling = false).ConnectionString
            )

        connection.Open()
        connection

    static let run (connection: SqliteConnection) text =
        use command = connection.CreateCommand()
        command.CommandText <- text
        command.ExecuteNonQuery() |> ignore

    /// Whether there is nothing yet, or a journal.
    static let isOurs (connection: SqliteConnection) =
        use command = connection.CreateCommand()
        command.CommandText <- "SELECT name FROM sqlite_master WHERE type = 'table'"
        use reader = command.ExecuteReader()

        let tables =
            set
                [
                    while reader.Read() do
                        reader.GetString 0
                ]

        tables.IsSubsetOf(set [ "meta"; "interval"; "decision"; "model"; "checkpoint" ])

    /// Taken while the journal is written; the system drops it with the process.
    static let lock (path: string) =
        try
            Ok(
                new FileStream(
                    $"{path}.lock",
                    FileMode.OpenOrCreate,
                    FileAccess.ReadWrite,
                    FileShare.None,
                    1,
                    FileOptions.DeleteOnClose
                )
                :> IDisposable
            )
        with
        | :? DirectoryNotFoundException -> Error $"{path}: the folder does not exist"
        | :? IOException -> Error $"{path}: another controller writes this journal"

    static let guarded (path: string) (opened: unit -> Result<Journal, string>) =
        try
            opened ()
        with :? SqliteException as e ->
            Error $"{path}: not a journal that can be used: {e.Message}"

    static let opened path connection held (identity: JournalIdentity) =
        // What is committed has reached the disk.
        run connection "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        run connection schema
        let journal = new Journal(connection, ValueSome held)

        match journal.Meta "fingerprint" with
        | None ->
            journal.SetMeta "description" identity.Description
            journal.SetMeta "fingerprint" identity.Fingerprint
            Ok journal
        | Some fingerprint when fingerprint = identity.Fingerprint -> Ok journal
        | Some _ ->
            let differences =
                journal.Meta "description" |> Option.defaultValue "" |> identity.Differences

            (journal :> IDisposable).Dispose()

            Error
                $"{path}: the journal of a controller with other settings ({differences}); expected those it was begun with, or the name of a new journal"

    /// Opens a journal to go on with, or begins one. An error: it is of other settings, of another controller at work, or no
    /// journal.
    static member Open(path: string, identity: JournalIdentity) =
        lock path
        |> Result.bind (fun held ->
            guarded path (fun () ->
                let connection = connect path SqliteOpenMode.ReadWriteCreate

                if isOurs connection then
                    opened path connection held identity
                else
                    connection.Dispose()
                    Error $"{path}: a database of something else; expected a journal, or the name of a new one")
            |> Result.mapError (fun message ->
                held.Dispose()
                message))

    /// Opens a journal to read it, also while a controller writes it.
    static member OpenToRead(path: string) =
        if File.Exists path then
            guarded path (fun () ->
                let journal = new Journal(connect path SqliteOpenMode.ReadOnly, ValueNone)

                match journal.Meta "description" with
                | Some _ -> Ok journal
                | None -> Error $"{path}: an empty journal")
        else
            Error $"{path}: no such file; expected a journal written by opar control"

    member _.Meta key : string option = metadata key

    member _.SetMeta (key: string) (value: string) = execute setMeta [ key; value ]

    /// Keeps all of this, or nothing if the process ends before. Retention: the last so many cycles.
    member journal.Commit
        (
            entries: JournalEntry seq,
            models: JournalModel seq,
            checkpoint: struct (int * byte[]) voption,
            delivered: int,
            retention: int
        ) =
        use transaction = connection.BeginTransaction()

        for command in [ insertInterval; insertDecision; insertModel; insertCheckpoint; setMeta ] do
            command.Transaction <- transaction

        for entry in entries do
            execute insertInterval [ entry.Cycle; entry.Time.UtcTicks; entry.Position; entry.Interval ]
            execute insertDecision [ entry.Cycle; entry.Decision ]

        for model in models do
            let error =
                match model.Error with
                | ValueSome error -> box error
                | ValueNone -> box<DBNull> DBNull.Value

            execute insertModel [ model.FittedAt; model.InstalledAt; model.Samples; model.RefitSeconds; error ]

        journal.SetMeta "delivered" (string delivered)

        match checkpoint with
        | ValueSome(cycle, content) ->
            execute insertCheckpoint [ cycle; content ]
            journal.Expire(cycle, retention, transaction)
        | ValueNone -> ()

        transaction.Commit()

    /// Forgets what is older than the retention. Of the checkpoints older than the last ten, one in 1,000 cycles stays.
    member private _.Expire(cycle, retention, transaction) =
        let oldest = max 0 (cycle - retention)
        use command = connection.CreateCommand()
        command.Transaction <- transaction

        // What is kept begins with a checkpoint, so that it can be replayed.
        command.CommandText <-
            """
            DELETE FROM checkpoint WHERE cycle < (SELECT max(cycle) FROM checkpoint WHERE cycle <= $oldest);
            DELETE FROM interval WHERE $oldest > 0 AND cycle < (SELECT min(cycle) FROM checkpoint);
            DELETE FROM decision WHERE $oldest > 0 AND cycle < (SELECT min(cycle) FROM checkpoint);
            DELETE FROM model WHERE $oldest > 0 AND installed_at < (SELECT min(cycle) FROM checkpoint);
            DELETE FROM checkpoint
            WHERE cycle < (SELECT min(cycle) FROM (SELECT cycle FROM checkpoint ORDER BY cycle DESC LIMIT 10))
              AND cycle NOT IN (SELECT min(cycle) FROM checkpoint GROUP BY cycle / 1000);
            """

        command.Parameters.AddWithValue("$oldest", oldest) |> ignore
        command.ExecuteNonQuery() |> ignore

    /// The last cycle whose decision is known to have been delivered; -1: none.
    member _.Delivered = metadata "delivered" |> Option.map int |> Option.defaultValue -1

    /// The number of the last cycle; -1: none.
    member _.LastCycle =
        query "SELECT coalesce(max(cycle), -1) FROM decision" [] _.GetInt32(0)
        |> Seq.head

    /// Entries of the cycles from one to another, in their order.
    member _.Entries(first: int, last: int) : JournalEntry seq =
        query
            """SELECT i.cycle, i.time, i.position, i.content, d.content FROM interval i JOIN decision d USING (cycle)
               WHERE cycle BETWEEN $first AND $last ORDER BY cycle"""
            [ "$first", box first; "$last", box last ]
            (fun reader ->
                {
                    Cycle = reader.GetInt32 0
                    Time = DateTimeOffset(reader.GetInt64 1, TimeSpan.Zero)
                    Position = reader.GetInt64 2
                    Interval = reader.GetString 3
                    Decision = reader.GetString 4
                })

    /// Models that were put in place from a cycle on, in their order.
    member _.Models(first: int) : JournalModel seq =
        query
            "SELECT * FROM model WHERE installed_at >= $first ORDER BY installed_at"
            [ "$first", box first ]
            (fun reader ->
                {
                    FittedAt = reader.GetInt32 0
                    InstalledAt = reader.GetInt32 1
                    Samples = reader.GetInt32 2
                    RefitSeconds = reader.GetDouble 3
                    Error =
                        if reader.IsDBNull 4 then
                            ValueNone
                        else
                            ValueSome(reader.GetDouble 4)
                })

    /// The last checkpoint made before a cycle: the cycle that comes next after it, and its bytes.
    member _.Checkpoint(before: int) : struct (int * byte[]) option =
        query
            "SELECT cycle, content FROM checkpoint WHERE cycle <= $before ORDER BY cycle DESC LIMIT 1"
            [ "$before", box before ]
            (fun reader -> struct (reader.GetInt32 0, reader.GetFieldValue<byte[]> 1))
        |> Seq.tryHead

    interface IDisposable with
        member _.Dispose() =
            connection.Dispose()
            writes |> ValueOption.iter _.Dispose()

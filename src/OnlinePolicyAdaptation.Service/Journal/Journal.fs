namespace OnlinePolicyAdaptation.Service

open System
open System.Threading
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.ControlCycle

/// Every interval taken in, every decision and every model, in an SQLite file that survives the process at any moment.
/// One process writes; others may read meanwhile. Calls may come from several threads.
///
/// Where the file cannot be read or written, members throw `JournalUnavailable` and the file is opened anew for the next call.
type Journal private (path: string, connect: unit -> Result<JournalFile.Session, string>, held: IDisposable voption) =

    let gate = Lock()
    let mutable session: JournalFile.Session voption = ValueNone
    let mutable isClosed = false

    let notes = JournalNotes()

    /// Of the file when it was opened: it may be taken away under the open connection.
    let identity = FileIdentity.tryOf path

    let unavailable reason cause = JournalUnavailable(reason, cause)

    let closeSession () =
        match session with
        | ValueSome open' ->
            session <- ValueNone

            try
                (open' :> IDisposable).Dispose()
            with e when JournalFile.isTrouble e ->
                ()
        | ValueNone -> ()

    let connected () =
        if isClosed then
            raise (unavailable $"{path}: it has been closed" null)

        if held.IsSome && FileIdentity.tryOf path <> identity then
            raise (
                unavailable
                    $"{path}: the file was deleted, moved or replaced; put it back, or start the controller again with another journal"
                    null
            )

        match session with
        | ValueSome session -> session
        | ValueNone ->
            match connect () with
            | Ok opened ->
                session <- ValueSome opened
                opened
            | Error reason -> raise (unavailable reason null)

    /// Work on the open file, by one thread at a time.
    let using (work: JournalFile.Session -> 'a) =
        gate.Enter()

        try
            try
                work (connected ())
            with
            | :? JournalUnavailable -> reraise ()
            | e when JournalFile.isTrouble e ->
                closeSession ()
                raise (unavailable (JournalFile.reason path e) e)
        finally
            gate.Exit()

    /// All that a query about a range of cycles finds, without holding up other threads for long.
    let inPages (first: int) (last: int) (read: JournalFile.Session -> int -> int -> 'a list) (cycleOf: 'a -> int) =
        let atOnce = 1000

        seq {
            let mutable next = int64 first

            while next <= int64 last do
                let page = using (fun session -> read session (int next) atOnce)
                yield! page

                next <-
                    match List.tryLast page with
                    | Some item when page.Length = atOnce -> int64 (cycleOf item) + 1L
                    | _ -> Int64.MaxValue
        }

    /// All of this and what was noted before, or nothing.
    let commit (write: JournalFile.Session -> unit) =
        using (fun session ->
            session.Atomically(fun () ->
                write session
                notes.Write session)

            notes.Clear())

    /// The counts of earlier runs become one, and there are none of this run.
    static let beginRun (session: JournalFile.Session) =
        session.Execute
            "INSERT OR REPLACE INTO tally SELECT 0, kind, sum(count), max(last), reason FROM tally GROUP BY kind"
            []
        |> ignore

        session.Execute "DELETE FROM tally WHERE run <> 0" [] |> ignore

    static let isOf (identity: JournalIdentity) path (session: JournalFile.Session) =
        match session.Meta "fingerprint" with
        | Some fingerprint when fingerprint = identity.Fingerprint -> Ok()
        | None -> Ok()
        | Some _ ->
            let differences =
                session.Meta "description" |> Option.defaultValue "" |> identity.Differences

            Error
                $"{path}: the journal of a controller with other settings ({differences}); expected those it was begun with, or the name of a new journal"

    /// Opens a journal to go on with, or begins one, and tries to write it. An error: it is of other settings, of another
    /// controller at work, no journal, or cannot be written.
    static member Open(path: string, identity: JournalIdentity) =
        JournalAccess.locked path (fun held ->
            let isRight = isOf identity path

            let begin' (session: JournalFile.Session) =
                isRight session
                |> Result.map (fun () ->
                    session.Atomically(fun () ->
                        if (session.Meta "fingerprint").IsNone then
                            session.SetMeta "description" identity.Description
                            session.SetMeta "fingerprint" identity.Fingerprint

                        beginRun session))

            JournalFile.openToWrite path
            |> Result.bind (JournalAccess.check begin')
            |> Result.map (fun session ->
                (session :> IDisposable).Dispose()

                let connect () =
                    JournalFile.openToWrite path |> Result.bind (JournalAccess.check isRight)

                new Journal(path, connect, ValueSome held)))

    /// Opens a journal to read it, also while a controller writes it. It need not be writable, nor its folder.
    static member OpenToRead(path: string) =
        let hasContent (session: JournalFile.Session) =
            if session.Format > 0 && (session.Meta "description").IsSome then
                Ok()
            else
                Error $"{path}: an empty journal"

        let connect () =
            JournalFile.openToRead path |> Result.bind (JournalAccess.check hasContent)

        if FileIdentity.isSpecial path then
            Error $"{path}: a folder, pipe or device; expected a journal written by opar control"
        elif System.IO.File.Exists path then
            JournalAccess.guarded path (fun () ->
                let journal = new Journal(path, connect, ValueNone)

                try
                    journal.Meta "description" |> ignore
                    Ok journal
                with _ ->
                    (journal :> IDisposable).Dispose()
                    reraise ())
        else
            Error $"{path}: no such file; expected a journal written by opar control"

    member _.Meta key : string option = using _.Meta(key)

    member _.SetMeta (key: string) (value: string) =
        commit (fun session -> session.SetMeta key value)

    /// Keeps all of this, or nothing if the process ends before. Retention: the last so many cycles. What was kept before may
    /// be given again. An error: nothing is kept, or it is not known whether all is; it may be tried again later.
    member _.TryCommit(transaction: JournalTransaction, retention: int) : Result<unit, string> =
        try
            commit (fun session -> JournalWriting.transaction path session transaction retention)
            Ok()
        with :? JournalUnavailable as e ->
            Error e.Message

    /// Notes what became of decisions; it is written with the next commit, and by `Flush` and when the journal is closed.
    member _.Record(found: DecisionOutcome seq) =
        gate.Enter()

        try
            notes.Record found
        finally
            gate.Exit()

    member private _.NoteReached(key, cycle) =
        gate.Enter()

        try
            notes.Reach(key, cycle)
        finally
            gate.Exit()

    /// Notes that the lines of all decisions up to a cycle were written; it is written as outcomes are.
    member journal.NoteWritten(cycle: int) = journal.NoteReached("written", cycle)

    /// Notes that all decisions up to a cycle are where they were to go; it is written as outcomes are.
    member journal.NoteDelivered(cycle: int) = journal.NoteReached("delivered", cycle)

    /// Counts something that is no decision, such as a failed refit; it is written as outcomes are.
    member _.Note(kind: string, time: DateTimeOffset, reason: string) =
        gate.Enter()

        try
            notes.Count(kind, time, reason)
        finally
            gate.Exit()

    /// Writes what was noted and not committed yet. An error: it is kept for the next time.
    member _.Flush() : Result<unit, string> =
        try
            commit ignore
            Ok()
        with :? JournalUnavailable as e ->
            Error e.Message

    /// A cycle under a key; -1: none.
    member private _.CycleOf key =
        using _.Meta(key)
        |> Option.bind (fun text ->
            match Int32.TryParse text with
            | true, cycle -> Some cycle
            | false, _ -> None)

    /// The last cycle up to which all decisions are where they were to go; -1: none. `Undelivered` knows of later ones.
    member journal.Delivered = journal.CycleOf "delivered" |> Option.defaultValue -1

    /// The last cycle up to which the lines of all decisions were written; -1: none.
    member journal.Written =
        journal.CycleOf "written" |> Option.defaultValue journal.Delivered

    /// Cycles of the decisions that are to be acted on and of which it is not known what became of them, in their order.
    member journal.Undelivered() : int list =
        let delivered = journal.Delivered

        using (fun session ->
            let isOpen =
                if session.Format < 2 then
                    "1"
                else
                    "cycle NOT IN (SELECT cycle FROM outcome)"

            session.Query
                $"""SELECT cycle FROM decision
                    WHERE cycle > $0 AND {isOpen} AND json_valid(content) AND json_extract(content, '$.mode') <> 'shadow'
                    ORDER BY cycle"""
                [ delivered ]
                _.GetInt32(0))

    /// How many decisions came to which end, by its word.
    member _.Outcomes() : (string * int) list =
        using (fun session ->
            if session.Format < 2 then
                []
            else
                session.Query "SELECT kind, count(*) FROM outcome GROUP BY kind ORDER BY kind" [] (fun reader ->
                    reader.GetString 0, reader.GetInt32 1))

    /// All that was noted, by kind, over all runs.
    member _.Tallies() : JournalTally list =
        using (fun session ->
            if session.Format < 2 then
                []
            else
                session.Query
                    "SELECT kind, sum(count), max(last), reason FROM tally GROUP BY kind ORDER BY kind"
                    []
                    (fun reader ->
                        {
                            Kind = reader.GetString 0
                            Count = reader.GetInt64 1
                            Last = DateTimeOffset(reader.GetInt64 2, TimeSpan.Zero)
                            Reason = reader.GetString 3
                        }))

    /// What was taken back, in its order.
    member _.Undone() : UndoneIntervals list =
        using (fun session ->
            if session.Format < 2 then
                []
            else
                session.Query "SELECT at, count(*), min(cycle) FROM undone GROUP BY at ORDER BY at" [] (fun reader ->
                    {
                        At = DateTimeOffset(reader.GetInt64 0, TimeSpan.Zero)
                        Intervals = reader.GetInt32 1
                        First = reader.GetInt32 2
                    }))

    /// The number of the last cycle; -1: none.
    member _.LastCycle =
        using (fun session -> session.Query "SELECT coalesce(max(cycle), -1) FROM decision" [] _.GetInt32(0))
        |> List.head

    /// Entries of the cycles from one to another, in their order.
    member _.Entries(first: int, last: int) : JournalEntry seq =
        inPages
            first
            last
            (fun session first count ->
                session.Query
                    """SELECT i.cycle, i.time, i.position, i.content, d.content FROM interval i JOIN decision d USING (cycle)
                       WHERE cycle BETWEEN $0 AND $1 ORDER BY cycle LIMIT $2"""
                    [ first; last; count ]
                    (fun reader ->
                        {
                            Cycle = reader.GetInt32 0
                            Time = DateTimeOffset(reader.GetInt64 1, TimeSpan.Zero)
                            Position = reader.GetInt64 2
                            Interval = reader.GetString 3
                            Decision = reader.GetString 4
                        }))
            _.Cycle

    /// Models that were put in place from a cycle on, in their order.
    member _.Models(first: int) : JournalModel seq =
        using (fun session ->
            session.Query "SELECT * FROM model WHERE installed_at >= $0 ORDER BY installed_at" [ first ] (fun reader ->
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
                }))

    /// Commands that were given before the cycles from one to another, in their order.
    member _.Commands(first: int, last: int) : JournalCommand list =
        using (fun session ->
            if session.Format < 3 then
                []
            else
                session.Query
                    "SELECT cycle, what, until, who, time FROM command WHERE cycle BETWEEN $0 AND $1 ORDER BY number"
                    [ first; last ]
                    (fun reader ->
                        {
                            Cycle = reader.GetInt32 0
                            Command =
                                {
                                    Order =
                                        match reader.GetString 1 with
                                        | "resume" -> Order.Resume
                                        | _ when reader.IsDBNull 2 -> Order.Hold ValueNone
                                        | _ -> Order.Hold(ValueSome(DateTimeOffset(reader.GetInt64 2, TimeSpan.Zero)))
                                    By = reader.GetString 3
                                    Time = DateTimeOffset(reader.GetInt64 4, TimeSpan.Zero)
                                }
                        }))

    /// The last checkpoint made before a cycle: the cycle that comes next after it, and its bytes.
    member _.Checkpoint(before: int) : struct (int * byte[]) option =
        using (fun session ->
            session.Query
                "SELECT cycle, content FROM checkpoint WHERE cycle <= $0 ORDER BY cycle DESC LIMIT 1"
                [ before ]
                (fun reader -> struct (reader.GetInt32 0, reader.GetFieldValue<byte[]> 1)))
        |> List.tryHead

    interface IDisposable with
        member journal.Dispose() =
            gate.Enter()

            try
                if not isClosed then
                    if held.IsSome && not notes.IsEmpty then
                        journal.Flush() |> ignore

                    isClosed <- true
                    closeSession ()
                    held |> ValueOption.iter _.Dispose()
            finally
                gate.Exit()

/// The rows of cycles, as they come into a journal and go.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Service.JournalWriting

open OnlinePolicyAdaptation.ControlCycle

/// Inserts a row that may be there already; if it is there with another content, that is an error.
let private insert
    path
    (session: JournalFile.Session)
    table
    cycle
    (insertion: string)
    (same: string)
    (values: objnull list)
    =
    if
        session.Execute insertion values = 0
        && session.Query same values _.GetInt32(0) = []
    then
        raise (JournalUnavailable($"{path}: {table} of cycle {cycle}: another one is there already", null))

/// Forgets what is older than the retention. Of the checkpoints older than the last ten, one in 1,000 cycles stays.
let private expire (session: JournalFile.Session) cycle retention =
    let oldest = max 0 (cycle - retention)

    // What is kept begins with a checkpoint, so that it can be replayed.
    session.Execute
        "DELETE FROM checkpoint WHERE cycle < (SELECT max(cycle) FROM checkpoint WHERE cycle <= $0)"
        [ oldest ]
    |> ignore

    if oldest > 0 then
        for table, column in
            [
                "interval", "cycle"
                "decision", "cycle"
                "outcome", "cycle"
                "model", "installed_at"
                "command", "cycle"
            ] do
            session.Execute $"DELETE FROM {table} WHERE {column} < (SELECT min(cycle) FROM checkpoint)" []
            |> ignore

    session.Execute
        """DELETE FROM checkpoint
           WHERE cycle < (SELECT min(cycle) FROM (SELECT cycle FROM checkpoint ORDER BY cycle DESC LIMIT 10))
             AND cycle NOT IN (SELECT min(cycle) FROM checkpoint GROUP BY cycle / 1000)"""
        []
    |> ignore

/// A command that is written again, since it was not known whether it was kept, is there twice; given twice it means the same.
let private command (session: JournalFile.Session) (given: JournalCommand) =
    let until: objnull =
        match given.Command.Order with
        | Order.Hold(ValueSome until) -> box until.UtcTicks
        | Order.Hold ValueNone
        | Order.Resume -> null

    session.Execute
        "INSERT INTO command (cycle, what, until, who, time) VALUES ($0, $1, $2, $3, $4)"
        [
            given.Cycle
            given.Command.Order.Word
            until
            given.Command.By
            given.Command.Time.UtcTicks
        ]
    |> ignore

/// Writes a transaction; with its checkpoint what is older than the retention is forgotten.
let transaction path (session: JournalFile.Session) (transaction: JournalTransaction) retention =
    for entry in transaction.Entries do
        insert
            path
            session
            "interval"
            entry.Cycle
            "INSERT OR IGNORE INTO interval (cycle, time, position, content) VALUES ($0, $1, $2, $3)"
            "SELECT 1 FROM interval WHERE cycle = $0 AND time = $1 AND position = $2 AND content = $3"
            [ entry.Cycle; entry.Time.UtcTicks; entry.Position; entry.Interval ]

        insert
            path
            session
            "decision"
            entry.Cycle
            "INSERT OR IGNORE INTO decision (cycle, content) VALUES ($0, $1)"
            "SELECT 1 FROM decision WHERE cycle = $0 AND content = $1"
            [ entry.Cycle; entry.Decision ]

    Seq.iter (command session) transaction.Commands

    for model in transaction.Models do
        let error: objnull =
            match model.Error with
            | ValueSome error -> box error
            | ValueNone -> null

        session.Execute
            "INSERT OR REPLACE INTO model VALUES ($0, $1, $2, $3, $4)"
            [ model.FittedAt; model.InstalledAt; model.Samples; model.RefitSeconds; error ]
        |> ignore

    match transaction.Checkpoint with
    | ValueSome(cycle, content) ->
        session.Execute "INSERT OR REPLACE INTO checkpoint VALUES ($0, $1)" [ cycle; content ]
        |> ignore

        expire session cycle retention
    | ValueNone -> ()

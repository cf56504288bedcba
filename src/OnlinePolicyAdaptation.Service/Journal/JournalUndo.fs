namespace OnlinePolicyAdaptation.Service

open System

/// What was taken back of a journal.
type UndoneIntervals =
    {
        /// When that was.
        At: DateTimeOffset
        Intervals: int
        /// The first cycle among them.
        First: int
    }

/// Taking back the last intervals of a journal.
[<RequireQualifiedAccess>]
module JournalUndo =

    let private undo path (last: DateTimeOffset) (now: DateTimeOffset) (session: JournalFile.Session) =
        let number text values =
            session.Query text values (fun reader -> if reader.IsDBNull 0 then None else Some(reader.GetInt32 0))
            |> List.tryHead
            |> Option.flatten

        match number "SELECT min(cycle) FROM interval WHERE time > $0" [ last.UtcTicks ] with
        | None -> Ok None
        | Some first ->
            let begins = number "SELECT min(cycle) FROM interval" []

            let checkpoint =
                number "SELECT max(cycle) FROM checkpoint WHERE cycle <= $0" [ first ]

            // What came before the oldest that is kept may be after this time as well.
            if begins <> Some 0 && (checkpoint.IsNone || begins = Some first) then
                let cycle = number "SELECT min(cycle) FROM checkpoint" [] |> Option.defaultValue 0

                Error
                    $"{path}: what is kept can be gone on with from cycle {cycle} on, and the first after this time is cycle {first}, or one that is not kept; expected a later time, or a new journal"
            else
                session.Execute
                    """INSERT INTO undone SELECT $0, cycle, i.time, i.position, i.content, d.content
                       FROM interval i JOIN decision d USING (cycle) WHERE cycle >= $1"""
                    [ now.UtcTicks; first ]
                |> ignore

                let intervals = session.Execute "DELETE FROM interval WHERE cycle >= $0" [ first ]

                for condition in
                    [
                        "decision WHERE cycle >= $0"
                        "outcome WHERE cycle >= $0"
                        "model WHERE installed_at >= $0"
                        "checkpoint WHERE cycle > $0"
                    ] do
                    session.Execute $"DELETE FROM {condition}" [ first ] |> ignore

                // What an operator has ordered stays ordered.
                session.Execute "UPDATE command SET cycle = min(cycle, $0)" [ first ] |> ignore

                session.Execute
                    "UPDATE meta SET value = min(CAST(value AS INTEGER), $0) WHERE key IN ('delivered', 'written')"
                    [ first - 1 ]
                |> ignore

                Ok(
                    Some
                        {
                            At = now
                            Intervals = intervals
                            First = first
                        }
                )

    /// Takes back what came after a time, with all that depends on it; the intervals and decisions are kept as evidence. None:
    /// there is nothing after it. An error: a controller writes it, or it could not be gone on with.
    let after (path: string, last: DateTimeOffset, now: DateTimeOffset) : Result<UndoneIntervals option, string> =
        if not (System.IO.File.Exists path) then
            Error $"{path}: no such file; expected a journal written by opar control"
        else
            JournalAccess.locked path (fun held ->
                JournalFile.openToRead path
                |> Result.bind (fun session ->
                    use session = session
                    // What is no journal is not written to.
                    if session.Format > 0 then
                        Ok()
                    else
                        Error $"{path}: an empty journal")
                |> Result.bind (fun () -> JournalFile.openToWrite path)
                |> Result.bind (fun session ->
                    use session = session
                    session.Atomically(fun () -> undo path last now session))
                |> Result.map (fun found ->
                    held.Dispose()
                    found))

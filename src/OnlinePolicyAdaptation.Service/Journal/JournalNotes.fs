namespace OnlinePolicyAdaptation.Service

open System
open System.Collections.Generic

/// What was noted of a journal's cycles and is not in its file yet. Not for several threads at once.
type internal JournalNotes() =

    /// Of what this process has counted; earlier ones are run 0.
    let thisRun = 1

    /// What was counted since the journal was opened, and what of it is not in the file yet.
    let tallies = Dictionary<string, JournalTally>()
    let unwrittenTallies = HashSet<string>()

    let outcomes = ResizeArray<DecisionOutcome>()
    let mutable reached: (string * int) list = []

    member _.IsEmpty = unwrittenTallies.Count = 0 && outcomes.Count = 0 && reached.IsEmpty

    member _.Record(found: DecisionOutcome seq) = outcomes.AddRange found

    /// The cycle that something has come to; a later one replaces it.
    member _.Reach(key: string, cycle: int) =
        reached <- (key, cycle) :: List.filter (fun (other, _) -> other <> key) reached

    member _.Count(kind: string, time: DateTimeOffset, reason: string) =
        let before =
            match tallies.TryGetValue kind with
            | true, tally -> tally.Count
            | false, _ -> 0L

        tallies[kind] <-
            {
                Kind = kind
                Count = before + 1L
                Last = time
                Reason = reason
            }

        unwrittenTallies.Add kind |> ignore

    /// Writes all of this.
    member _.Write(session: JournalFile.Session) =
        for kind in unwrittenTallies do
            let tally = tallies[kind]

            session.Execute
                "INSERT OR REPLACE INTO tally VALUES ($0, $1, $2, $3, $4)"
                [ thisRun; kind; tally.Count; tally.Last.UtcTicks; tally.Reason ]
            |> ignore

        for outcome in outcomes do
            session.Execute
                "INSERT OR REPLACE INTO outcome VALUES ($0, $1, $2, $3)"
                [ outcome.Cycle; outcome.Fate.Word; outcome.Time.UtcTicks; outcome.Reason ]
            |> ignore

        for key, cycle in reached do
            session.SetMeta key (string<int> cycle)

    /// Once it was written; what was counted goes on being counted.
    member _.Clear() =
        unwrittenTallies.Clear()
        outcomes.Clear()
        reached <- []

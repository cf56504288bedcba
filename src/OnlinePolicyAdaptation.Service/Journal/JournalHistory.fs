namespace OnlinePolicyAdaptation.Service

open OnlinePolicyAdaptation.ControlCycle

/// What a journal holds besides its cycles.
type JournalHistory =
    {
        /// What became of decisions, by its word, with their number.
        Outcomes: (string * int) list
        /// Cycles whose action is not known to have been delivered.
        Undelivered: int list
        Tallies: JournalTally list
        Undone: UndoneIntervals list
    }

[<RequireQualifiedAccess>]
module JournalHistory =

    /// Kinds of tallies.
    let refitFailed = "refitFailed"

    let quarantined (kind: FaultKind) = $"quarantined.{Quarantine.Word kind}"

    /// Of a journal with these rows. What keeps the configuration need not be delivered.
    let ofJournal (journal: Journal) (rows: JournalRow[]) =
        let moving =
            rows
            |> Seq.filter (fun row -> Array.exists ((<>) 0) row.Action)
            |> Seq.map _.Cycle
            |> set

        {
            Outcomes = journal.Outcomes()
            Undelivered = journal.Undelivered() |> List.filter moving.Contains
            Tallies = journal.Tallies()
            Undone = journal.Undone()
        }

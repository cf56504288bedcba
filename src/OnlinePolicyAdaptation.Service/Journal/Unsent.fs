namespace OnlinePolicyAdaptation.Service

/// Decisions of an earlier process that have perhaps not come to where they were to go, in their order.
[<RequireQualifiedAccess>]
module Unsent =

    let private decisions system unreadable (journal: Journal) cycles =
        [|
            for cycle in cycles do
                for entry in journal.Entries(cycle, cycle) do
                    match Kept.outgoingOf system entry.Cycle entry.Decision with
                    | Ok sent -> sent
                    | Error reason -> unreadable $"cycle {entry.Cycle}: {reason}"
        |]

    /// Those whose lines may not have been written. `unreadable` is told of each that cannot be sent.
    let lines system unreadable (journal: Journal) : Outgoing[] =
        decisions system unreadable journal [ journal.Written + 1 .. journal.LastCycle ]

    /// Those that are to be acted on, and of which it is not known what became of them.
    let actions system unreadable (journal: Journal) : Outgoing[] =
        decisions system unreadable journal (journal.Undelivered())

namespace OnlinePolicyAdaptation.Cli

open System
open OnlinePolicyAdaptation.Service

/// What has come of deliveries, counted, and kept in the journal.
[<Sealed>]
type Deliveries(watch: Watch, journal: Journal voption, time: TimeProvider) =
    let mutable delivered = 0L
    let mutable undelivered = 0L

    member _.Record (sent: Outgoing) (fate: Fate) reason =
        match fate with
        | Fate.Delivered -> delivered <- delivered + 1L
        | Fate.GaveUp
        | Fate.Refused -> undelivered <- undelivered + 1L
        | Fate.Superseded
        | Fate.Stale -> ()

        watch.Delivery sent fate reason

        journal
        |> ValueOption.iter (fun journal ->
            journal.Record
                [
                    {
                        Cycle = sent.Cycle
                        Fate = fate
                        Time = time.GetUtcNow()
                        Reason = reason
                    }
                ])

    member _.Undelivered = undelivered

    /// An error where there was something to deliver, and none of it was delivered.
    member _.Verdict =
        if undelivered > 0L && delivered = 0L then
            Error $"none of {undelivered} decisions could be delivered"
        else
            Ok()

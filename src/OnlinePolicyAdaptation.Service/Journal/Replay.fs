namespace OnlinePolicyAdaptation.Service

open System
open System.Text
open OnlinePolicyAdaptation.ControlCycle

/// The state of a controller from its journal: the last checkpoint, and the intervals since, gone through once more.
[<RequireQualifiedAccess>]
module Replay =

    /// The inputs that a cycle of the journal began with: the commands that were given and the models that were put in place before
    /// it, and its interval.
    type private RecordedInputs(system: SystemDescription, journal: Journal, first: int) =
        let reader = IntervalReader system

        let installedBefore =
            journal.Models first
            |> Seq.filter (fun model -> model.FittedAt < model.InstalledAt)
            |> Seq.groupBy _.InstalledAt
            |> Map.ofSeq

        let givenBefore =
            journal.Commands(first, Int32.MaxValue) |> List.groupBy _.Cycle |> Map.ofList

        /// The commands that were given right before a cycle.
        member _.GivenBefore cycle =
            Map.tryFind cycle givenBefore |> Option.defaultValue [] |> List.map _.Command

        /// The cycles after which the models were fitted that were put in place before a cycle.
        member _.FittedFor cycle =
            installedBefore
            |> Map.tryFind cycle
            |> Option.map (Seq.map _.FittedAt >> Seq.toList)
            |> Option.defaultValue []

        member _.Arrival(entry: JournalEntry) =
            match
                reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes entry.Interval)),
                DecisionJson.wentOut system entry.Decision
            with
            | Ok interval, Ok wentOut ->
                let arrival =
                    {
                        Position = entry.Position
                        Content = Ok interval
                        Text = ""
                        Received = 0L
                        Reply = ValueNone
                    }

                Ok(Input.Replayed(arrival, interval, wentOut))
            | Error fault, _ -> Error $"cycle {entry.Cycle}: interval: {fault.Reason}"
            | _, Error reason -> Error $"cycle {entry.Cycle}: decision: {reason}"

    /// Where a replay has come to.
    type private Progress =
        {
            State: CycleState
            /// The refits that were asked for beside, by the cycle after whose metrics.
            Requests: Map<int, RefitRequest>
        }

    let private obey cycle (recorded: RecordedInputs) number (progress: Progress) =
        (progress, recorded.GivenBefore number)
        ||> List.fold (fun progress command ->
            { progress with
                State = (Cycle.step cycle progress.State (Input.Commanded command)).State
            })

    /// The state right before a cycle's interval: what was ordered and fitted until then is in place.
    let private install cycle (recorded: RecordedInputs) number progress =
        (obey cycle recorded number progress, recorded.FittedFor number)
        ||> List.fold (fun progress fittedAt ->
            match progress.Requests.TryFind fittedAt with
            | None -> progress
            | Some request ->
                let refit = Cycle.refit cycle TimeProvider.System request

                {
                    State = (Cycle.step cycle progress.State (Input.Refitted refit)).State
                    Requests = progress.Requests.Remove fittedAt
                })

    let private advance cycle (recorded: RecordedInputs) progress (entry: JournalEntry) =
        recorded.Arrival entry
        |> Result.map (fun input ->
            let progress = install cycle recorded entry.Cycle progress
            let step = Cycle.step cycle progress.State input

            {
                State = step.State
                Requests =
                    match step.Request with
                    | ValueSome request -> progress.Requests.Add(request.Cycle, request)
                    | ValueNone -> progress.Requests
            })

    let private begun (cycle: Cycle) (journal: Journal) before =
        match journal.Checkpoint before with
        | Some(struct (at, bytes)) ->
            Checkpoint.read cycle $"checkpoint of cycle {at}" bytes
            |> Result.map (fun state -> struct (at, state))
        | None -> Ok(struct (0, Cycle.start cycle))

    let private until (cycle: Cycle) system (journal: Journal) before =
        begun cycle journal before
        |> Result.bind (fun (struct (first, state)) ->
            let recorded = RecordedInputs(system, journal, first)

            let next found (entry: JournalEntry) =
                match found with
                | Ok progress when Cycle.number cycle progress.State <> entry.Cycle ->
                    Error $"cycle {Cycle.number cycle progress.State} is not kept any more"
                | Ok progress -> advance cycle recorded progress entry
                | error -> error

            (Ok { State = state; Requests = Map.empty }, journal.Entries(first, before - 1))
            ||> Seq.fold next
            |> Result.bind (fun progress ->
                let reached = Cycle.number cycle progress.State

                if reached = before then
                    Ok(struct (recorded, install cycle recorded before progress))
                else
                    Error $"cycle {reached} is not kept any more"))

    /// The state before a cycle, from the journal of a controller. An error: the journal cannot be read, or does not reach
    /// back far enough.
    let state cycle system journal before =
        until cycle system journal before
        |> Result.map (fun (struct (_, progress)) -> progress.State)

    /// What the stages up to the model made of the interval of a cycle, when it was decided on.
    let estimated (cycle: Cycle) system (journal: Journal) number =
        match journal.Entries(number, number) |> Seq.tryHead with
        | None -> Error $"cycle {number} is not in the journal"
        | Some entry ->
            until cycle system journal number
            |> Result.bind (fun (struct (recorded, progress)) ->
                recorded.Arrival entry |> Result.map (Cycle.estimated cycle progress.State))
            |> Result.bind (function
                | Element.Interval(_, estimated) -> Ok estimated
                | Element.Event _ -> Error $"cycle {number}: its interval is not taken in any more")

namespace OnlinePolicyAdaptation.Service

open System.Collections.Generic
open System.Text
open OnlinePolicyAdaptation.ControlCycle

/// When the model is refitted.
[<RequireQualifiedAccess>]
type Clock =
    /// Before the decision, which waits for it: decisions depend on nothing but the intervals.
    | Lockstep
    /// Beside the decisions, which never wait for it.
    | RealTime

/// The state of a controller from its journal: the last checkpoint, and the intervals since, gone through once more.
[<RequireQualifiedAccess>]
module Replay =

    /// The models of a journal as they come up: fitted after one cycle, put in place in the same or a later one.
    type private Models(journal: Journal, first: int) =
        let models = journal.Models first |> Seq.toArray
        let fitted = Dictionary<int, Result<FittedModel, CycleError>>()

        member _.FittedAt cycle =
            models |> Array.tryFind (fun model -> model.FittedAt = cycle)

        member _.InstalledBefore cycle =
            models
            |> Array.tryFind (fun model -> model.InstalledAt = cycle && model.FittedAt < cycle)

        member _.Fitted = fitted

    /// The state in which the cycle of an entry planned, and what it had observed.
    let private advance options clock (models: Models) state (interval: Interval) =
        match clock with
        | Clock.Lockstep -> Controller.learn options state interval
        | Clock.RealTime ->
            let cycle = state.Cycle.Cycle

            let ready =
                match models.InstalledBefore cycle with
                | Some model when models.Fitted.ContainsKey model.FittedAt ->
                    Controller.install models.Fitted[model.FittedAt] state
                | _ -> state

            let observed, noted = Controller.observe options ready interval

            match models.FittedAt cycle with
            | Some _ ->
                let struct (snapshot, begun) = Controller.beginRefit options observed
                models.Fitted[cycle] <- Controller.refit options snapshot
                begun, noted
            | None -> observed, noted

    /// The state after a cycle whose action was this.
    let private finish options state (noted: Noted) action =
        let planned, _ = Controller.planByBasePolicy options state noted
        Controller.acted options planned noted.Interval.Time action

    let private entry vocabulary (reader: IntervalReader) (entry: JournalEntry) =
        match reader.Read(Encoding.UTF8.GetBytes entry.Interval), DecisionJson.action vocabulary entry.Decision with
        | Ok interval, Ok action -> Ok(struct (interval, action))
        | Error fault, _ -> Error $"cycle {entry.Cycle}: interval: {fault.Reason}"
        | _, Error reason -> Error $"cycle {entry.Cycle}: decision: {reason}"

    /// The state before a cycle, and how its own interval takes it to where it plans.
    let private before options clock vocabulary (start: ControllerState) (journal: Journal) cycle =
        let from =
            match journal.Checkpoint cycle with
            | Some(struct (at, bytes)) ->
                ControllerCheckpoint.read options.Settings $"checkpoint of cycle {at}" bytes
                |> Result.map (fun state -> struct (at, state))
            | None -> Ok(struct (0, start))

        from
        |> Result.bind (fun (struct (first, state)) ->
            let reader = IntervalReader vocabulary
            let models = Models(journal, first)

            let next state kept =
                entry vocabulary reader kept
                |> Result.map (fun (struct (interval, action)) ->
                    let current, noted = advance options clock models state interval
                    finish options current noted action)

            (Ok state, journal.Entries(first, cycle - 1))
            ||> Seq.fold (fun state kept ->
                match state with
                | Ok(state: ControllerState) when state.Cycle.Cycle <> kept.Cycle ->
                    Error $"cycle {state.Cycle.Cycle} is not kept any more"
                | Ok state -> next state kept
                | Error reason -> Error reason)
            |> Result.bind (fun state ->
                if state.Cycle.Cycle = cycle then
                    Ok(struct (state, advance options clock models state))
                else
                    Error $"cycle {state.Cycle.Cycle} is not kept any more"))

    /// The state before a cycle, given the one that the controller started with. An error: the journal cannot be read, or does
    /// not reach back far enough.
    let state options clock vocabulary start journal cycle =
        before options clock vocabulary start journal cycle
        |> Result.map (fun (struct (state, _)) -> state)

    /// The state in which a cycle of the journal planned, and what it had observed.
    let planning options clock vocabulary start (journal: Journal) cycle =
        match journal.Entries(cycle, cycle) |> Seq.tryHead with
        | None -> Error $"cycle {cycle} is not in the journal"
        | Some kept ->
            before options clock vocabulary start journal cycle
            |> Result.bind (fun (struct (_, advance)) ->
                entry vocabulary (IntervalReader vocabulary) kept
                |> Result.map (fun (struct (interval, _)) -> advance interval))

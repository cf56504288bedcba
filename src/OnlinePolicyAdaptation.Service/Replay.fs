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
        | Clock.Lockstep ->
            let observed, noted = Controller.observe options state interval

            let current =
                if Controller.isRefitDue options observed then
                    Controller.begun observed
                    |> Controller.install (Controller.refit options observed)
                else
                    observed

            current, noted
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
                models.Fitted[cycle] <- Controller.refit options observed
                Controller.begun observed, noted
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

    /// The state before a cycle, given the one that the controller started with. An error: the journal cannot be read, or the
    /// cycle is older than all that it keeps.
    let before options clock vocabulary (start: ControllerState) (journal: Journal) cycle =
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

            (Ok state, journal.Entries(first, cycle - 1))
            ||> Seq.fold (fun state kept ->
                match state, entry vocabulary reader kept with
                | Ok(state: ControllerState), _ when state.Cycle.Cycle <> kept.Cycle ->
                    Error $"cycle {state.Cycle.Cycle} is not kept any more"
                | Ok state, Ok(struct (interval, action)) ->
                    let current, noted = advance options clock models state interval
                    Ok(finish options current noted action)
                | Error reason, _
                | _, Error reason -> Error reason)
            |> Result.map (fun state -> struct (state, fun interval -> advance options clock models state interval)))

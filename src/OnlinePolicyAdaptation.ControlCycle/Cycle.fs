namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp

/// One control cycle: all its stages, in their order.
type Cycle =
    {
        Settings: ControllerSettings
        Key: RandomKey
        /// Up to the estimated model, behind which refits branch off.
        Learning: Chain<Input, Element<Estimated>>
        /// From the model to the decision.
        Deciding: Chain<Element<Estimated>, Element<Decision>>
    }

/// The states of all stages between two elements.
type CycleState = private { states: objnull list }

/// What has come of an element, and the states that the stages were left in.
type CycleStep =
    {
        State: CycleState
        Decided: Element<Decision>
        /// A refit that is to be made beside.
        Request: RefitRequest voption
    }

/// Monitor, estimate, adapt, probe, guard, act. The one composition of the stages, and how it is read as a function;
/// `ControlLoop` reads it as a graph.
[<RequireQualifiedAccess>]
module Cycle =

    /// The stages of a controller that starts with an estimate.
    let compose (settings: ControllerSettings) (estimate: EstimateState) (key: RandomKey) =
        {
            Settings = settings
            Key = key
            Learning =
                Chain.first Monitor.fail (Monitor.stage settings)
                |> Chain.next (Estimate.stage settings key estimate)
            Deciding =
                Chain.empty
                |> Chain.next (Adapt.stage settings key)
                |> Chain.next (Probing.stage settings)
                |> Chain.next (Guard.stage settings)
                |> Chain.next (Act.stage settings)
        }

    /// The stages of a controller that has learned from these samples, oldest first.
    let create settings (history: Sample seq) key =
        compose settings (Estimate.start settings history key) key

    let stages cycle =
        Chain.stages cycle.Learning @ Chain.stages cycle.Deciding

    /// The names of the stages, in their order.
    let names cycle = stages cycle |> List.map _.Name

    /// The states to start in.
    let start cycle =
        {
            states = stages cycle |> List.map _.Start
        }

    let private run stages states passing =
        ((passing, []), stages, states)
        |||> List.fold2 (fun (passing, states) stage state ->
            let struct (next, passed) = Chain.step stage state passing
            passed, next :: states)
        |> fun (passing, states) -> struct (passing, List.rev states)

    /// The refit that an element which has passed the learning stages asks for.
    let refitRequest cycle passing =
        match Chain.output cycle.Learning passing with
        | Element.Interval(_, estimated) -> estimated.Request
        | Element.Event _ -> ValueNone

    /// Handles one input after the other: the cycle as a function.
    let step cycle (state: CycleState) (input: Input) =
        let learning = Chain.stages cycle.Learning
        let before, after = List.splitAt learning.Length state.states
        let struct (learnt, learned) = run learning before (Chain.enter input)
        let struct (passing, decided) = run (Chain.stages cycle.Deciding) after learnt

        {
            State = { states = learned @ decided }
            Decided = Chain.output cycle.Deciding passing
            Request = refitRequest cycle learnt
        }

    /// What the stages up to the model make of an input.
    let estimated cycle (state: CycleState) (input: Input) =
        let learning = Chain.stages cycle.Learning

        let struct (passing, _) =
            run learning (List.truncate learning.Length state.states) (Chain.enter input)

        Chain.output cycle.Learning passing

    /// The states as an element that has passed all stages carries them.
    let stateOf (passing: Passing) =
        {
            states = passing.States |> List.rev |> List.map (fun (struct (_, state)) -> state)
        }

    /// Each stage with its state.
    let paired cycle (state: CycleState) = List.zip (stages cycle) state.states

    /// The states, in the order of `stages`.
    let internal ofStates states = { states = states }

    /// The state of one stage.
    let find<'state> (cycle: Cycle) (name: string) (state: CycleState) : 'state =
        paired cycle state
        |> List.find (fun (stage, _) -> stage.Name = name)
        |> snd
        |> unbox<'state>

    /// The number of the next cycle.
    let number cycle state =
        (find<MonitorState> cycle Monitor.name state).Cycle

    let estimator cycle state : EstimateState = find cycle Estimate.name state

    /// The order to hold that was given last and was not taken back.
    let held cycle state =
        (find<GuardState> cycle Guard.name state).Held

    /// The states to go on from after a process has ended: what it had begun beside is begun again.
    let resume cycle (state: CycleState) =
        {
            states =
                [
                    for stage, state in paired cycle state ->
                        if stage.Name = Estimate.name then
                            box (Estimate.resume cycle.Settings (unbox state))
                        else
                            state
                ]
        }

    /// Makes a model of what was asked for, and the plans for its load, beside the cycles. A failure is a model's error.
    let refit cycle (time: TimeProvider) (request: RefitRequest) : Refit =
        let began = time.GetTimestamp()

        let struct (model, plans, failure) =
            try
                match Estimate.fit cycle.Settings cycle.Key request with
                | Ok fitted ->
                    let plans = Adapt.ahead cycle.Settings cycle.Key fitted.Estimate request.Loads
                    struct (Ok fitted, plans, ValueNone)
                | Error error -> struct (Error error, Plans.none, ValueNone)
            with error ->
                let trouble = CycleError.StageFailed("refit", error.GetBaseException().Message)
                struct (Error trouble, Plans.none, ValueSome { Stage = "refit"; Exception = error })

        {
            FittedAt = request.Cycle
            Model = model
            Plans = plans
            Duration = time.GetElapsedTime began
            Failure = failure
        }

/// A stage as a flow of Akka.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.ControlCycle.StageFlow

open System
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Streams.Dsl

/// A stage that is waited for.
let private waitedFor (stage: ChainedStage) start : Flow<Passing, Passing, NotUsed> =
    let state = ref start

    Flow
        .Create<Passing>()
        .Select(fun passing ->
            let struct (next, passed) = Chain.step stage state.Value passing
            state.Value <- next
            passed)

/// A stage that is not waited for longer than until its deadline. While a late step still runs, elements pass as missed.
let private inTime
    (surroundings: Surroundings<_>)
    (stage: ChainedStage)
    deadline
    start
    : Flow<Passing, Passing, NotUsed> =
    let state = ref start
    let late = ref Task.CompletedTask

    let step passing =
        task {
            if not late.Value.IsCompleted then
                return Chain.missed stage deadline state.Value passing
            else
                let cancellation = new CancellationTokenSource()
                let before = state.Value

                let stepping =
                    Task.Run(fun () -> Chain.stepInTime stage deadline cancellation.Token before passing)

                try
                    return! stepping.WaitAsync(surroundings.Deadline, surroundings.Time)
                with :? TimeoutException ->
                    cancellation.Cancel()
                    late.Value <- stepping
                    return Chain.missed stage deadline state.Value passing
        }

    Flow
        .Create<Passing>()
        .SelectAsync(
            1,
            fun passing ->
                task {
                    let! struct (next, passed) = step passing
                    state.Value <- next
                    return passed
                }
        )

/// The stages one after the other, each from its state on.
let ofStages clock surroundings (stages: (ChainedStage * objnull) list) : Flow<Passing, Passing, NotUsed> =
    (Flow.Create<Passing>(), stages)
    ||> List.fold (fun flow (stage, start) ->
        match clock, stage.Deadline with
        | Clock.RealTime, ValueSome deadline -> flow.Via(inTime surroundings stage deadline start)
        | _ -> flow.Via(waitedFor stage start))

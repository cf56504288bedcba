/// The graph that runs a controller gives what the function gives that is its definition.
module OnlinePolicyAdaptation.Tests.Service.Graph

open System
open System.Collections.Generic
open System.Threading.Tasks
open Akka.Streams.Dsl
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private said (element: Element<Decision>) =
    match element with
    | Element.Interval(taken, decision) -> $"{taken.Arrival.Position}: {SmallController.text decision}"
    | Element.Event(Event.Rejected(arrival, fault)) -> $"{arrival.Position}: {fault.Kind}, {fault.Reason}"
    | Element.Event(Event.AlreadyKnown arrival) -> $"{arrival.Position}: known"
    | Element.Event other -> failtest $"{other}"

/// All that has passed the graph, in order.
let private listening (elements: List<Element<Decision>>) : Sink.DecisionSink =
    Akka.Streams.Dsl.Sink
        .ForEach<Kept>(fun kept -> elements.Add kept.Element)
        .MapMaterializedValue(fun ended -> ended :> Task)
    |> Sink.create

let private expected cycle script =
    Scripts.inputs script
    |> SmallController.steps cycle (Cycle.start cycle)
    |> fst
    |> List.map said

let private inARow refitEvery (script: Scripts.Happening list) =
    let cycle = SmallController.start (Scripts.settings refitEvery)
    let elements = List()

    SmallController.run
        (SmallController.service cycle [ listening elements ])
        (SmallController.arrivals (Scripts.arrivals script))
    |> ignore

    Expect.equal (elements |> Seq.map said |> List.ofSeq) (expected cycle script) "the same"

/// An environment that is asked for nothing, and knows what was brought into force.
let private obedient (applied: List<Configuration>) =
    { new IEnvironment with
        member _.ObserveAsync _ = failtest "it is not asked"

        member _.ApplyAsync(next, _) =
            applied.Add next
            ValueTask.CompletedTask

        member _.ReadBackAsync _ = failtest "it is not asked"
    }

let private around refitEvery (script: Scripts.Happening list) =
    let cycle = SmallController.start (Scripts.settings refitEvery)
    let elements = List()
    let applied = List()
    let arrivals = Queue(Scripts.arrivals script)

    let observe () =
        Task.FromResult(
            match arrivals.TryDequeue() with
            | true, arrival -> ValueSome arrival
            | false, _ -> ValueNone
        )

    (SmallController.runWith
        (SmallController.service cycle [ listening elements ])
        (Cycle.start cycle)
        observe
        (obedient applied))
        .WaitAsync(TimeSpan.FromSeconds 60.0)
        .GetAwaiter()
        .GetResult()
    |> ignore

    Expect.equal (elements |> Seq.map said |> List.ofSeq) (expected cycle script) "the same"

    Expect.equal
        (List.ofSeq applied)
        (SmallController.decided elements |> List.map _.Target)
        "each decision is brought into force"

// --- Orders

/// Orders through the graph, each given once so many decisions are out.
let private ordered () =
    let cycle = SmallController.start (SmallController.options 1000)
    let decisions = List<Decision>()

    let orders = PostedCommands ValueNone
    let known = new System.Threading.SemaphoreSlim(0)

    let give order =
        let command =
            {
                Order = order
                By = "an operator"
                Time = Intervals.beginning
            }

        orders.Give command System.Threading.CancellationToken.None |> ignore

        known.WaitAsync()

    let intervals = Queue(Intervals.recorded 12 12)

    let pull: Pull =
        fun _ ->
            task {
                let n = 12 - intervals.Count

                if n = 4 then
                    do! give (Order.Hold ValueNone)
                elif n = 8 then
                    do! give Order.Resume

                return
                    match intervals.TryDequeue() with
                    | true, interval -> [| SmallController.arrival (int64 n) interval |]
                    | false, _ -> [||]
            }

    SmallController.run
        ({ SmallController.service cycle [] with
            Commands = ControlService.commands orders.Next
         }
         |> SmallController.watched (fun watch ->
             { watch with
                 Commanded = fun _ -> known.Release() |> ignore
                 Decided = fun decision _ _ -> decisions.Add decision
             }))
        pull
    |> ignore

    let isOrdered (decision: Decision) =
        decision.Rules |> List.exists (fun fired -> fired.Rule = "ordered")

    Expect.hasLength decisions 12 "each interval"

    for decision in decisions do
        if isOrdered decision then
            Expect.isTrue decision.Action.IsKeep "held"
            Expect.equal decision.By DecidedBy.Nobody "by nobody"
            Expect.isTrue (ValueOption.isSome decision.Record.QFactor) "planned all the same"

    // What has been read ahead when an order comes is decided on after it.
    let held = decisions |> Seq.filter isOrdered |> Seq.map _.Record.Cycle |> List.ofSeq
    Expect.equal held [ held.Head .. held.Head + held.Length - 1 ] "in a row"
    Expect.isLessThanOrEqual held.Head 4 "from the order on"
    Expect.isLessThanOrEqual (List.last held) 7 "until it is taken back"
    Expect.isGreaterThan held.Length 1 "not one alone"

[<Tests>]
let tests =
    let law name check =
        testPropertyWithConfig
            { FsCheckConfig.defaultConfig with
                maxTest = 60
            }
            name
            (Prop.forAll (Arb.fromGen Scripts.script) check)

    testList
        "Service.Graph"
        [
            law "whatever comes, the graph gives what the function gives" (inARow 1)
            law "so it does where models are fitted to several samples" (inARow 3)
            law "and in closed loop, where each decision is brought into force" (around 3)
            testCase "orders go through the graph, from one on until it is taken back" ordered
        ]

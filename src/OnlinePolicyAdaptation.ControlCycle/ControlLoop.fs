/// The control cycle as an Akka graph. The only file that draws it.
///
///     source ~> enter ~> monitor ~> estimate ~> adapt ~> guard ~> act ~> journal ~> sinks
///                 ^                     |
///                 '------ refit <-------'    beside, in real time only
///
/// `run` leads from a source to sinks. `join` and `closedLoop` lead from the end back to the beginning by an environment: one
/// element circulates, so no decision is taken on metrics from before the last action.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.ControlLoop

open System
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Actor
open Akka.Configuration
open Akka.Streams
open Akka.Streams.Dsl

/// Where graphs run. Disposing of it ends them.
type Engine internal (system: ActorSystem) =
    member val internal Materializer = system.Materializer()

    interface IAsyncDisposable with
        member _.DisposeAsync() = ValueTask(system.Terminate())

/// Akka writes nothing of its own: standard output is for decisions, and a graph's failure is that of its task.
let startEngine () =
    new Engine(
        ActorSystem.Create(
            "opar",
            ConfigurationFactory.ParseString
                "akka { loglevel = OFF, stdout-loglevel = OFF, coordinated-shutdown.run-by-clr-shutdown-hook = off }"
        )
    )

/// What a controller is joined to.
type Surroundings<'kept> =
    {
        Time: TimeProvider
        /// In real time, a stage with a deadline answers by its `Missed` where its step takes longer.
        Deadline: TimeSpan
        /// Orders of operators, from a source that does not end before the controller does.
        Commands: Source<Command, NotUsed>
        /// Nothing passes it before it is on the disk.
        Journal: Flow<Passing, 'kept, NotUsed>
        /// The task of each ends when it has taken all there was.
        Sinks: Sink<'kept, Task> list
    }

/// Groups of elements that are read while others are decided on.
let private readAhead = 2

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

let private stages clock surroundings (stages: (ChainedStage * objnull) list) : Flow<Passing, Passing, NotUsed> =
    (Flow.Create<Passing>(), stages)
    ||> List.fold (fun flow (stage, start) ->
        match clock, stage.Deadline with
        | Clock.RealTime, ValueSome deadline -> flow.Via(inTime surroundings stage deadline start)
        | _ -> flow.Via(waitedFor stage start))

/// One refit at a time; of what is asked for meanwhile the latest counts.
let private refits cycle time : Flow<Passing, Input, NotUsed> =
    Flow
        .Create<Passing>()
        .Select(Cycle.refitRequest cycle)
        .Where(fun request -> request.IsSome)
        .Conflate(fun _ latest -> latest)
        .SelectAsync(1, fun request -> Task.Run(fun () -> Input.Refitted(Cycle.refit cycle time request.Value)))

/// The controller, from what it is given to what it has kept and sent out.
let private draw cycle (state: CycleState) (surroundings: Surroundings<'kept>) : Flow<Input, 'kept, Task> =
    let learning, deciding =
        Cycle.paired cycle state |> List.splitAt (Chain.stages cycle.Learning).Length

    let drawn = stages cycle.Settings.Clock surroundings

    let graph =
        GraphDsl.Create(fun (builder: GraphDsl.Builder<NotUsed>) ->
            let enter = builder.Add(MergePreferred<Input>(2, true))
            let spread = builder.Add(Broadcast<Passing> 2)
            let commands = builder.Add(surroundings.Commands.Select Input.Commanded)

            let learn =
                builder.Add(Flow.Create<Input>().Select(Chain.enter).Via(drawn learning))

            let decide = builder.Add((drawn deciding).Via surroundings.Journal)
            let refit = builder.Add(refits cycle surroundings.Time)

            builder.From(commands.Outlet).To(enter.In 1) |> ignore
            builder.From(enter.Out).To(learn.Inlet) |> ignore
            builder.From(learn.Outlet).To(spread.In) |> ignore
            builder.From(spread.Out 0).To(decide.Inlet) |> ignore
            builder.From(spread.Out 1).To(refit.Inlet) |> ignore
            builder.From(refit.Outlet).To(enter.Preferred) |> ignore
            FlowShape<Input, 'kept>(enter.In 0, decide.Outlet))

    let controller =
        Flow.FromGraph(graph).MapMaterializedValue(fun _ -> Task.CompletedTask)

    (controller, surroundings.Sinks)
    ||> List.fold (fun flow sink -> flow.AlsoToMaterialized(sink, (fun one other -> Task.WhenAll(one, other))))

/// What arrives, with the time where times are real.
let private arrived (settings: ControllerSettings) (time: TimeProvider) arrival =
    let now =
        match settings.Clock with
        | Clock.RealTime -> ValueSome(time.GetUtcNow())
        | Clock.Lockstep -> ValueNone

    Input.Arrived(arrival, now)

/// Runs until the source ends or the token is cancelled; then all that was taken in has been decided on, kept and sent.
let run
    (engine: Engine)
    cycle
    state
    surroundings
    (source: Source<Arrival[], NotUsed>)
    (cancellation: CancellationToken)
    =
    task {
        let struct (switch, ended) =
            source
                .ViaMaterialized(KillSwitches.Single<Arrival[]>(), (fun _ switch -> switch))
                .Async()
                .Buffer(readAhead, OverflowStrategy.Backpressure)
                .SelectMany(fun arrivals -> arrivals :> Arrival seq)
                .Select(arrived cycle.Settings surroundings.Time)
                .ViaMaterialized(draw cycle state surroundings, (fun switch sinks -> struct (switch, sinks)))
                .ToMaterialized(
                    Sink.Ignore<'kept>(),
                    fun (struct (switch, sinks)) ended -> struct (switch, Task.WhenAll(sinks, ended))
                )
                .Run(engine.Materializer)

        use _ = cancellation.Register(fun () -> switch.Shutdown())
        do! ended
    }

/// A managed system that is part of the loop.
type LoopEnvironment<'kept> =
    {
        /// The next arrival; none ends the loop.
        Observe: unit -> Task<Arrival voption>
        /// Brings a decision into force.
        Act: 'kept -> Task
        /// Whether it came of an arrival: then it is acted on, and the next interval is observed.
        IsTurn: 'kept -> bool
    }

/// Runs in closed loop with a managed system until that ends: the next interval is observed once the last decision on the one
/// before has been kept, sent and acted on.
let join (engine: Engine) cycle state surroundings (environment: LoopEnvironment<'kept>) =
    task {
        match! environment.Observe() with
        | ValueNone -> ()
        | ValueSome first ->
            let enter = arrived cycle.Settings surroundings.Time

            let back: Flow<'kept, Input, Task> =
                Flow
                    .Create<'kept>()
                    .Where(fun kept -> environment.IsTurn kept)
                    .SelectAsync(
                        1,
                        fun kept ->
                            task {
                                do! environment.Act kept
                                return! environment.Observe()
                            }
                    )
                    .TakeWhile(fun arrival -> arrival.IsSome)
                    .Select(fun arrival -> enter arrival.Value)
                    .Buffer(1, OverflowStrategy.Backpressure)
                    .Prepend(Source.Single(enter first))
                    .WatchTermination(fun _ ended -> ended :> Task)

            let sinks, ended =
                (draw cycle state surroundings)
                    .JoinMaterialized(back, (fun sinks ended -> sinks, ended))
                    .Run(engine.Materializer)

            do! ended
            do! sinks
    }

/// A cycle's record, and how long its stages took.
type TimedRecord =
    {
        Record: CycleRecord
        Decision: TimeSpan
    }

/// Runs so many cycles in closed loop with an environment and hands each record to `sink` as it comes, in order; the states
/// to go on from. Cancelling stops before the next cycle; the records so far have reached the sink.
let closedLoop
    engine
    (cycle: Cycle)
    (state: CycleState)
    (environment: OnlinePolicyAdaptation.Domain.Environments.IEnvironment)
    cycles
    (sink: TimedRecord -> unit)
    (cancellation: CancellationToken)
    =
    task {
        let position = ref (Cycle.number cycle state)
        let last = position.Value + cycles
        let reached = ref state

        let observe () =
            task {
                if position.Value >= last || cancellation.IsCancellationRequested then
                    return ValueNone
                else
                    let! metrics = environment.ObserveAsync cancellation
                    let arrival = Arrival.ofMetrics position.Value metrics
                    position.Value <- position.Value + 1
                    return ValueSome arrival
            }

        let decided (passing: Passing) =
            reached.Value <- Cycle.stateOf passing

            match Chain.output cycle.Deciding passing with
            | Element.Interval(_, decision) ->
                sink
                    {
                        Record = decision.Record
                        Decision = Chain.duration passing
                    }

                ValueSome decision
            | Element.Event _ -> ValueNone

        let surroundings =
            {
                Time = TimeProvider.System
                Deadline = Timeout.InfiniteTimeSpan
                Commands = Source.Maybe<Command>().MapMaterializedValue(fun _ -> NotUsed.Instance)
                Journal = Flow.Create<Passing>().Select decided
                Sinks = []
            }

        do!
            join
                engine
                cycle
                state
                surroundings
                {
                    Observe = observe
                    Act =
                        fun decision ->
                            match decision with
                            | ValueSome decision -> environment.ApplyAsync(decision.Target, cancellation).AsTask()
                            | ValueNone -> Task.CompletedTask
                    IsTurn = fun _ -> true
                }

        return reached.Value
    }

/// The control cycle as an Akka graph. The only file that draws it.
///
///     source ~> enter ~> monitor ~> estimate ~> adapt ~> guard ~> act ~> journal ~> sinks
///                 ^                     |
///                 '------ refit <-------'    beside, in real time only
///
/// `run` leads from a source to sinks. `join` leads from the end back to the beginning by an environment: one element circulates,
/// so no decision is taken on metrics from before the last action.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.ControlLoop

open System
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Streams
open Akka.Streams.Dsl

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

    let drawn = StageFlow.ofStages cycle.Settings.Clock surroundings

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

/// Groups of elements that are read while others are decided on.
let private readAhead = 2

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

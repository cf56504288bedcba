/// The control cycle as an Akka stream.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Stream

open System
open System.Threading
open System.Threading.Tasks
open Akka.Actor
open Akka.Configuration

open Akka.Streams
open Akka.Streams.Dsl
open OnlinePolicyAdaptation.Domain.Environments

/// A cycle's record, and how long estimation and planning took.
type TimedRecord =
    {
        Record: CycleRecord
        Decision: TimeSpan
    }

/// Where streams run. Disposing of it ends them.
type Engine internal (system: ActorSystem) =
    member _.Materializer = system.Materializer()

    interface IAsyncDisposable with
        member _.DisposeAsync() = ValueTask(system.Terminate())

let startEngine () =
    new Engine(
        ActorSystem.Create(
            "opar",
            ConfigurationFactory.ParseString "akka { loglevel = WARNING, stdout-loglevel = WARNING }"
        )
    )

/// State of the loop between two cycles.
type private Loop =
    {
        State: CycleState
        Last: TimedRecord voption
    }

/// Runs `cycles` cycles of a controller in closed loop with an environment and hands each record to `sink` as it
/// comes, in order. Cancelling stops before the next cycle; the records so far have reached the sink.
///
/// Observing, deciding and acting happen in one stage: with an asynchronous boundary between them, decisions would be
/// taken on metrics from before the last action. The token is the kill switch, at the source: a KillSwitch stage
/// before ScanAsync would leave the stream hanging, as ScanAsync overlooks an upstream that ends while it waits for it.
let closedLoop
    (engine: Engine)
    (time: TimeProvider)
    (environment: IEnvironment)
    (step: CycleState -> OnlinePolicyAdaptation.Domain.Network.Metrics -> CycleState * CycleRecord)
    (start: CycleState)
    cycles
    (sink: TimedRecord -> unit)
    (cancellation: CancellationToken)
    : Task =
    let turn (loop: Loop) (_: int) =
        task {
            let! metrics = environment.ObserveAsync cancellation
            let began = time.GetTimestamp()
            let state, record = step loop.State metrics
            let decision = time.GetElapsedTime began
            do! environment.ApplyAsync(record.Next, cancellation)

            return
                {
                    State = state
                    Last = ValueSome { Record = record; Decision = decision }
                }
        }

    Source
        .From(
            seq { 1..cycles }
            |> Seq.takeWhile (fun _ -> not cancellation.IsCancellationRequested)
        )
        .ScanAsync({ State = start; Last = ValueNone }, (fun loop cycle -> turn loop cycle))
        .RunForeach((fun loop -> loop.Last |> ValueOption.iter sink), engine.Materializer)

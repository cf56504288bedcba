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
open Akka.Util
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

/// Runs `cycles` cycles of a controller in closed loop with an environment and hands each record to `sink` as it
/// comes, in order. Cancelling stops before the next cycle; the records so far have reached the sink.
///
/// Observing, deciding and acting happen in one stage: with an asynchronous boundary between them, decisions would be
/// taken on metrics from before the last action. That stage is also the source, which ends itself: ScanAsync behind a source
/// overlooks an end that comes while it waits for an element, and the stream then hangs.
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
    let turn struct (cycle: int, state: CycleState) =
        task {
            if cycle = cycles || cancellation.IsCancellationRequested then
                return Option.None
            else
                let! metrics = environment.ObserveAsync cancellation
                let began = time.GetTimestamp()
                let state, record = step state metrics
                let decision = time.GetElapsedTime began
                do! environment.ApplyAsync(record.Next, cancellation)
                let timed = { Record = record; Decision = decision }
                return Option.Create(struct (struct (cycle + 1, state), timed))
        }

    Source.UnfoldAsync(struct (0, start), turn).RunForeach(sink, engine.Materializer)

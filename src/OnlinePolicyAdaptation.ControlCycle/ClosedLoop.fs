namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Streams.Dsl
open OnlinePolicyAdaptation.Domain.Environments

/// A cycle's record, and how long its stages took.
type TimedRecord =
    {
        Record: CycleRecord
        Decision: TimeSpan
    }

/// A controller in closed loop with an environment. Akka stays hidden.
[<RequireQualifiedAccess>]
module ClosedLoop =

    /// Runs so many cycles in closed loop with an environment and hands each record to `sink` as it comes, in order; the states
    /// to go on from. Cancelling stops before the next cycle; the records so far have reached the sink.
    let run
        engine
        (cycle: Cycle)
        (state: CycleState)
        (environment: IEnvironment)
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
                ControlLoop.join
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

/// A managed system that is simulated in the process: observed as a source, acted on as a sink.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.EnvironmentSource

open System
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Observes the next interval, from the one of number `first` on, up to `intervals`; -1: without end, until the token is
/// cancelled. They end as `IntervalEnd` says.
let create
    (environment: IEnvironment)
    (first: int64)
    (intervals: int64)
    clock
    pace
    interval
    (time: TimeProvider)
    (cancellation: CancellationToken)
    : unit -> Task<Arrival voption> =
    let metronome = Metronome(pace, interval, time)
    let mutable position = first

    fun () ->
        task {
            try
                if position = intervals || cancellation.IsCancellationRequested then
                    return ValueNone
                else
                    do! metronome.Next cancellation
                    let! metrics = environment.ObserveAsync cancellation

                    let arrival =
                        {
                            Position = position
                            Content =
                                Ok(
                                    Interval(
                                        IntervalEnd.ofPosition clock interval time position,
                                        metrics.Configuration,
                                        metrics.Services
                                    )
                                )
                            Text = ""
                            Received = time.GetTimestamp()
                            Reply = ValueNone
                        }

                    position <- position + 1L
                    return ValueSome arrival
            with :? OperationCanceledException when cancellation.IsCancellationRequested ->
                return ValueNone
        }

/// Brings the environment to where it was after these decisions, each on the interval of a number. An error: it is not in
/// the configuration that the last one led to.
let rewind (environment: IEnvironment) (decisions: struct (int64 * Outgoing) seq) =
    task {
        let mutable observed = 0L
        let mutable expected = ValueNone

        for struct (position, decision) in decisions do
            while observed <= position do
                let! _ = environment.ObserveAsync CancellationToken.None
                observed <- observed + 1L

            match decision.Mode with
            | Mode.Shadow -> ()
            | Mode.Act
            | Mode.Base ->
                do! environment.ApplyAsync(decision.Target, CancellationToken.None)
                expected <- ValueSome decision.Target

        let! inForce = environment.ReadBackAsync CancellationToken.None

        return
            match expected with
            | ValueSome target when target <> inForce ->
                Error $"the system is in {inForce.Levels}; expected {target.Levels}, which the last decision led to"
            | _ -> Ok()
    }

/// A managed system that is simulated in the process: observed as a source, acted on as a sink.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.EnvironmentSource

open System
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.ControlCycle

/// The first `intervals` intervals; -1: without end. They end as `IntervalEnd` says.
let create
    (environment: IEnvironment)
    (first: int64)
    (intervals: int64)
    clock
    pace
    interval
    (time: TimeProvider)
    : Pull =
    let metronome = Metronome(pace, interval, time)
    let mutable position = first

    fun (cancellation: CancellationToken) ->
        task {
            if position = intervals then
                return [||]
            else
                do! metronome.Next cancellation
                let! metrics = environment.ObserveAsync cancellation

                let arrival =
                    {
                        Position = position
                        Content =
                            Ok
                                {
                                    Time = IntervalEnd.ofPosition clock interval time position
                                    Configuration = metrics.Configuration
                                    Services = metrics.Services
                                }
                        Text = ""
                        Received = time.GetTimestamp()
                        Reply = ValueNone
                    }

                position <- position + 1L
                return [| arrival |]
        }

/// Brings the environment to where it was after these decisions, each on the interval of a number.
let rewind (environment: IEnvironment) (decisions: struct (int64 * Outgoing) seq) : Task =
    task {
        let deliver = Sink.environment environment
        let mutable observed = 0L

        for struct (position, decision) in decisions do
            while observed <= position do
                let! _ = environment.ObserveAsync CancellationToken.None
                observed <- observed + 1L

            let! _ = deliver [| decision |] CancellationToken.None
            ()
    }

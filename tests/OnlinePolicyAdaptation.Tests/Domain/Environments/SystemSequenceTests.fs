module OnlinePolicyAdaptation.Tests.Domain.Environments.SystemSequence

open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

/// Answers with always the same response time, and notes the configurations that were in force.
let private answering (seconds: float) (seen: ResizeArray<float * Configuration>) : IEnvironment =
    let mutable configuration = TwoNodes.configuration 1.0 5.0
    let mutable interval = 0L

    { new IEnvironment with
        member _.ObserveAsync _ =
            seen.Add(seconds, configuration)
            interval <- interval + 1L
            ValueTask.FromResult(TwoNodes.metrics (interval - 1L) configuration (ValueSome seconds))
      interface IActuator with
          member _.ApplyAsync(next, _) =
              configuration <- next
              ValueTask.CompletedTask

          member _.ReadBackAsync _ = ValueTask.FromResult configuration
    }

let private observe (environment: IEnvironment) =
    environment.ObserveAsync(CancellationToken.None).AsTask().Result

let private secondsOf (metrics: Metrics) =
    metrics.Services[0].MeanResponseTime.Value.Seconds

[<Tests>]
let tests =
    testList
        "Domain.Environments.SystemSequence"
        [
            test "each system answers from its cycle on, with the configuration in force" {
                let seen = ResizeArray()

                let sequence =
                    SystemSequence(
                        (fun () -> answering 1.0 seen),
                        [|
                            LaterSystem(2L, (fun () -> answering 2.0 seen))
                            LaterSystem(3L, (fun () -> answering 3.0 seen))
                            LaterSystem(5L, (fun () -> answering 1.0 seen))
                        |]
                    )

                let elsewhere = TwoNodes.configuration 0.4 2.0

                let metrics =
                    [
                        for cycle in 0..6 do
                            observe sequence

                            if cycle = 1 then
                                (sequence :> IActuator).ApplyAsync(elsewhere, CancellationToken.None).AsTask().Wait()
                    ]

                Expect.equal (metrics |> List.map secondsOf) [ 1.0; 1.0; 2.0; 3.0; 3.0; 1.0; 1.0 ] "who answers"
                Expect.equal (metrics |> List.map _.Interval) [ 0L .. 6L ] "numbered on"
                Expect.equal (seen[1] |> snd) (TwoNodes.configuration 1.0 5.0) "until it was applied"
                Expect.all (Seq.skip 2 seen) (fun (_, configuration) -> configuration = elsewhere) "handed on"
            }

            test "the first system is not made where another one is there from cycle 0 on" {
                let sequence =
                    SystemSequence(
                        (fun () -> failtest "made"),
                        [| LaterSystem(0L, (fun () -> answering 2.0 (ResizeArray()))) |]
                    )

                Expect.equal (secondsOf (observe sequence)) 2.0 "the second"
            }

            test "cycles that do not ascend are refused" {
                let later cycle =
                    LaterSystem(cycle, (fun () -> answering 1.0 (ResizeArray())))

                Expect.throws
                    (fun () ->
                        SystemSequence((fun () -> answering 1.0 (ResizeArray())), [| later 5L; later 4L |])
                        |> ignore)
                    "5, 4"
            }
        ]

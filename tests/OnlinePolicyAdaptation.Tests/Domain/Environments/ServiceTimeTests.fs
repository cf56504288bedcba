module OnlinePolicyAdaptation.Tests.Environments.ServiceTimeTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Environments

let private draws count (serviceTime: ServiceTime) =
    let mutable random = RandomKey(11UL).Sequence()
    Array.init count (fun _ -> serviceTime.Draw &random)

/// Mean, and squared coefficient of variation, of many draws.
let private moments serviceTime =
    let draws = draws 200_000 serviceTime
    let mean = Array.average draws
    mean, Array.averageBy (fun draw -> pown (draw / mean - 1.0) 2) draws

[<Tests>]
let tests =
    testList
        "Domain.Environments.ServiceTime"
        [
            for serviceTime, variation in
                [
                    ServiceTime.Exponential 0.2 :> ServiceTime, 1.0
                    ServiceTime.Lognormal(0.2, 0.05), 0.05
                    ServiceTime.Lognormal(0.2, 1.5), 1.5
                ] do
                testCase $"{serviceTime} has that mean and variation"
                <| fun () ->
                    let mean, squaredVariation = moments serviceTime
                    // Standard error of the mean: 0.27 % at a squared variation of 1.5; of that itself below 2 %.
                    Expect.isLessThan (abs (mean / 0.2 - 1.0)) 0.011 "mean"
                    Expect.isLessThan (abs (squaredVariation / variation - 1.0)) 0.06 "variation"

            testCase "a deterministic service time is its mean"
            <| fun () -> Expect.allEqual (draws 100 (ServiceTime.Deterministic 0.2)) 0.2 "draws"

            testCase "a service time without work is refused"
            <| fun () ->
                for mean in [ 0.0; -1.0; nan; infinity ] do
                    Expect.throwsT<ArgumentOutOfRangeException>
                        (fun () -> ServiceTime.Exponential mean |> ignore)
                        $"mean {mean}"
        ]

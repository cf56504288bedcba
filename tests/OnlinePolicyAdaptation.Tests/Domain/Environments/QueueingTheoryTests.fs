/// The simulated mesh against what queueing theory says of it. Keys are fixed; the bounds are about four standard
/// errors.
module OnlinePolicyAdaptation.Tests.Environments.QueueingTheoryTests

open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Tests.Environments.Meshes

let private within bound expected actual what =
    Expect.isLessThan (abs (actual / expected - 1.0)) bound $"{what}: expected {expected}, got {actual}"

let private near bound expected actual what =
    Expect.isLessThan (abs (actual - expected)) bound $"{what}: expected {expected}, got {actual}"

/// Erlang's C formula: the probability that all of so many servers are busy.
let private allBusy servers offered =
    let term k =
        Seq.fold (fun product i -> product * offered / float i) 1.0 [ 1..k ]

    let waiting = term servers / (1.0 - offered / float servers)
    waiting / (waiting + Seq.sumBy term [ 0 .. servers - 1 ])

[<Tests>]
let tests =
    testList
        "Domain.Environments.SimulatedMesh.QueueingTheory"
        [
            for load in [ 3.0; 6.0; 8.0 ] do
                testCase $"M/M/1 processor sharing answers in 1 / (10 - {load}) s on average"
                <| fun () ->
                    let measured =
                        observeSingleNode (ServiceTime.Exponential 0.1) load 1 150_000.0 (RandomKey 1UL)

                    // At load 8 the number of requests forgets its past in about 9 s: some 8,000 independent looks.
                    within 0.05 (1.0 / (10.0 - load)) (meanOf measured) "mean response time"

            for serviceTime in
                [
                    ServiceTime.Deterministic 0.1 :> ServiceTime
                    ServiceTime.Exponential 0.1
                    ServiceTime.Lognormal(0.1, 0.05)
                    ServiceTime.Lognormal(0.1, 4.0)
                ] do
                testCase $"M/G/1 processor sharing is insensitive to the distribution: {serviceTime}"
                <| fun () ->
                    let measured = observeSingleNode serviceTime 6.0 1 100_000.0 (RandomKey 2UL)
                    within 0.04 0.25 (meanOf measured) "mean response time"

            testCase "M/M/3 processor sharing waits as Erlang's C formula says"
            <| fun () ->
                let load, work, cores = 20.0, 0.1, 3

                let expected = work + allBusy cores (load * work) / (float cores / work - load)

                let measured =
                    observeSingleNode (ServiceTime.Exponential work) load cores 30_000.0 (RandomKey 3UL)

                within 0.03 expected (meanOf measured) "mean response time"

            testCase "Little's law: requests in flight = carried load times mean response time"
            <| fun () ->
                let mesh =
                    SimulatedMesh(
                        parameters [ ServiceTime.Lognormal(0.1, 2.0) ] [ NodeParameters() ],
                        array [ constant 7.0 ],
                        coresGrid,
                        configuration [ 0 ],
                        RandomKey 4UL,
                        every 0.5
                    )

                let looks =
                    [
                        for _ in 1..40_000 do
                            let service = (observe mesh).Services[0]
                            let carried = service.CarriedLoad.PerSecond

                            let timeSpent = if carried > 0.0 then carried * meanOf service else 0.0

                            float mesh.Counts.InFlight, timeSpent
                    ]

                within 0.03 (List.averageBy snd looks) (List.averageBy fst looks) "requests in flight"

            testCase "a node for one request at a time loses them as Erlang's B formula says"
            <| fun () ->
                let measured =
                    SimulatedMesh(
                        parameters [ ServiceTime.Deterministic 0.1 ] [ NodeParameters(Capacity = 1) ],
                        array [ constant 8.0 ],
                        coresGrid,
                        configuration [ 0 ],
                        RandomKey 5UL,
                        every 20_000.0
                    )
                    |> observe
                    |> fun metrics -> metrics.Services[0]

                let lost = measured.FailedLoad.Value.PerSecond / measured.OfferedLoad.PerSecond
                near 0.006 (0.8 / 1.8) lost "lost share"
                near 1e-9 0.1 (meanOf measured) "nobody shares the core"

            testCase "the front node refuses the blocking rate, and routes the others by their shares"
            <| fun () ->
                let grid =
                    ControlGrid(
                        array
                            [
                                Control("b1", ControlTarget.BlockingRate 0, 0.0, 0.5, 6)
                                Control("p11", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 6)
                            ]
                    )

                // Answers from node 2 take 2 s longer, so the mean tells how many came from there.
                let mesh =
                    SimulatedMesh(
                        parameters
                            [ ServiceTime.Deterministic 1e-9 ]
                            [ NodeParameters(); NodeParameters(LatencySeconds = 1.0) ],
                        array [ constant 100.0 ],
                        grid,
                        configuration [ 3; 3 ],
                        RandomKey 6UL,
                        every 1000.0
                    )

                let service = (observe mesh).Services[0]
                let counts = mesh.Counts
                // Of 100,000 draws: four standard deviations are 0.0058 of refused, 0.0074 of routed.
                near 0.0058 0.3 (float counts.Refused / float counts.Arrived) "refused"
                near 0.0074 0.4 (meanOf service / 2.0) "share of node 2"

            testCase "thinning follows the load pattern"
            <| fun () ->
                let periods = 400

                let sine = LoadPattern.Sine(RequestRate 10.0, RequestRate 12.0, 50.0, 0.3)

                let steps = LoadPattern.Recorded(array [ RequestRate 20.0; RequestRate 1.0 ], 25.0)

                let mesh =
                    SimulatedMesh(
                        parameters [ ServiceTime.Exponential 0.01; ServiceTime.Exponential 0.01 ] [ NodeParameters() ],
                        array [ sine :> LoadPattern; steps ],
                        coresGrid,
                        configuration [ 1 ],
                        RandomKey 7UL
                    )

                let observed = [ for _ in 1 .. 10 * periods -> observe mesh ]

                for service, pattern in [ 0, sine :> LoadPattern; 1, steps ] do
                    for part in 0..9 do
                        let arrivals =
                            observed
                            |> List.filter (fun metrics -> metrics.Interval % 10L = int64 part)
                            |> List.sumBy (fun metrics -> 5.0 * metrics.Services[service].OfferedLoad.PerSecond)

                        let moments = [ for i in 0..999 -> 5.0 * (float part + (float i + 0.5) / 1000.0) ]

                        let expected =
                            5.0
                            * float periods
                            * List.averageBy (fun time -> pattern.RateAt(time).PerSecond) moments

                        near (4.0 * sqrt expected + 1.0) expected arrivals $"service {service}, part {part}"
        ]

module OnlinePolicyAdaptation.Tests.Environments.SimulatedMeshTests

open System
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Tests.Environments.Meshes
open OnlinePolicyAdaptation.Tests.Environments.MeshRuns

/// Two services, each with a node of its own unless p21 sends some of the second to node 1.
let private twoNodes =
    {
        Parameters =
            parameters
                [ ServiceTime.Exponential 0.05; ServiceTime.Exponential 0.05 ]
                [ NodeParameters(Cores = 2.0); NodeParameters(Cores = 2.0) ]
        Loads = [ constant 20.0; constant 20.0 ]
        Grid =
            ControlGrid(
                array
                    [
                        Control("p11", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 3)
                        Control("p21", ControlTarget.RoutingWeight(1, 0), 0.0, 1.0, 3)
                    ]
            )
        Configurations = [ configuration [ 2; 0 ] ]
        Schedule = MonitoringSchedule()
        Key = RandomKey 21UL
    }

[<Tests>]
let tests =
    testList
        "Domain.Environments.SimulatedMesh"
        [
            testProperty "the same key gives the same metrics, bit for bit"
            <| forAllRuns (fun run -> Expect.equal (run.Observe(run.Start())) (run.Observe(run.Start())) "metrics")

            testCase "another key gives another run"
            <| fun () ->
                let other = { twoNodes with Key = RandomKey 22UL }
                Expect.notEqual (other.Observe(other.Start())) (twoNodes.Observe(twoNodes.Start())) "metrics"

            testProperty "no request is lost: all are refused, dropped, answered or in flight"
            <| forAllRuns (fun run ->
                let mesh = run.Start()

                for metrics in run.Observe mesh do
                    let counts = mesh.Counts

                    Expect.equal
                        counts.Arrived
                        (counts.Refused + counts.Dropped + counts.Answered + counts.InFlight)
                        $"after interval {metrics.Interval}")

            testProperty "the configuration applied is the one reported, and intervals are numbered from 0"
            <| forAllRuns (fun run ->
                let observed = run.Observe(run.Start())
                Expect.equal [ for metrics in observed -> metrics.Configuration ] run.Configurations "configurations"
                Expect.equal [ for metrics in observed -> metrics.Interval ] [ 0L .. 3L ] "numbers")

            testProperty "the offered load does not depend on the configurations"
            <| forAllRuns (fun run ->
                let offered configurations =
                    let run =
                        { run with
                            Configurations = configurations
                        }

                    [
                        for metrics in run.Observe(run.Start()) do
                            for service in metrics.Services -> service.OfferedLoad
                    ]

                Expect.equal (offered (List.rev run.Configurations)) (offered run.Configurations) "offered load")

            testCase "applying the configuration in force changes nothing, so nothing has to settle"
            <| fun () ->
                let run =
                    { twoNodes with
                        Schedule = MonitoringSchedule(SettlingSeconds = 10.0)
                    }

                let applied, left = run.Start(), run.Start()

                for _ in 1..5 do
                    apply applied [ 2; 0 ]
                    Expect.equal (observe applied) (observe left) "metrics"

                Expect.equal applied.Counts left.Counts "requests simulated"

            testCase "settling passes unmeasured"
            <| fun () ->
                let run =
                    { twoNodes with
                        Loads = [ constant 100.0; constant 0.0 ]
                        Schedule = MonitoringSchedule(SettlingSeconds = 50.0)
                    }

                let mesh = run.Start()
                let measured = (observe mesh).Services[0].OfferedLoad.PerSecond * 5.0
                let settling = float mesh.Counts.Arrived - measured
                // Poisson with mean 5000: four standard deviations are 283.
                Expect.isLessThan (abs (settling - 5000.0)) 283.0 "requests while it settled"

            testCase "a request in flight at the end of an interval is answered in a later one"
            <| fun () ->
                let burst =
                    LoadPattern.Recorded(array [ RequestRate 1.0; RequestRate 0.0; RequestRate 0.0 ], 5.0)

                let mesh =
                    SimulatedMesh(
                        parameters
                            [ ServiceTime.Deterministic 7.0 ]
                            [ NodeParameters(Cores = 100.0, LatencySeconds = 0.25) ],
                        array [ burst :> LoadPattern ],
                        ControlGrid(array [ Control("b1", ControlTarget.BlockingRate 0, 0.0, 1.0, 2) ]),
                        configuration [ 0 ],
                        RandomKey 2UL
                    )

                let first, second, third = observe mesh, observe mesh, observe mesh
                let load = first.Services[0].OfferedLoad
                Expect.isGreaterThan load.PerSecond 0.0 "requests came"
                Expect.isFalse first.Services[0].MeanResponseTime.HasValue "nothing was served yet"
                Expect.equal first.Services[0].CarriedLoad (RequestRate 0.0) "no carried load"

                Expect.floatClose
                    Accuracy.high
                    (second.Services[0].CarriedLoad.PerSecond
                     + third.Services[0].CarriedLoad.PerSecond)
                    load.PerSecond
                    "all were answered later"

                Expect.floatClose Accuracy.high (meanOf second.Services[0]) 7.5 "work, and the latency both ways"

            testCase "a slower node slows only the requests that are routed there"
            <| fun () ->
                let slower =
                    { twoNodes with
                        Parameters =
                            parameters
                                (List.ofSeq twoNodes.Parameters.ServiceTimes)
                                [ NodeParameters(Cores = 2.0); NodeParameters(Cores = 2.0, Speed = 0.7) ]
                    }

                let slowed, left = slower.Start(), twoNodes.Start()

                for _ in 1..20 do
                    let slowed, left = observe slowed, observe left
                    Expect.equal slowed.Services[0] left.Services[0] "service 1 is all on node 1"
                    Expect.isGreaterThan (meanOf slowed.Services[1]) (meanOf left.Services[1]) "service 2 is not"

            testCase "what does not fit the mesh is refused at the door"
            <| fun () ->
                let start grid configuration =
                    SimulatedMesh(twoNodes.Parameters, array twoNodes.Loads, grid, configuration, twoNodes.Key)
                    |> ignore

                let control target = Control("x", target, 0.0, 1.0, 2)

                for target in
                    [
                        ControlTarget.RoutingWeight(2, 0) :> ControlTarget
                        ControlTarget.RoutingWeight(0, 2)
                        ControlTarget.BlockingRate -1
                        ControlTarget.CpuCores(array [ 0; 2 ])
                    ] do
                    Expect.throwsT<ArgumentOutOfRangeException>
                        (fun () -> start (ControlGrid(array [ control target ])) (configuration [ 0 ]))
                        $"{target}"

                Expect.throwsT<ArgumentException>
                    (fun () ->
                        start
                            (ControlGrid(
                                array
                                    [
                                        control (ControlTarget.BlockingRate 0)
                                        Control("y", ControlTarget.BlockingRate 0, 0.0, 1.0, 2)
                                    ]
                            ))
                            (configuration [ 0; 0 ]))
                    "two controls for the same thing"

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> start twoNodes.Grid (configuration [ 3; 0 ]))
                    "off the grid"

                let mesh = twoNodes.Start()

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> mesh.ApplyAsync(configuration [ 0 ], CancellationToken.None) |> ignore)
                    "too few levels"

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> NodeParameters(Speed = 0.0) |> ignore)
                    "a node that does not work"
        ]

module OnlinePolicyAdaptation.Tests.Environments.SlowMeshTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests.Environments.MeshRuns
open OnlinePolicyAdaptation.Tests.Environments.SlowMesh

/// numpy's quantile of an unsorted sample: the weighted sum of the two order statistics around the position.
let private naiveQuantile fraction (sample: float list) =
    let position = fraction * float (sample.Length - 1)

    List.sort sample
    |> List.indexed
    |> List.sumBy (fun (i, value) -> value * max 0.0 (1.0 - abs (float i - position)))

let private naiveMean sample =
    if List.isEmpty sample then 0.0 else List.average sample

let private naiveDeviation sample =
    let mean = naiveMean sample
    sqrt (naiveMean [ for value in sample -> (value - mean) ** 2.0 ])

/// Every number of a service's metrics, with its name; 0 where nothing was answered.
let private numbers (metrics: ServiceMetrics) =
    let seconds (time: Nullable<ResponseTime>) =
        time |> Option.ofNullable |> Option.fold (fun _ time -> time.Seconds) 0.0

    let deviation (statistics: ResponseTimeStatistics | null) =
        statistics
        |> Option.ofObj
        |> Option.bind (fun statistics -> Option.ofNullable statistics.StandardDeviation)
        |> Option.defaultValue 0.0

    let quantile (of': ResponseTimeStatistics -> Nullable<ResponseTime>) =
        metrics.Statistics |> Option.ofObj |> Option.fold (fun _ -> of' >> seconds) 0.0

    [
        "offered load", metrics.OfferedLoad.PerSecond
        "carried load", metrics.CarriedLoad.PerSecond
        "mean", seconds metrics.MeanResponseTime
        "deviation", deviation metrics.Statistics
        "p90", quantile _.P90
        "p99", quantile _.P99
        "blocked", metrics.BlockedLoad.Value.PerSecond
        "dropped", metrics.FailedLoad.Value.PerSecond

        for node in metrics.Nodes do
            "node mean", seconds node.MeanResponseTime

        for node in metrics.Nodes do
            "node deviation", deviation node.Statistics

        for node in metrics.Nodes do
            "carried by node", node.CarriedLoad.Value.PerSecond
    ]

/// The same numbers, from what happened in the slow mesh.
let private slowNumbers nodes seconds service happenings =
    let rate filter =
        float (List.length (List.filter filter happenings)) / seconds

    let answered =
        happenings
        |> List.choose (function
            | Answered(answered, node, time) when answered = service -> Some(node, time)
            | _ -> None)

    let times = List.map snd answered

    let timesOf node =
        answered |> List.filter (fst >> (=) node) |> List.map snd

    [
        "offered load", rate ((=) (Arrived service))
        "carried load", float times.Length / seconds
        "mean", naiveMean times
        "deviation", naiveDeviation times
        "p90", naiveQuantile 0.9 times
        "p99", naiveQuantile 0.99 times
        "blocked", rate ((=) (Blocked service))
        "dropped", rate ((=) (Dropped service))

        for node in 0 .. nodes - 1 do
            "node mean", naiveMean (timesOf node)

        for node in 0 .. nodes - 1 do
            "node deviation", naiveDeviation (timesOf node)

        for node in 0 .. nodes - 1 do
            "carried by node", float (timesOf node).Length / seconds
    ]

let private agreesWithSlowMesh (run: Run) =
    let slow = SlowMesh(run.Parameters, run.Loads, run.Grid, run.Key, run.Schedule)

    let mutable inForce = None

    for interval, metrics in List.indexed (run.Observe(run.Start())) do
        let happenings =
            slow.Observe(interval, metrics.Configuration, inForce <> Some metrics.Configuration)

        inForce <- Some metrics.Configuration

        for service in 0 .. run.Loads.Length - 1 do
            let fast = numbers metrics.Services[service]

            let expected =
                slowNumbers run.Parameters.Nodes.Count run.Schedule.IntervalSeconds service happenings

            Expect.equal (List.map fst fast) (List.map fst expected) "the same numbers are reported"

            // A deviation is the root of a difference, so of equal response times it may be 1e-9 instead of 0.
            for (name, fast), (_, slow) in List.zip fast expected do
                let tolerance = if name.EndsWith "deviation" then 1e-7 else 1e-9

                Expect.isLessThan
                    (abs (fast - slow))
                    (tolerance * max 1.0 slow)
                    $"{name} of service {service} in interval {interval}"

[<Tests>]
let tests =
    testList
        "Domain.Environments.SimulatedMesh.SlowMesh"
        [
            testProperty "the mesh agrees with a simulator that reduces every request's work at every event"
            <| forAllRuns agreesWithSlowMesh
        ]

module OnlinePolicyAdaptation.Tests.Scenarios.OfferedLoad

open System
open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests

let private rates (values: float list) =
    EquatableArray.ToEquatableArray(values |> Seq.map RequestRate)

let private levels load =
    OfferedLoad.levels 5.0 load |> List.map _.PerSecond

/// Response times at 5 req/s as in the small scenario, and 0.05 s more for each 5 req/s more.
let private trace onNode2 loads =
    [
        "l1,p11,c1,cl1,d1"
        for load in loads do
            for configuration in TwoNodes.configurations do
                let values = TwoNodes.grid.Values configuration

                for i in 0..3 do
                    let seconds = TwoNodes.responseTime onNode2 configuration + 0.01 * (load - 5.0)
                    $"{load},{values[0]},{values[1]},{load},{seconds + 0.001 * float i}"
    ]

/// Runs a test in the folder of the small scenario under another load, recorded at 5, 10 and 15 req/s.
let private under load (test: string -> unit) =
    Scratch.withFolder (fun folder ->
        let file name = Path.Combine(folder, name)

        File.WriteAllText(file "scenario.json", SmallScenario.json.Replace("\"requestsPerSecond\": 5", load))

        File.WriteAllLines(file "before.csv", trace 0.08 [ 5.0; 10.0; 15.0 ])
        File.WriteAllLines(file "after.csv", trace 0.3 [ 5.0; 10.0; 15.0 ])
        File.WriteAllLines(file "loads.csv", [ "load"; "2"; "7"; "13"; "30" ])
        test folder)

let private run scenario =
    Experiment.run scenario (SmallScenario.traces scenario) Map.empty 2 ignore CancellationToken.None
    |> _.GetAwaiter().GetResult()

/// The loads of the cycles of a seed, for each contender.
let private loadsOf seed (result: ExperimentResult) =
    [
        for contender in result.Contenders ->
            [
                for o in result.Observations do
                    if o.Contender = contender && o.Seed = seed then
                        o.Loads[0].PerSecond
            ]
    ]

[<Tests>]
let tests =
    testList
        "Scenarios.OfferedLoad"
        [
            test "a constant and steps are planned for as they are named, ascending and once" {
                Expect.equal (levels (OfferedLoad.Constant(RequestRate 4.0))) [ 4.0 ] "constant"
                Expect.equal (levels (OfferedLoad.RandomSteps(rates [ 15.0; 5.0; 15.0 ], 20))) [ 5.0; 15.0 ] "steps"
            }

            test "a file and a sine are planned for at the multiples of the load step they come near" {
                let sine mean amplitude =
                    OfferedLoad.Sine(RequestRate mean, RequestRate amplitude, 60.0, 0.0)

                Expect.equal (levels (sine 10.0 5.0)) [ 5.0; 10.0; 15.0 ] "both ends"
                Expect.equal (levels (sine 10.0 12.0)) [ 5.0; 10.0; 15.0; 20.0 ] "never below a step"
                Expect.equal (levels (OfferedLoad.Recorded("f", rates [ 11.0; 3.0; 12.0 ]))) [ 5.0; 10.0 ] "file"
            }

            test "several services are planned for at every combination" {
                SmallScenario.withScenario (fun _ scenario ->
                    let steps = OfferedLoad.RandomSteps(rates [ 5.0; 10.0 ], 20)

                    let scenario =
                        { scenario with
                            Experiment.OfferedLoads = [ steps; OfferedLoad.Constant(RequestRate 4.0); steps ]
                        }

                    Expect.equal
                        (Scenario.loadLevels scenario |> List.map (Seq.map _.PerSecond >> List.ofSeq))
                        [
                            [ 5.0; 4.0; 5.0 ]
                            [ 5.0; 4.0; 10.0 ]
                            [ 10.0; 4.0; 5.0 ]
                            [ 10.0; 4.0; 10.0 ]
                        ]
                        "the last fastest")
            }

            test "all contenders of a seed meet the same loads, drawn every 4 cycles; other seeds meet others" {
                under "\"steps\": { \"rates\": [5, 10, 15], \"every\": 4 }" (fun folder ->
                    let result = run (SmallScenario.load folder)
                    let first = loadsOf 1 result
                    Expect.hasLength (List.distinct first) 1 "contenders"
                    Expect.notEqual (loadsOf 2 result).Head first.Head "another seed"

                    for step in List.chunkBySize 4 first.Head do
                        Expect.hasLength (List.distinct step) 1 "held"

                    Expect.equal (List.distinct first.Head |> List.sort) [ 5.0; 10.0; 15.0 ] "every load occurs"

                    for o in result.Observations do
                        Expect.equal o.Timed.Record.Metrics.Services[0].OfferedLoad o.Loads[0] "the row answers")
            }

            test "a load from a file is answered at the nearest recorded level, before and after the change" {
                under "\"file\": { \"path\": \"loads.csv\", \"column\": \"load\", \"unit\": \"req/s\" }" (fun folder ->
                    let scenario =
                        { SmallScenario.load folder with
                            Experiment.Cycles = 9
                            Experiment.Changes =
                                [
                                    for change in (SmallScenario.load folder).Experiment.Changes ->
                                        { change with FromCycle = 3 }
                                ]
                        }

                    Expect.equal
                        (run scenario |> loadsOf 1 |> List.head)
                        [ 5.0; 5.0; 15.0; 15.0; 5.0; 5.0; 15.0; 15.0; 5.0 ]
                        "2, 7, 13, 30 and again")
            }

            test "the report tells rewards by load, and shows the load" {
                under "\"steps\": { \"rates\": [5, 10], \"every\": 4 }" (fun folder ->
                    let result =
                        run
                            { SmallScenario.load folder with
                                Experiment.Seeds = 1
                            }

                    let page = result |> ExperimentResults.ofExperiment "opar run ." None |> Report.html
                    Expect.stringContains page "Reward per cycle at each load" "table"
                    Expect.stringContains page "Offered load of s" "chart"
                    Expect.stringContains page "one of 5, 10 req/s, drawn every 4 cycles" "settings")
            }

            for file in
                [
                    "1-two-services/scenario.json"
                    "2-system-change/scenario.json"
                    "3-load-change/scenario.json"
                    "3-load-change/sine.json"
                    "4-your-own/scenario.json"
                ] do
                test $"scenarios/{file} runs" {
                    match Scenario.load (Path.Combine(Repository.folder, "scenarios", file)) with
                    | Error message -> failtest message
                    | Ok scenario ->
                        let short =
                            { scenario with
                                Experiment.Cycles = 4
                                Experiment.Changes =
                                    [ for change in scenario.Experiment.Changes -> { change with FromCycle = 2 } ]
                                Experiment.Seeds = 1
                                Experiment.Horizons = [ 1 ]
                                Experiment.AlsoForgetting = []
                            }

                        let result = run short
                        Expect.hasLength result.Observations (4 * result.Contenders.Length) "all cycles"
                        Expect.all result.Observations (fun o -> o.Timed.Record.Errors.IsEmpty) "no trouble"
                }

            test "of two recorded levels as near the lower one answers" {
                let level =
                    rates >> RecordedLoads.nearest [| rates [ 5.0; 10.0 ]; rates [ 15.0; 10.0 ] |]

                Expect.equal (level [ 10.0; 10.0 ]) (rates [ 5.0; 10.0 ]) "tie"
                Expect.equal (level [ 10.1; 99.0 ]) (rates [ 15.0; 10.0 ]) "nearest"
            }

            test "a named load that was never recorded is an error before the run" {
                under "\"steps\": { \"rates\": [5, 20], \"every\": 4 }" (fun folder ->
                    match Traces.read (SmallScenario.load folder) with
                    | Ok _ -> failtest "accepted"
                    | Error message ->
                        Expect.stringContains message "before.csv" "one file"
                        Expect.stringContains message "after.csv" "the other"
                        Expect.stringContains message "not recorded at 20 req/s; expected one of 5, 10, 15" "value")
            }

            test "a load that only the changed system was recorded at is answered by the nearest before" {
                under "\"steps\": { \"rates\": [5, 10, 15], \"every\": 4 }" (fun folder ->
                    File.WriteAllLines(Path.Combine(folder, "before.csv"), trace 0.08 [ 5.0; 10.0 ])
                    let result = run (SmallScenario.load folder)

                    let met phase =
                        result.Observations
                        |> Seq.filter (fun o -> o.Phase = phase)
                        |> Seq.map _.Loads[0].PerSecond
                        |> Seq.distinct
                        |> Seq.sort
                        |> List.ofSeq

                    Expect.equal (met Phase.Before) [ 5.0; 10.0 ] "before"
                    Expect.equal (met Phase.After) [ 5.0; 10.0; 15.0 ] "after"

                    let seen =
                        LoadSummary.ofPhase result Phase.After
                        |> List.map (fun load -> load.Loads, load.IsRecorded)

                    Expect.equal seen [ [ 5.0 ], true; [ 10.0 ], true; [ 15.0 ], false ] "seen and unseen")
            }

            test "a change matters at the loads where what was best does not do well any more" {
                under "\"steps\": { \"rates\": [5, 10], \"every\": 4 }" (fun folder ->
                    let scenario = SmallScenario.load folder
                    // At 10 req/s the same system before and after; at 5 req/s node 2 is slow after.
                    let rows onNode2 load = trace onNode2 [ load ] |> List.tail

                    let write name (lines: string list) =
                        File.WriteAllLines(Path.Combine(folder, name), lines)

                    write "after.csv" ((trace 0.3 [ 5.0 ]) @ rows 0.08 10.0)
                    let traces = SmallScenario.traces scenario

                    let matters =
                        Adaptation.matters
                            (ExpectedRewards.ofTrace scenario traces.Before)
                            (ExpectedRewards.ofTrace scenario traces.After)

                    Expect.isTrue (matters (rates [ 5.0 ])) "5 req/s"
                    Expect.isFalse (matters (rates [ 10.0 ])) "10 req/s"
                    Expect.isFalse (matters (rates [ 11.0 ])) "nearest"
                    let same = ExpectedRewards.ofTrace scenario traces.After
                    Expect.isTrue (Adaptation.matters same same (rates [ 10.0 ])) "no change: every load counts")
            }

            test "a policy is evaluated at every load by itself" {
                under "\"steps\": { \"rates\": [5, 10], \"every\": 4 }" (fun folder ->
                    match PlanningProblem.atEveryLoad (SmallScenario.load folder) with
                    | Error message -> failtest message
                    | Ok problems ->
                        let scenario = problems.Head.Scenario
                        let discount = scenario.Goal.Discount
                        let system = ScenarioTraining.ofProblems problems

                        let optimum (problem: PlanningProblem) =
                            (DynamicProgramming.policyIteration problem.Model discount).Values

                        Expect.equal system.Optimum (problems |> Seq.map optimum |> Array.concat) "J* load by load"
                        let start = scenario.System.Grid.IndexOf scenario.System.Start

                        Expect.equal
                            system.Starts
                            [| start; scenario.System.Grid.ConfigurationCount + start |]
                            "start states"

                        let values = ScenarioTraining.values system (StaticPolicy())

                        for level, problem in List.indexed problems do
                            let seconds = problem.ResponseTimes[start].ToArray()

                            let reward =
                                scenario.Goal.Reward.Reward(
                                    scenario.System.Start,
                                    scenario.System.Start,
                                    ReadOnlySpan seconds
                                )

                            Expect.floatClose
                                Accuracy.high
                                values[system.Starts[level]]
                                (reward / (1.0 - discount.Value))
                                "staying at the start for ever"

                        Expect.isGreaterThan values[system.Starts[0]] (values[system.Starts[1]] + 1.0) "loads differ"

                        let drawn =
                            [
                                for seed in 1UL .. 40UL -> system.Training.Start.Invoke(RandomKey seed).OfferedLoads
                            ]

                        Expect.equal
                            (drawn |> List.distinct |> List.sortBy (Seq.map _.PerSecond >> List.ofSeq))
                            (Scenario.loadLevels scenario)
                            "exploring starts draw the load")
            }

            test "a simulated system is offered the pattern itself, and the change does not start it anew" {
                under "\"sine\": { \"mean\": 10, \"amplitude\": 4, \"period\": 12 }" (fun folder ->
                    let node = """{ "capacity": 10 }"""

                    let simulation =
                        """"simulation": { "services": [{ "serviceTimeSeconds": 0.02, "distribution": "exponential" }],
                        "nodes": ["""
                        + $"{node}, {node}"
                        + """], "recording": { "intervalSeconds": 400, "settlingSeconds": 0, "intervals": 1,
                        "loadLevels": [[5]], "loadUnit": 5, "seed": 1 } }, "experiment" """

                    let path = Path.Combine(folder, "scenario.json")

                    File.WriteAllText(
                        path,
                        File
                            .ReadAllText(path)
                            .Replace("\"experiment\"", simulation)
                            .Replace("\"cycles\": 30", "\"environment\": \"simulation\", \"cycles\": 12")
                            .Replace("\"atCycle\": 10", "\"atCycle\": 5")
                    )

                    let sine = LoadPattern.Sine(RequestRate 10.0, RequestRate 4.0, 12.0, 0.0)

                    for o in (run (SmallScenario.load folder)).Observations do
                        let expected = sine.RateAt(float o.Timed.Record.Cycle + 0.5).PerSecond
                        Expect.floatClose Accuracy.high o.Loads[0].PerSecond expected "the rate"
                        let measured = o.Timed.Record.Metrics.Services[0].OfferedLoad.PerSecond

                        // Poisson: 400 s at up to 14 req/s have a standard deviation of 0.19 req/s.
                        Expect.isLessThan (abs (measured - expected)) 0.95 "Poisson arrivals at this rate")
            }
        ]

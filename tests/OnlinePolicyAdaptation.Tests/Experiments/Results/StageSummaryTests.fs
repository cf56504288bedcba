module OnlinePolicyAdaptation.Tests.Experiments.Results.StageSummary

open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private run changes edit =
    let mutable found = None

    Scratch.withFile "scenario.json" (SmallScenario.simulated changes) (fun path ->
        match Scenario.load (Path.GetDirectoryName path |> string) with
        | Error message -> failtest message
        | Ok scenario -> found <- Some(SmallScenario.run (edit scenario)))

    Option.get found

let private thereAndBack =
    """{ "atCycle": 8, "name": "slow", "nodes": [{ "node": "n2", "speed": 0.3 }] },
       { "atCycle": 20, "name": "back", "nodes": [{ "node": "n2", "speed": 2 }] }"""

/// The reward that a cycle misses, by going through all configurations recorded of its system.
let private missed (result: ExperimentResult) (o: Observation) =
    let rows = result.Traces.Systems[o.System].Rows

    let worth configuration =
        rows
        |> Seq.filter (fun row -> row.Configuration = configuration)
        |> Seq.averageBy (fun row ->
            result.Scenario.Goal.Reward.Reward(
                configuration,
                configuration,
                System.ReadOnlySpan [| row.Services[0].MeanResponseTime.Value.Seconds |]
            ))

    (TwoNodes.configurations |> List.map worth |> List.max)
    - worth o.Timed.Record.Metrics.Configuration

[<Tests>]
let tests =
    testList
        "Experiments.Results.StageSummary"
        [
            test "each stage has its cycles, and the regret of a stage is what its cycles miss" {
                let result = run thereAndBack id
                let summary = StageSummary.ofResult (Yardstick.ofResult result) result

                Expect.equal
                    (summary
                     |> List.filter (fun s -> s.Contender = Contender.Base)
                     |> List.map (fun s -> s.Stage, s.Name, s.FirstCycle, s.Cycles))
                    [ 0, "", 0, 8; 1, "slow", 8, 12; 2, "back", 20, 10 ]
                    "stages"

                for s in summary do
                    for seed in 1..3 do
                        let cycles =
                            result.Observations
                            |> Array.filter (fun o ->
                                o.Contender = s.Contender
                                && o.Seed = seed
                                && o.Timed.Record.Cycle >= s.FirstCycle
                                && o.Timed.Record.Cycle < s.FirstCycle + s.Cycles)

                        Expect.floatClose
                            Accuracy.high
                            s.Regret[seed - 1]
                            (cycles |> Array.sumBy (missed result))
                            $"{s.Contender.Name}, {s.Name}, seed {seed}"
            }

            test "the optimum is told of every change: it is in the best configuration again soon after each" {
                let result = run thereAndBack id

                let optimum =
                    StageSummary.ofResult (Yardstick.ofResult result) result
                    |> List.filter (fun s -> s.Contender = Contender.Optimum)

                for s in List.tail optimum do
                    Expect.all s.Adapted (fun cycles -> cycles.IsSome && cycles.Value <= 5) s.Name
                    Expect.all s.ShareOfBestAtEnd (fun share -> abs (share - 1.0) < 1e-9) s.Name
            }

            test "the same schedule gives the same records on one thread and on two" {
                let records (result: ExperimentResult) =
                    [
                        for o in result.Observations -> o.Contender, o.Seed, o.System, o.Timed.Record.Metrics
                    ]

                let result = run thereAndBack id

                let alone =
                    (Experiment.run result.Scenario result.Traces Map.empty 1 ignore CancellationToken.None)
                        .GetAwaiter()
                        .GetResult()

                Expect.equal (records alone) (records result) "bit for bit"
            }

            test "traces follow each other as changes say" {
                SmallScenario.withScenario (fun folder _ ->
                    let there = """{ "atCycle": 10, "trace": "after.csv" }"""
                    Expect.stringContains SmallScenario.json there "the change"

                    let more =
                        """, { "atCycle": 15, "trace": "before.csv" }, { "atCycle": 22, "trace": "after.csv" }"""

                    File.WriteAllText(
                        Path.Combine(folder, "scenario.json"),
                        SmallScenario.json.Replace(there, there + more)
                    )

                    let result = SmallScenario.run (SmallScenario.load folder)

                    for o in result.Observations do
                        let record = o.Timed.Record
                        let isSlow = (record.Cycle >= 10 && record.Cycle < 15) || record.Cycle >= 22
                        let seconds = record.Metrics.Services[0].MeanResponseTime.Value.Seconds

                        let recorded onNode2 =
                            TwoNodes.responseTime onNode2 record.Metrics.Configuration
                        // Rows of a configuration are up to 0.003 s apart.
                        let excess = seconds - recorded (if isSlow then 0.3 else 0.08)
                        Expect.isTrue (excess > -1e-9 && excess < 0.0031) $"cycle {record.Cycle}"

                    Expect.equal
                        (result.Traces.Systems |> Array.map (fun trace -> Path.GetFileName trace.Path))
                        [| "before.csv"; "after.csv"; "before.csv"; "after.csv" |]
                        "systems")
            }

            test "stages of the same name are told apart" {
                let result =
                    run (thereAndBack.Replace("back", "slow")) (fun scenario -> { scenario with Experiment.Seeds = 1 })

                let settings = (ExperimentResults.ofExperiment "here" None result).Outcome.Settings

                Expect.equal
                    (settings.Stages |> List.map (fun stage -> stage.Name, stage.FirstCycle))
                    [ "", 0; "slow", 8; "slow", 20 ]
                    "three"
            }

            test "a system that does not change has no stages" {
                let result =
                    run thereAndBack (fun scenario ->
                        { scenario with
                            Experiment.Changes = []
                            Experiment.Cycles = 4
                        })

                Expect.isEmpty (StageSummary.ofResult (Yardstick.ofResult result) result) "none"
            }

            test "adapting is counted to the end of a stage, where enough cycles are left" {
                let earned values =
                    values |> List.map (fun earned -> struct (earned, 1.0)) |> Array.ofList

                let late = earned (List.replicate 30 0.0 @ List.replicate 8 1.0)
                Expect.equal (Adaptation.adaptedWithin 5 late) (Some 30) "8 of 20 are left"
                Expect.equal (Adaptation.adaptedWithin 9 late) None "too few"
                Expect.equal (Adaptation.adaptedAfter late) None "not 20"
                let whole = earned (List.replicate 7 0.0 @ List.replicate 25 1.0)
                Expect.equal (Adaptation.adaptedAfter whole) (Some 6) "one of 20 may be bad"
                Expect.equal (Adaptation.adaptedWithin 5 (earned [])) None "no cycle"
            }
        ]

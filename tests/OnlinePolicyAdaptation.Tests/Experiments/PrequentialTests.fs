module OnlinePolicyAdaptation.Tests.Experiments.Prequential

open System.IO
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

let private estimation =
    { (TwoNodes.settings Planner.BasePolicy).Estimation with
        RegrownTrees = 5
        RefitEvery = 1
    }

let private layout = FeatureLayout(TwoNodes.grid, 1)

/// Every configuration six times, in an order that does not follow the grid.
let private samples onNode2 =
    [|
        for round in 0..5 do
            for i in 0 .. TwoNodes.configurations.Length - 1 ->
                TwoNodes.sample onNode2 TwoNodes.configurations[(7 * i + round) % TwoNodes.configurations.Length]
    |]

let private evaluate kind traces =
    Prequential.run estimation layout (RandomKey 3UL) kind traces ignore

let private relevance = Estimation.By(Forgetting.ByRelevance 30)
let private changing = [ samples 0.08; samples 0.3 ]

[<Tests>]
let tests =
    testList
        "Experiments.Prequential"
        [
            test "a sample is predicted before it is learned from, and counted once" {
                let predictions = evaluate relevance changing
                Expect.hasLength predictions (Seq.sumBy Array.length changing) "each"

                Expect.equal
                    (predictions |> Seq.takeWhile (fun p -> ValueOption.isNone p.Error) |> Seq.length)
                    estimation.MinimumSamples
                    "no model before the first samples"
            }

            test "the error is relative to the response times that were predicted" {
                let prediction error measured =
                    {
                        Trace = 0
                        Error = error
                        Measured = measured
                        Noticed = false
                        Learning = System.TimeSpan.Zero
                    }

                let predictions =
                    [
                        prediction (ValueSome 0.1) 0.2
                        prediction (ValueSome 0.3) 0.6
                        prediction ValueNone 100.0
                        prediction (ValueSome 0.0) 0.2
                    ]

                Expect.floatClose Accuracy.veryHigh (Prequential.nmae predictions) 0.4 "0.4 s of 1 s"
            }

            test "after a change the new estimator comes close to one that is told, and well below never forgetting" {
                let after kind =
                    evaluate kind changing
                    |> Array.filter (fun p -> p.Trace = 1)
                    |> Prequential.nmae

                let told, never, by =
                    after Estimation.Oracle, after (Estimation.By Forgetting.Never), after relevance

                Expect.isLessThan by (0.5 * never) $"told {told}, never {never}"
                Expect.isLessThan by (told + 0.1) $"told {told}"
            }

            test "growing a few trees at a time costs no accuracy to speak of" {
                let nmae kind =
                    Prequential.nmae (evaluate kind changing)

                Expect.isLessThan
                    (nmae relevance)
                    (1.1 * nmae (Estimation.FullRefit(Forgetting.ByRelevance 30)))
                    "against all trees"
            }

            test "controls and their levels are read off a trace, and a column that never varies is none" {
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder

                    match
                        TraceLayout.infer [ Path.Combine(folder, "before.csv"); Path.Combine(folder, "after.csv") ]
                    with
                    | Error message -> failtest message
                    | Ok(grid, columns) ->
                        let shape =
                            [
                                for control in grid.Controls ->
                                    control.Name, control.Lowest, control.Highest, control.Levels
                            ]

                        Expect.equal shape [ "p11", 0.0, 1.0, 6; "c1", 1.0, 5.0, 5 ] "the scenario's"

                        let trace = TestbedTrace.Read(Path.Combine(folder, "before.csv"), grid, columns)
                        Expect.hasLength trace.Rows 120 "readable")
            }

            test "a trace off any even grid, or without controls, is refused with a way out" {
                Scratch.withFolder (fun folder ->
                    let infer (lines: string list) =
                        let path = Path.Combine(folder, "t.csv")
                        File.WriteAllLines(path, lines)

                        match TraceLayout.infer [ path ] with
                        | Ok _ -> failtest "accepted"
                        | Error message -> message

                    let uneven =
                        infer [ "l1,p11,c1,cl1,d1"; "5,0,1,5,0.1"; "5,0.2,1,5,0.1"; "5,0.5,1,5,0.1" ]

                    Expect.stringContains uneven "p11" "column"
                    Expect.stringContains uneven "--scenario" "way out"
                    Expect.stringContains (infer [ "l1,cl1,d1"; "5,5,0.1" ]) "no control" "what is missing")
            }
        ]

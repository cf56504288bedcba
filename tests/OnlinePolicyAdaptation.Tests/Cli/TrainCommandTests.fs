module OnlinePolicyAdaptation.Tests.Cli.TrainCommand

open System
open System.IO
open Expecto
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

let private within (test: string -> unit) =
    Scratch.withFolder (fun folder ->
        SmallScenario.write folder
        test folder)

let private short =
    [ "train"; "."; "--steps"; "3000"; "--report"; "training.html"; "--out" ]

let private succeeds (outcome: Dotnet.Outcome) =
    Expect.equal outcome.ExitCode 0 $"{outcome.Output}{outcome.Errors}"

let private scenarioSystem folder =
    match Scenario.load folder |> Result.bind PlanningProblem.atEveryLoad with
    | Ok problems -> ScenarioTraining.ofProblems problems
    | Error message -> failtest message

[<Tests>]
let tests =
    testList
        "Cli.TrainCommand"
        [
            test "train writes a policy of the scenario and a page, and shows how it goes" {
                within (fun folder ->
                    let outcome = Opar.run folder (short @ [ "p.policy"; "--seed"; "7" ])
                    succeeds outcome
                    Expect.stringContains outcome.Errors "steps/s, reward" "plain progress when piped"
                    Expect.stringContains outcome.Output "where the optimum is" "answer"
                    let policy = PolicyFile.Load(Path.Combine(folder, "p.policy"))
                    Expect.equal policy.Origin.Scenario "small" "its scenario"
                    Expect.equal policy.Origin.Seed (Nullable 7UL) "its seed"
                    Expect.equal policy.Origin.Settings["steps"] "3000" "its settings"
                    let page = File.ReadAllText(Path.Combine(folder, "training.html"))
                    Expect.stringContains page "Reward while exploring" "learning curve"
                    Expect.stringContains page "opar train . --preset fast --seed 7" "how to do it again")
            }

            test "the same seed gives the same file" {
                within (fun folder ->
                    for name in [ "a"; "b" ] do
                        Opar.run folder (short @ [ name ]) |> succeeds

                    let read name =
                        File.ReadAllBytes(Path.Combine(folder, name))

                    Expect.equal (read "a") (read "b") "bytes")
            }

            test "a warm start goes on from a policy file, on the changed system" {
                within (fun folder ->
                    Opar.run folder (short @ [ "a.policy" ]) |> succeeds

                    Opar.run folder (short @ [ "b.policy"; "--warm-start"; "a.policy"; "--after-change" ])
                    |> succeeds

                    let policy = PolicyFile.Load(Path.Combine(folder, "b.policy"))
                    Expect.equal policy.Origin.Settings["warm start"] "a.policy" "recorded"
                    Expect.equal policy.Origin.Settings["system"] "after the change" "recorded")
            }

            for arguments, message in
                [
                    [ "train"; "."; "--out"; "no/such/p" ], "the folder"
                    [ "train"; "."; "--steps"; "0"; "--out"; "p" ], "--steps: 0; expected at least 1"
                    [ "train"; "."; "--warm-start"; "none"; "--out"; "p" ], "none: no such file"
                    [ "train"; "."; "--trace-before"; "none.csv"; "--out"; "p" ], "none.csv: no such file"
                ] do
                let name = String.concat " " arguments

                test $"{name} fails with one line" {
                    within (fun folder ->
                        let outcome = Opar.run folder arguments
                        Expect.equal outcome.ExitCode 1 outcome.Errors
                        Expect.stringContains outcome.Errors message "names place and value"
                        Expect.isFalse (File.Exists(Path.Combine(folder, "p"))) "nothing left behind")
                }

            test "Ctrl-C ends the training and keeps the best policy so far" {
                if OperatingSystem.IsWindows() then
                    skiptest "sends a signal of Unix"

                within (fun folder ->
                    let outcome =
                        Opar.interrupt
                            folder
                            [ "train"; "."; "--steps"; "2000000"; "--report"; "r.html"; "--out"; "p" ]

                    succeeds outcome
                    Expect.stringContains outcome.Output "Training was stopped before its end." "says so"
                    PolicyFile.Load(Path.Combine(folder, "p")) |> ignore
                    Expect.isFalse (outcome.Errors.Contains "100 %") "it did not run to its end")
            }

            for name in [ "1-two-services"; "2-system-change"; "3-load-change" ] do
                test $"the trained policy of scenario {name} is within 1 %% of its optimum" {
                    let folder = Path.Combine(Repository.folder, "scenarios", name)
                    let system = scenarioSystem folder
                    let path = Path.Combine(folder, "base.safetensors")
                    let saved = PolicyFile.Load path
                    let scenario = system.Scenario
                    saved.CheckFits(scenario.System.Grid, scenario.System.Topology.Services.Count, path)
                    let values = ScenarioTraining.values system (saved.Policy())
                    Expect.isGreaterThan (ScenarioTraining.shareAtStart system values) 0.99 "in the start state"

                    Expect.isGreaterThan
                        (Array.average values)
                        (0.99 * Array.average system.Optimum)
                        "averaged over all states"
                }

            test "an unknown preset is a misuse" {
                within (fun folder ->
                    let outcome = Opar.run folder [ "train"; "."; "--preset"; "slow"; "--out"; "p" ]
                    Expect.equal outcome.ExitCode 2 outcome.Errors
                    Expect.stringContains outcome.Errors "expected one of fast, paper" "what it may be")
            }

            test "running a scenario loads neither libtorch nor ONNX Runtime, training loads libtorch" {
                within (fun folder ->
                    let run = Opar.librariesOf folder [ "run"; "."; "--seeds"; "1"; "--out"; "out" ]
                    Expect.stringContains run "libcoreclr.so" "the linker's log is there"
                    Expect.isFalse (run.Contains("torch", StringComparison.OrdinalIgnoreCase)) "no libtorch"
                    Expect.isFalse (run.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase)) "no ONNX Runtime"
                    let train = Opar.librariesOf folder (short @ [ "p.policy" ])
                    Expect.stringContains train "libtorch_cpu.so" "seen where it is loaded")
            }
        ]

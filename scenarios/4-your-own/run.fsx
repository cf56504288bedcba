// Scenario 4: your own system. The experiment of `opar run scenarios/4-your-own` as a script that can be edited.
//
//   dotnet fsi build.fsx build
//   dotnet fsi scenarios/4-your-own/run.fsx [--smoke] [--traces BEFORE AFTER] [--out DIR]

#load "../script.fsx"

open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

/// What the script changes of the scenario; add what you like to try, such as `{ scenario with Experiment.Horizons = [ 1; 2; 3 ] }`.
let edit (scenario: Scenario) = scenario

Script.run "4-your-own" [] (fun _ -> __SOURCE_DIRECTORY__) edit (fun _ -> Ok())

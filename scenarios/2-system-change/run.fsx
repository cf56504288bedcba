// Scenario 2: the system changes. The experiment of `opar run scenarios/2-system-change` as a script that can be edited,
// and before it what the policies would earn if the recorded response times were all there is to the system.
//
//   dotnet fsi build.fsx build
//   dotnet fsi scenarios/2-system-change/run.fsx [--smoke] [--traces BEFORE AFTER] [--out DIR]

#load "../script.fsx"

open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

/// What the script changes of the scenario; add what you like to try, such as `{ scenario with Experiment.Horizons = [ 1; 2; 3 ] }`.
let edit (scenario: Scenario) = scenario

Script.run "2-system-change" [] (fun _ -> __SOURCE_DIRECTORY__) edit Script.totals

// Scenario 3: the load changes. The experiment of `opar run scenarios/3-load-change` as a script that can be edited,
// and before it what the policies would earn if the recorded response times were all there is to the system.
//
//   dotnet fsi build.fsx build
//   dotnet fsi scenarios/3-load-change/run.fsx [--smoke] [--sine] [--traces BEFORE AFTER] [--out DIR]

#load "../script.fsx"

open System.IO
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

/// What the script changes of the scenario; add what you like to try, such as `{ scenario with Experiment.Horizons = [ 1; 2; 3 ] }`.
let edit (scenario: Scenario) = scenario

let file (options: Script.Options) =
    let name =
        if List.contains "--sine" options.Own then
            "sine.json"
        else
            "scenario.json"

    Path.Combine(__SOURCE_DIRECTORY__, name)

Script.run "3-load-change" [ "--sine" ] file edit Script.totals

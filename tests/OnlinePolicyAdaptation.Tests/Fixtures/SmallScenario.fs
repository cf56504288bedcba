/// A scenario folder like scenarios/2-system-change, with traces from a formula: small enough to run in a test.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.SmallScenario

open System.IO
open System.Threading
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

let json =
    """{
  "name": "small",
  "title": "A small system changes",
  "formatVersion": 2,
  "system": {
    "services": [{ "name": "s" }],
    "nodes": ["n1", "n2"],
    "controls": [
      { "name": "p11", "routingWeight": { "service": "s", "node": "n1" }, "lowest": 0, "highest": 1, "levels": 6 },
      { "name": "c1", "cpuCores": { "nodes": ["n1", "n2"] }, "lowest": 1, "highest": 5, "levels": 5 }
    ],
    "start": { "p11": 1, "c1": 5 }
  },
  "goal": {
    "services": [{ "name": "s", "sloSeconds": 0.12 }],
    "reward": { "saves": [["c1"]], "decimals": 3 },
    "discount": 0.99
  },
  "controller": { "estimation": { "trees": 10 } },
  "experiment": {
    "question": "Does it recover?",
    "cycles": 30,
    "changes": [{ "atCycle": 10, "trace": "after.csv" }],
    "seeds": 3,
    "loads": [{ "requestsPerSecond": 5 }],
    "compared": { "horizons": [3] },
    "traces": { "before": "before.csv" }
  }
}"""

/// The same system as a simulated mesh, with these changes.
let simulated changes =
    let mesh =
        """"simulation": {
    "services": [{ "serviceTimeSeconds": 0.065, "distribution": "deterministic" }],
    "nodes": [{ "speed": 1, "latencySeconds": 0.01 }, { "speed": 2 }],
    "recording": { "intervalSeconds": 20, "settlingSeconds": 5, "intervals": 2, "loadLevels": [[5]], "loadUnit": 5, "seed": 7 }
  },
  "experiment": {
    "referenceIntervals": 3,"""

    json
        .Replace("\"experiment\": {", mesh)
        .Replace(",\n    \"traces\": { \"before\": \"before.csv\" }", "")
        .Replace("{ \"atCycle\": 10, \"trace\": \"after.csv\" }", changes)

/// Four rows per configuration, a little apart from each other.
let private trace onNode2 =
    [
        "l1,p11,c1,cl1,d1"
        for configuration in TwoNodes.configurations do
            let values = TwoNodes.grid.Values configuration

            for i in 0..3 do
                $"5,{values[0]},{values[1]},5,{TwoNodes.responseTime onNode2 configuration + 0.001 * float i}"
    ]

/// Writes the folder's files. Node 2 is fast before the change and slow after it.
let write folder =
    File.WriteAllText(Path.Combine(folder, "scenario.json"), json)
    File.WriteAllLines(Path.Combine(folder, "before.csv"), trace 0.08)
    File.WriteAllLines(Path.Combine(folder, "after.csv"), trace 0.3)

let load folder =
    match Scenario.load folder with
    | Ok scenario -> scenario
    | Error message -> invalidOp message

/// The scenario's traces.
let traces scenario =
    match Traces.read scenario with
    | Ok traces -> traces
    | Error message -> invalidOp message

/// Runs a test with the scenario in a folder of its own.
let withScenario (test: string -> Scenario -> unit) =
    Scratch.withFolder (fun folder ->
        write folder
        test folder (load folder))

/// The scenario run on two threads.
let run scenario =
    Experiment.run scenario (traces scenario) Map.empty 2 ignore CancellationToken.None
    |> _.GetAwaiter().GetResult()

/// What such a run leaves.
let results scenario =
    run scenario |> ExperimentResults.ofExperiment "opar run here" None

/// Scenario 1 without a trace, in its two sizes: 36 states (CPU 1..2, weights in steps of a half) and 900 states.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.TwoServices

open System.IO
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

let private json cores weights discount edges =
    $$"""{
  "name": "two-services",
  "title": "Two services on two nodes",
  "formatVersion": 2,
  "system": {
    "services": [{ "name": "s1" }, { "name": "s2" }],
    "nodes": ["n1", "n2"],
    "controls": [
      { "name": "c1", "cpuCores": { "nodes": ["n1"] }, "lowest": 1, "highest": {{cores}}, "levels": {{cores}} },
      { "name": "c2", "cpuCores": { "nodes": ["n2"] }, "lowest": 1, "highest": {{cores}}, "levels": {{cores}} },
      { "name": "p1", "routingWeight": { "service": "s1", "node": "n1" }, "lowest": 0, "highest": 1, "levels": {{weights}} },
      { "name": "p2", "routingWeight": { "service": "s2", "node": "n1" }, "lowest": 0, "highest": 1, "levels": {{weights}} }
    ],
    "edges": "{{edges}}",
    "start": { "c1": 2, "c2": 2, "p1": 1, "p2": 1 }
  },
  "goal": {
    "services": [{ "name": "s1", "sloSeconds": 0.95 }, { "name": "s2", "sloSeconds": 0.115 }],
    "reward": { "saves": [["c1", "c2"], ["p1"], ["p2"]], "available": [10, 1, 1], "costAt": "current-state" },
    "discount": {{discount}}
  },
  "experiment": {
    "question": "How is it planned?",
    "cycles": 20,
    "seeds": 1,
    "loads": [{ "requestsPerSecond": 4 }, { "requestsPerSecond": 15 }],
    "compared": { "horizons": [1, 2, 3, 4] }
  }
}"""

let small = json 2 3 0.9 "clip"
let smallMasked = json 2 3 0.9 "mask"
let full = json 5 6 0.99 "clip"

/// A delay table of the small size in which nothing is overloaded but the state with one core on each node.
let smallTable =
    [
        "state,c1,c2,p1,p2,d1,d2"
        for state in 0..35 do
            let c1, c2 = 1 + state / 18, 1 + state / 9 % 2
            let d1 = if c1 + c2 = 2 then 2.0 else 0.5
            $"{state},{c1},{c2},{float (state / 3 % 3) / 2.0},{float (state % 3) / 2.0},{d1},0.1"
    ]

/// Writes scenario.json and table.csv into a folder.
let write (json: string) folder =
    File.WriteAllText(Path.Combine(folder, "scenario.json"), json)
    File.WriteAllLines(Path.Combine(folder, "table.csv"), smallTable)

/// The decision problem of a scenario's text with a delay table.
let problem (json: string) (table: string) =
    let folder = Path.Combine(Path.GetTempPath(), $"opar-{System.Guid.NewGuid():N}")
    Directory.CreateDirectory folder |> ignore

    try
        let path = Path.Combine(folder, "scenario.json")
        File.WriteAllText(path, json)

        Scenario.load path
        |> Result.bind (fun scenario -> PlanningProblem.load scenario (Some table))
        |> function
            | Ok problem -> problem
            | Error message -> invalidOp message
    finally
        Directory.Delete(folder, true)

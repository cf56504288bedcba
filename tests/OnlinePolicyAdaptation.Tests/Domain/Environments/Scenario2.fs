/// The mesh of scenario 2 as its scenario.json describes it. The change makes node 2 slower.
module OnlinePolicyAdaptation.Tests.Environments.Scenario2

open System.IO
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private scenario, private simulation, private after =
    match Scenario.load (Path.Combine(Repository.folder, "scenarios", "2-system-change")) with
    | Ok({
             Simulation = Some simulation
             Experiment = { Changes = [ { Mesh = Some after } ] }
         } as scenario) -> scenario, simulation, after
    | Ok _ -> invalidOp "scenario 2 describes no simulated mesh that changes"
    | Error message -> invalidOp message

let grid = scenario.System.Grid
let beforeChange = simulation.Mesh
let afterChange = after
let schedule = simulation.Recording.Schedule

/// opar scenario: check a scenario file, print its schema, write a new one.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ScenarioCommands

open Argu
open OnlinePolicyAdaptation.Scenarios

/// How many there are, in words.
let private count number (word: string) =
    let plural = if number = 1 then "" else "s"
    $"{number} {word}{plural}"

let private summary (scenario: Scenario) =
    let services = count scenario.System.Topology.Services.Count "service"
    let nodes = count scenario.System.Topology.Nodes.Count "node"
    let controls = count scenario.System.Grid.Controls.Count "control"

    let configurations =
        let magnitude =
            scenario.System.Grid.Controls
            |> Seq.sumBy (fun control -> log10 (float control.Levels))

        if magnitude < 9.0 then
            string<int> scenario.System.Grid.ConfigurationCount
        else
            $"about 10^{magnitude:F0}"

    let basePolicy = BasePolicySpecification.describe scenario.Controller.BasePolicy

    [
        $"{scenario.Name}: fine"
        $"  system      {services}, {nodes}, {controls}, {configurations} configurations"
        $"  controller  lookahead {scenario.Controller.Lookahead}; base policy: {basePolicy}"
        match scenario.Simulation with
        | Some _ -> "  simulation  a mesh"
        | None -> ()
        match scenario.Live.Prometheus with
        | Some prometheus -> $"  live        measured by {prometheus.Url}"
        | None -> ()
        let cycles = count scenario.Experiment.Cycles "cycle"
        let seeds = count scenario.Experiment.Seeds "seed"
        let changes = count scenario.Experiment.Changes.Length "change"
        $"  experiment  {cycles}, {seeds}, {changes} of the system"
    ]

let private check (arguments: ParseResults<ScenarioCheckArguments>) =
    match Scenario.check (arguments.GetResult ScenarioCheckArguments.Scenario) with
    | Ok scenario ->
        for line in summary scenario do
            printfn "%s" line

        RecordedUnits.doubts scenario |> List.iter Terminal.tell

        Ok()
    | Error faults ->
        for fault in faults do
            eprintfn "%s" fault

        let number = count faults.Length "fault"
        Error number

/// What is written where nothing else is said.
let private usualSize = 3

let private create (arguments: ParseResults<ScenarioNewArguments>) =
    let services =
        arguments.TryGetResult ScenarioNewArguments.Services
        |> Option.orElse (arguments.TryGetResult ScenarioNewArguments.Nodes)
        |> Option.defaultValue usualSize

    let nodes = arguments.GetResult(ScenarioNewArguments.Nodes, services)

    NewScenario.write (arguments.GetResult ScenarioNewArguments.Folder) services nodes
    |> Result.map (fun path ->
        let folder = arguments.GetResult ScenarioNewArguments.Folder
        printfn $"{path}\n\nopar scenario check {folder}\nopar control {folder} --simulate --cycles 100")

let run (arguments: ParseResults<ScenarioArguments>) =
    match arguments.GetSubCommand() with
    | ScenarioArguments.Check arguments -> check arguments
    | ScenarioArguments.New arguments -> create arguments
    | ScenarioArguments.Schema ->
        printf "%s" Schema.text.Value
        Ok()

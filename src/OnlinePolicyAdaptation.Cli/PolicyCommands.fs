/// opar policy import and opar policy show: policies brought from elsewhere.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.PolicyCommands

open System
open System.Collections.Immutable
open System.IO
open Argu
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Onnx

/// "5..15": the loads that every service is offered; by default those that the scenario plans for.
let private loadRange (scenario: Scenario) (text: string option) =
    let planned =
        [
            for load in scenario.Experiment.OfferedLoads ->
                let levels = OfferedLoad.levels scenario.Controller.Estimation.LoadStep load
                LoadRange(List.head levels, List.last levels)
        ]

    let number (part: string) =
        match Double.TryParse(part, Globalization.CultureInfo.InvariantCulture) with
        | true, value when Double.IsFinite value && value >= 0.0 -> Some value
        | _ -> None

    match text with
    | None -> Ok planned
    | Some text ->
        match text.Split ".." |> Array.map number with
        | [| Some lowest; Some highest |] when lowest < highest ->
            Ok
                [
                    for _ in scenario.Experiment.OfferedLoads -> LoadRange(RequestRate lowest, RequestRate highest)
                ]
        | _ -> Error $"--loads: '{text}'; expected a range in req/s such as 5..15"

/// Controls, and then the loads where the network has inputs for them too; each by `input`.
let private plain (scenario: Scenario) inputs (ofControl: int -> Control -> ObservationInput) =
    let controls = scenario.System.Grid.Controls |> Seq.mapi ofControl |> Seq.toList

    let loads =
        if inputs > controls.Length then
            [
                for i in 0 .. scenario.Experiment.OfferedLoads.Length - 1 ->
                    ObservationInput(ObservedQuantity.OfferedLoad, i, 0.0, 1.0)
            ]
        else
            []

    ObservationEncoding(
        scenario.System.Grid,
        scenario.Experiment.OfferedLoads.Length,
        EquatableArray.ToEquatableArray(controls @ loads)
    )

type private Observed =
    | Normalised
    | Levels
    | Values

let private encoding (scenario: Scenario) inputs loads observed =
    match observed with
    | Normalised -> ObservationEncoding.Normalised(scenario.System.Grid, List.toArray loads)
    | Values -> plain scenario inputs (fun i _ -> ObservationInput(ObservedQuantity.Control, i, 0.0, 1.0))
    | Levels ->
        plain scenario inputs (fun i control ->
            ObservationInput(ObservedQuantity.Control, i, control.Lowest, 1.0 / control.Step))

let private saved path (network: ActorCriticNetwork) (encoding: ObservationEncoding) origin =
    if network.Controls <> encoding.Grid.Controls.Count then
        Error
            $"{path}: {network.Actor.Outputs} logits; expected down, keep, up for each of {encoding.Grid.Controls.Count} controls"
    elif network.Observations <> encoding.Inputs.Count then
        Error
            $"{path}: the network has {network.Observations} inputs, the observation {encoding.Inputs.Count}; expected --observation and --loads as it was trained"
    else
        Ok(SavedPolicy(network, encoding, origin))

/// The network in a file of either kind. A state_dict does not tell its activation; an ONNX graph does.
let private network (path: string) (activation: string option) =
    let isOnnx = path.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase)

    match activation with
    | Some given when isOnnx -> Error $"--activation: '{given}'; expected none, as {path} tells it"
    | _ when isOnnx -> Ok(OnnxActorFile.Load path)
    | given ->
        CommandLine.oneOf
            "--activation"
            [ "tanh", Activation.Tanh; "relu", Activation.Relu ]
            (Option.defaultValue "tanh" given)
        |> Result.map (fun activation -> NetworkTensors.Network((SafetensorsFile.Load path).Tensors, activation, path))

let import (arguments: ParseResults<ImportArguments>) =
    let path = arguments.GetResult ImportArguments.File
    let out = arguments.GetResult ImportArguments.Out

    Scenario.load (arguments.GetResult ImportArguments.Scenario)
    |> Result.bind (fun scenario ->
        network path (arguments.TryGetResult ImportArguments.Activation)
        |> Result.bind (fun network ->
            let observation = arguments.GetResult(ImportArguments.Observation, "normalised")

            CommandLine.oneOf
                "--observation"
                [ "normalised", Normalised; "levels", Levels; "values", Values ]
                observation
            |> Result.bind (fun observed ->
                loadRange scenario (arguments.TryGetResult ImportArguments.Loads)
                |> Result.bind (fun loads ->
                    let origin =
                        PolicyOrigin(
                            scenario.Name,
                            Nullable(),
                            ImmutableSortedDictionary.CreateRange(
                                dict [ "importedFrom", string (Path.GetFileName path); "observation", observation ]
                            )
                        )

                    saved path network (encoding scenario network.Observations loads observed) origin))))
    |> Result.map (fun policy ->
        PolicyFile.Save(policy, out)
        printfn $"policy: {out}")

let private input (grid: ControlGrid) (input: ObservationInput) =
    let name =
        match input.Quantity with
        | ObservedQuantity.Control -> grid.Controls[input.Index].Name
        | _ -> $"offered load of service {input.Index + 1}"

    $"({name} - {input.Offset}) * {input.Scale}"

let private sizes (network: MultilayerPerceptron) =
    let outputs = network.Layers |> Seq.map (fun layer -> string layer.Outputs)
    String.concat " - " (Seq.append [ string network.Inputs ] outputs)

/// All controls at the lowest, the middle and the highest level.
let private examplesOf (grid: ControlGrid) =
    [
        for level in
            [
                (fun (_: Control) -> 0)
                (fun control -> control.Levels / 2)
                (fun control -> control.Levels - 1)
            ] -> Configuration(EquatableArray.ToEquatableArray(grid.Controls |> Seq.map level))
    ]

let show (arguments: ParseResults<ShowArguments>) =
    let path = arguments.GetResult ShowArguments.Policy
    let saved = PolicyFile.Load path
    let grid = saved.Encoding.Grid
    let network = saved.Network
    let policy = saved.Policy()

    let loads =
        EquatableArray.ToEquatableArray(
            Seq.replicate saved.Encoding.ServiceCount (RequestRate(arguments.GetResult(ShowArguments.Load, 5.0)))
        )

    printfn $"made for scenario {saved.Origin.Scenario}"

    for setting in saved.Origin.Settings do
        printfn $"  {setting.Key}: {setting.Value}"

    for control in grid.Controls do
        printfn $"control {control}"

    for part in saved.Encoding.Inputs do
        printfn $"input {input grid part}"

    printfn $"actor {sizes network.Actor}, {network.Actor.Activation}"

    match network.Critic with
    | null -> printfn "no critic"
    | critic -> printfn $"critic {sizes critic}, {critic.Activation}"

    Terminal.table
        [ "state"; "action"; "value" ]
        [
            for configuration in examplesOf grid ->
                let state = SystemState(configuration, loads)

                let move (control: Control) (move: int) =
                    control.Name + " " + move.ToString("+0;-0;0")

                let action = policy.Act(state, grid.Mask configuration, RandomKey 0UL)

                [
                    grid.Describe configuration
                    Seq.map2 move grid.Controls action.Moves |> String.concat ", "
                    match policy with
                    | :? NetworkPolicy as valued -> $"{valued.Value state:F4}"
                    | _ -> "-"
                ]
        ]

    Ok()

let run (arguments: ParseResults<PolicyArguments>) =
    match arguments.GetSubCommand() with
    | PolicyArguments.Import import' -> import import'
    | PolicyArguments.Show show' -> show show'

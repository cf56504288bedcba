namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open System.Text.RegularExpressions
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What is managed.
type SystemPart =
    {
        Topology: Topology
        Grid: ControlGrid
        /// The configuration in the first cycle.
        Start: Configuration
    }

/// What is wanted of it.
type GoalPart =
    {
        Reward: RewardFunction
        /// The share of each service's requests that may be lost; for controllers alone.
        LossObjectives: float[]
        Discount: OnlinePolicyAdaptation.Planning.Discount
    }

[<RequireQualifiedAccess>]
module internal SystemPart =

    /// Columns of traces, results and journals that are measured, computed or say which row it is.
    let private measured =
        Regex(
            "^((l|cl|d|expected_l)[0-9]+(_.*)?|(arrival_rate|response_time|predicted_response_time)(_[0-9]+)?|contender|base_policy|planner|lookahead|seed|cycle|phase|reward|expected_reward|slo_excess|cpu_cores|change_since|decision_seconds|state|time)$",
            RegexOptions.CultureInvariant
        )

    let private target (section: SystemSection) path (control: ControlSection) : Check.Checked<ControlTarget> =
        let service (path: string) name =
            Check.index path "service" (section.Services |> Seq.map _.Name) name

        let node (path: string) name =
            Check.index path "node" section.Nodes name

        match control with
        | { RoutingWeight = Some weight } ->
            validation {
                let! service = service $"{path}.routingWeight.service" weight.Service
                and! node = node $"{path}.routingWeight.node" weight.Node
                return ControlTarget.RoutingWeight(service, node) :> ControlTarget
            }
        | { CpuCores = Some cores } ->
            cores.Nodes
            |> Seq.mapi (fun i -> node $"{path}.cpuCores.nodes[{i}]")
            |> Check.all
            |> Result.map (fun nodes -> ControlTarget.CpuCores(EquatableArray.ToEquatableArray nodes) :> ControlTarget)
        | { BlockingRate = Some blocked } ->
            service $"{path}.blockingRate.service" blocked.Service
            |> Result.map (fun service -> ControlTarget.BlockingRate service :> ControlTarget)
        | _ -> Check.fail (ScenarioFault.because path "expected exactly one of routingWeight, cpuCores, blockingRate")

    let private control section index (control: ControlSection) =
        let path = $"system.controls[{index}]"

        validation {
            let! _ =
                Check.require
                    $"{path}.name"
                    $"'{control.Name}'"
                    "another name: columns of traces and results have this one"
                    (not (measured.IsMatch control.Name))

            and! _ =
                Check.require
                    $"{path}.highest"
                    $"{control.Highest}"
                    $"a number above {control.Lowest}, the lowest"
                    (control.Highest > control.Lowest)

            and! _ =
                Check.require
                    $"{path}.highest"
                    $"{control.Highest}"
                    "at most 1, as the control is a share"
                    (control.CpuCores.IsSome || control.Highest <= 1.0)

            and! target = target section path control

            return!
                Check.at path (fun () -> Control(control.Name, target, control.Lowest, control.Highest, control.Levels))
        }

    /// What a control sets, as keys of which no two controls have the same.
    let private keys (control: ControlSection) =
        [
            match control.RoutingWeight with
            | Some weight -> $"the weight of service {weight.Service} on node {weight.Node}"
            | None -> ()
            match control.CpuCores with
            | Some cores ->
                for node in cores.Nodes do
                    $"the cores of node {node}"
            | None -> ()
            match control.BlockingRate with
            | Some blocked -> $"the blocking rate of service {blocked.Service}"
            | None -> ()
        ]

    let private setOnce (section: SystemSection) =
        section.Controls
        |> Seq.mapi (fun i control -> keys control |> List.map (fun key -> key, i))
        |> Seq.concat
        |> Seq.groupBy fst
        |> Seq.choose (fun (key, controls) ->
            match List.ofSeq controls with
            | first :: (_, second) :: _ ->
                let name = section.Controls[snd first].Name

                Some(
                    Check.fail (
                        ScenarioFault.at
                            $"system.controls[{second}]"
                            $"it sets {key}, which control {name} sets already"
                            "one control for it"
                    )
                )
            | _ -> None)
        |> Check.units

    let private start (section: SystemSection) (grid: ControlGrid) =
        grid.Controls
        |> Seq.map (fun control ->
            let path = $"system.start.{control.Name}"

            match section.Start.TryFind control.Name with
            | None -> Check.fail (ScenarioFault.at path "missing" $"a value of the grid {control}")
            | Some value ->
                let level = control.Level value

                if level.HasValue then
                    Ok level.Value
                else
                    Check.fail (ScenarioFault.at path $"{value}" $"a value of the grid {control}"))
        |> Check.all
        |> Result.map (fun levels -> Configuration(EquatableArray.ToEquatableArray levels))

    let build (section: SystemSection) : Check.Checked<SystemPart> =
        validation {
            let! _ =
                Check.distinct "system.services" "service" (section.Services |> Seq.map _.Name)

            and! _ = Check.distinct "system.nodes" "node" section.Nodes

            and! _ =
                Check.distinct "system.controls" "control" (section.Controls |> Seq.map _.Name)

            and! _ = setOnce section

            and! grid, start =
                section.Controls
                |> Seq.mapi (control section)
                |> Check.all
                |> Result.bind (fun controls ->
                    Check.at "system.controls" (fun () ->
                        ControlGrid(
                            EquatableArray.ToEquatableArray controls
                            , if section.Edges = "clip" then
                                  GridEdge.Clip
                              else
                                  GridEdge.Mask
                            , section.Nodes.Length
                        )))
                |> Result.bind (fun grid -> start section grid |> Result.map (fun start -> grid, start))

            return
                {
                    Topology =
                        Topology(
                            EquatableArray.ToEquatableArray(section.Services |> Seq.map _.Name),
                            EquatableArray.ToEquatableArray section.Nodes
                        )
                    Grid = grid
                    Start = start
                }
        }

[<RequireQualifiedAccess>]
module internal GoalPart =

    /// The bound of every service, in the order of the system.
    let private objectives (services: string seq) (section: GoalSection) =
        services
        |> Seq.map (fun name ->
            match section.Services |> Seq.tryFind (fun goal -> goal.Name = name) with
            | Some goal -> Check.at "goal.services" (fun () -> ServiceLevelObjective(ResponseTime goal.SloSeconds))
            | None -> Check.fail (ScenarioFault.because "goal.services" $"service {name} is missing"))
        |> Check.all

    let build (system: SystemPart) (section: GoalSection) : Check.Checked<GoalPart> =
        let names = system.Grid.Controls |> Seq.map _.Name |> List.ofSeq

        validation {
            let! objectives = objectives system.Topology.Services section

            and! _ =
                Check.distinct "goal.services" "service" (section.Services |> Seq.map _.Name)

            and! _ =
                Check.distinct "goal.reward.saves" "control" (section.Reward.Saves |> Seq.concat)

            and! saves =
                section.Reward.Saves
                |> Seq.mapi (fun group ->
                    Seq.mapi (fun i -> Check.index $"goal.reward.saves[{group}][{i}]" "control" names)
                    >> Check.all)
                |> Check.all

            and! discount =
                OnlinePolicyAdaptation.Planning.Discount.create section.Discount
                |> Result.mapError (fun message -> [ ScenarioFault.because "goal.discount" message ])

            let! reward =
                Check.at "goal.reward" (fun () ->
                    RewardFunction(
                        system.Grid,
                        EquatableArray.ToEquatableArray objectives,
                        saves |> Seq.map Seq.ofList,
                        (if section.Reward.CostAt = "current-state" then
                             CostAt.CurrentState
                         else
                             CostAt.NextState),
                        Option.toNullable section.Reward.Decimals,
                        section.Reward.Available |> Option.map Seq.ofArray |> Option.toObj
                    ))

            return
                {
                    Reward = reward
                    LossObjectives =
                        [|
                            for name in system.Topology.Services do
                                for goal in section.Services do
                                    if goal.Name = name then
                                        goal.LossObjective
                        |]
                    Discount = discount
                }
        }

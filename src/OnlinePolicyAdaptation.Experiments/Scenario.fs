namespace OnlinePolicyAdaptation.Experiments

open System.IO
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Planning

/// A part of a run. Where the system does not change there is a single one.
[<RequireQualifiedAccess>]
type Phase =
    | Before
    | After
    /// The system does not change.
    | All

    /// The word in result files.
    member this.Name =
        match this with
        | Before -> "before"
        | After -> "after"
        | All -> "all"

/// What a study of planning on the known system varies, and how much work it puts into it.
type StudySettings =
    {
        /// Lookahead horizons.
        Horizons: int list
        /// States in which the time of a decision is measured.
        TimedStates: int
        /// Least time that a decision is repeated for in each of them.
        TimedSeconds: float
    }

/// What a controller meets in an experiment.
[<RequireQualifiedAccess>]
type ManagedSystem =
    /// Recorded traces: at the recorded load that is nearest.
    | Traces
    /// The scenario's simulated mesh.
    | Mesh of Simulation

/// A managed system, what is wanted of it, and the experiment made with it; checked, so that it can be run.
type Scenario =
    {
        Name: string
        Title: string
        /// What the experiment asks, in a sentence.
        Question: string
        Topology: Topology
        Grid: ControlGrid
        Reward: RewardFunction
        Discount: Discount
        Start: Configuration
        /// Of each service.
        OfferedLoads: OfferedLoad list
        Estimation: EstimationSettings
        BasePolicy: GivenPolicy
        System: ManagedSystem
        Cycles: int
        /// The system changes before this cycle; 0 where it does not change.
        ChangeAt: int
        Seeds: int
        /// Lookahead horizons of the rollout policies.
        Horizons: int list
        /// Other ways to forget than the estimation's, which are compared with it at the longest horizon.
        AlsoForgetting: Forgetting list
        /// Base policies that are compared with the scenario's, each with rollout on it.
        AlsoBasePolicies: GivenPolicy list
        /// Whether policies retrained for the system after the change are compared as well.
        Retrains: bool
        /// A study of planning on the known system, besides the experiment.
        PlanningStudy: StudySettings option
        /// Trace of the system before any change.
        TraceBefore: string option
        /// Trace of the system after its change; none where it does not change.
        TraceAfter: string option
        Columns: TraceColumns
        /// The system as a simulated mesh, of which traces can be recorded.
        Simulation: Simulation option
        Operation: Operation
        /// The Prometheus server that measures the real system.
        Prometheus: PrometheusSettings option
    }

[<RequireQualifiedAccess>]
module Scenario =

    let private oneOf count place number =
        Validation.require place number $"a number from 1 to {count}" (number >= 1 && number <= count)
        number - 1

    let private control (file: ScenarioFile.Scenario) index (control: ScenarioFile.Control) =
        let place = $"controls[{index}]"
        let service = oneOf file.Services.Length
        let node = oneOf file.Nodes.Length

        let target =
            match control.RoutingWeight, control.CpuCores, control.BlockingRate with
            | Some r, None, None ->
                ControlTarget.RoutingWeight(
                    service $"{place}.routingWeight.service" r.Service,
                    node $"{place}.routingWeight.node" r.Node
                )
                :> ControlTarget
            | None, Some c, None ->
                Validation.require $"{place}.cpuCores.nodes" "[]" "at least one node" (c.Nodes.Length > 0)

                ControlTarget.CpuCores(
                    EquatableArray.ToEquatableArray(c.Nodes |> Seq.map (node $"{place}.cpuCores.nodes"))
                )
            | None, None, Some b -> ControlTarget.BlockingRate(service $"{place}.blockingRate.service" b.Service)
            | _ -> Validation.fail place "expected exactly one of routingWeight, cpuCores, blockingRate"

        Validation.at place (fun () -> Control(control.Name, target, control.Lowest, control.Highest, control.Levels))

    let private controlIndex (grid: ControlGrid) place name =
        match grid.Controls |> Seq.tryFindIndex (fun control -> control.Name = name) with
        | Some index -> index
        | None ->
            let names = grid.Controls |> Seq.map _.Name |> String.concat ", "
            Validation.fail place $"'{name}' is not a control; expected one of {names}"

    let private reward (file: ScenarioFile.Scenario) grid =
        let objective index (service: ScenarioFile.Service) =
            Validation.require
                $"services[{index}].sloSeconds"
                service.SloSeconds
                "a number above 0"
                (service.SloSeconds > 0.0)

            ServiceLevelObjective(ResponseTime service.SloSeconds)

        let saves =
            file.Reward.Saves
            |> Seq.map (Seq.map (controlIndex grid "reward.saves"))
            |> Seq.map Seq.toArray
            |> Seq.toArray

        let costAt =
            match file.Reward.CostAt with
            | None
            | Some "next-state" -> CostAt.NextState
            | Some "current-state" -> CostAt.CurrentState
            | Some other -> Validation.fail "reward.costAt" $"'{other}'; expected \"current-state\" or \"next-state\""

        file.Reward.Decimals
        |> Option.iter (fun d -> Validation.require "reward.decimals" d "0 to 15" (d >= 0 && d <= 15))

        let available = file.Reward.Available |> Option.map Seq.ofArray |> Option.toObj

        Validation.at "reward" (fun () ->
            RewardFunction(
                grid,
                EquatableArray.ToEquatableArray(file.Services |> Seq.mapi objective),
                saves |> Seq.map Seq.ofArray,
                costAt,
                Option.toNullable file.Reward.Decimals,
                available
            ))

    let private start (file: ScenarioFile.Scenario) (grid: ControlGrid) =
        file.Start |> Map.iter (fun name _ -> controlIndex grid "start" name |> ignore)

        let level (control: Control) =
            match file.Start |> Map.tryFind control.Name with
            | None -> Validation.fail "start" $"control {control.Name} is missing"
            | Some value ->
                let level = control.Level value
                Validation.require $"start.{control.Name}" value $"a value of the grid {control}" level.HasValue
                level.Value

        Configuration(EquatableArray.ToEquatableArray(grid.Controls |> Seq.map level))

    let private syntax place parse (text: string) =
        match parse text with
        | Ok value -> value
        | Error message -> Validation.fail place message

    let private estimation (file: ScenarioFile.Estimation option) =
        let pick field fallback =
            file |> Option.bind field |> Option.defaultValue fallback

        let atLeastOne place value =
            Validation.require place value "at least 1" (value >= 1)
            value

        let trees = pick _.Trees 120
        Validation.require "estimation.trees" trees "1 to 10000" (trees >= 1 && trees <= 10_000)
        let regrown = pick _.RegrownTrees ((trees + 1) / 2)

        Validation.require
            "estimation.regrownTrees"
            regrown
            $"1 to {trees}, the number of trees"
            (regrown >= 1 && regrown <= trees)

        let loadStep = pick _.LoadStep 5.0
        Validation.require "estimation.loadStep" loadStep "a number above 0" (loadStep > 0.0)

        {
            Forest =
                Validation.at "estimation" (fun () ->
                    ForestOptions(Trees = trees, MinSamplesLeaf = pick _.MinSamplesLeaf 1))
            RegrownTrees = regrown
            RefitEvery = atLeastOne "estimation.refitEvery" (pick _.RefitEvery 1)
            Forgetting = syntax "estimation.forgetting" EstimationSyntax.forgetting (pick _.Forgetting "relevance:30")
            Outlook = syntax "estimation.outlook" EstimationSyntax.outlook (pick _.Outlook "optimistic:0.6")
            LoadStep = loadStep
            MinimumSamples = atLeastOne "estimation.minimumSamples" (pick _.MinimumSamples 30)
        }

    let private edge (file: ScenarioFile.Scenario) =
        match file.Edges with
        | None
        | Some "mask" -> GridEdge.Mask
        | Some "clip" -> GridEdge.Clip
        | Some other -> Validation.fail "edges" $"'{other}'; expected \"mask\" or \"clip\""

    let private columns (file: ScenarioFile.Trace option) (grid: ControlGrid) services =
        let column (c: ScenarioFile.Column) = TraceColumn(c.Column, c.Unit)

        let all (cs: ScenarioFile.Column seq) =
            cs |> Seq.map column |> EquatableArray.ToEquatableArray

        let statistics (s: ScenarioFile.StatisticsColumns) =
            StatisticsColumns(
                column s.StandardDeviation,
                column s.P90,
                column s.P99,
                all s.NodeMeans,
                all s.NodeStandardDeviations,
                column s.Dropped
            )

        let service (s: ScenarioFile.ServiceColumns) =
            ServiceColumns(
                column s.OfferedLoad,
                column s.CarriedLoad,
                column s.MeanResponseTime,
                LoadLevel = (s.LoadLevel |> Option.map column |> Option.toObj),
                Statistics = (s.Statistics |> Option.map statistics |> Option.toObj)
            )

        match file |> Option.bind _.Columns with
        | None -> TraceColumns.Testbed(grid, services)
        | Some declared ->
            Validation.require
                "trace.columns.controls"
                declared.Controls.Length
                $"{grid.Controls.Count} columns, one per control"
                (declared.Controls.Length = grid.Controls.Count)

            Validation.require
                "trace.columns.services"
                declared.Services.Length
                $"{services} entries, one per service"
                (declared.Services.Length = services)

            TraceColumns(
                all declared.Controls,
                declared.Services |> Seq.map service |> EquatableArray.ToEquatableArray,
                Time = (declared.Time |> Option.map column |> Option.toObj)
            )

    let private managedSystem (file: ScenarioFile.Scenario) simulation =
        match file.Experiment.Environment, simulation with
        | None, _
        | Some "traces", _ -> ManagedSystem.Traces
        | Some "simulation", Some simulation -> ManagedSystem.Mesh simulation
        | Some "simulation", None ->
            Validation.fail "experiment.environment" "'simulation' needs the field simulation, which is missing"
        | Some other, _ -> Validation.fail "experiment.environment" $"'{other}'; expected \"traces\" or \"simulation\""

    /// Combinations of loads beyond which solving and training are hopeless.
    let private mostLoadLevels = 1000

    /// The loads that are planned for and trained on, each with one rate per service: every combination of the services'
    /// levels, the last service's changing fastest.
    let loadLevels scenario : EquatableArray<RequestRate> list =
        (scenario.OfferedLoads, [ [] ])
        ||> List.foldBack (fun load combinations ->
            [
                for level in OfferedLoad.levels scenario.Estimation.LoadStep load do
                    for rest in combinations -> level :: rest
            ])
        |> List.map EquatableArray.ToEquatableArray

    /// Checks the settings of the experiment, which options of the command may have changed.
    let private checkExperiment scenario =
        Validation.require "cycles" scenario.Cycles "at least 1" (scenario.Cycles >= 1)
        Validation.require "changeAt" scenario.ChangeAt "0 or more" (scenario.ChangeAt >= 0)
        Validation.require "seeds" scenario.Seeds "at least 1" (scenario.Seeds >= 1)

        for horizon in scenario.Horizons do
            Validation.require "lookahead" horizon "at least 1" (horizon >= 1)

        let combinations =
            scenario.OfferedLoads
            |> List.map (OfferedLoad.levels scenario.Estimation.LoadStep >> List.length >> float)
            |> List.reduce (*)

        Validation.require
            "services"
            combinations
            $"at most {mostLoadLevels} combinations of loads; a larger estimation.loadStep or fewer steps make less"
            (combinations <= float mostLoadLevels)

        scenario

    /// A system that does not change is what it is from the first cycle on.
    let private changeAt (file: ScenarioFile.Scenario) =
        match file.Trace |> Option.bind _.After, file.Experiment.ChangeAt with
        | None, Some cycle ->
            Validation.fail "experiment.changeAt" $"{cycle}; the system does not change without trace.after"
        | None, None -> 0
        | Some _, cycle -> cycle |> Option.defaultValue file.Experiment.Cycles

    /// Retraining is for a change.
    let private retrains (file: ScenarioFile.Scenario) =
        match file.Trace |> Option.bind _.After, file.Experiment.Retrain with
        | None, Some true -> Validation.fail "experiment.retrain" "true; the system does not change without trace.after"
        | _, retrain -> Option.defaultValue false retrain

    let private planningStudy (file: ScenarioFile.PlanningStudy) =
        let states = file.TimedStates |> Option.defaultValue 30
        let seconds = file.TimedSeconds |> Option.defaultValue 0.005
        let horizons = List.ofArray file.Lookahead

        Validation.require "experiment.planningStudy.lookahead" "[]" "at least one horizon" (not horizons.IsEmpty)

        for horizon in horizons do
            Validation.require "experiment.planningStudy.lookahead" horizon "at least 1" (horizon >= 1)

        Validation.require "experiment.planningStudy.timedStates" states "at least 1" (states >= 1)

        Validation.require
            "experiment.planningStudy.timedSeconds"
            seconds
            "from 0 to 1"
            (seconds >= 0.0 && seconds <= 1.0)

        {
            Horizons = horizons
            TimedStates = states
            TimedSeconds = seconds
        }

    let private build directory (file: ScenarioFile.Scenario) =
        Validation.require "services" "[]" "at least one service" (file.Services.Length > 0)
        Validation.require "nodes" "[]" "at least one node" (file.Nodes.Length > 0)
        Validation.require "controls" "[]" "at least one control" (file.Controls.Length > 0)
        let controls = file.Controls |> Array.mapi (control file)

        let grid =
            Validation.at "controls" (fun () -> ControlGrid(EquatableArray.ToEquatableArray controls, edge file))

        let discount =
            match Discount.create file.Discount with
            | Ok discount -> discount
            | Error message -> Validation.fail "discount" message

        let topology =
            Topology(
                EquatableArray.ToEquatableArray(file.Services |> Seq.map _.Name),
                EquatableArray.ToEquatableArray file.Nodes
            )

        let simulation = file.Simulation |> Option.map (Simulation.build topology)

        {
            Name = file.Name
            Title = file.Title
            Question = file.Question
            Topology = topology
            Grid = grid
            Reward = reward file grid
            Discount = discount
            Start = start file grid
            OfferedLoads = file.Services |> Seq.mapi (OfferedLoad.build directory) |> List.ofSeq
            Estimation = estimation file.Estimation
            BasePolicy =
                file.BasePolicy
                |> Option.map (GivenPolicy.check "basePolicy" directory topology.Services.Count)
                |> Option.defaultValue GivenPolicy.Optimal
            System = managedSystem file simulation
            Cycles = file.Experiment.Cycles
            ChangeAt = changeAt file
            Seeds = file.Experiment.Seeds
            Horizons = List.ofArray file.Experiment.Lookahead
            AlsoForgetting =
                file.Experiment.AlsoForgetting
                |> Option.defaultValue [||]
                |> Seq.map (syntax "experiment.alsoForgetting" EstimationSyntax.forgetting)
                |> List.ofSeq
            AlsoBasePolicies =
                file.Experiment.AlsoBasePolicies
                |> Option.defaultValue [||]
                |> Seq.mapi (fun i policy ->
                    GivenPolicy.check $"experiment.alsoBasePolicies[{i}]" directory topology.Services.Count policy)
                |> List.ofSeq
            Retrains = retrains file
            PlanningStudy = file.Experiment.PlanningStudy |> Option.map planningStudy
            TraceBefore = file.Trace |> Option.map (fun trace -> Path.Combine(directory, trace.Before))
            TraceAfter =
                file.Trace
                |> Option.bind _.After
                |> Option.map (fun after -> Path.Combine(directory, after))
            Columns = columns file.Trace grid file.Services.Length
            Simulation = simulation
            Operation = Operation.check grid file.Controller
            Prometheus =
                file.Prometheus
                |> Option.map (PrometheusSettings.check directory grid file.Services.Length)
        }
        |> checkExperiment

    /// The file of a scenario that is given by its folder or its file.
    let file (path: string) =
        if Directory.Exists path then
            Path.Combine(path, "scenario.json")
        else
            path

    let private read (path: string) reading =
        let path = file path
        let directory = Path.GetDirectoryName path |> Option.ofObj |> Option.defaultValue ""

        reading path
        |> Result.bind (fun file -> Validation.run $"{path}: " (fun () -> build directory file))

    /// The scenario of a folder, or of a file in it, or what is wrong with it: file, field, value, what was expected.
    let load path = read path ScenarioFile.read

    /// The same with some fields of its file replaced, by their paths, such as `estimation.trees`.
    let loadWith path fields =
        read path (fun path -> ScenarioFile.readWith path fields)

    /// Whether its system becomes another one.
    let changes scenario = scenario.TraceAfter.IsSome

    /// The phase of a cycle.
    let phaseOf scenario cycle =
        if not (changes scenario) then Phase.All
        elif cycle < scenario.ChangeAt then Phase.Before
        else Phase.After

    /// The scenario with some settings of its experiment replaced.
    let change replace scenario =
        Validation.run "" (fun () -> checkExperiment (replace scenario))

    /// The scenario with a model that forgets in this way.
    let forgetting forgetting (scenario: Scenario) =
        { scenario with
            Estimation =
                { scenario.Estimation with
                    Forgetting = forgetting
                }
        }

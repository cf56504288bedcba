namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open System.IO
open System.Text.Json.Nodes
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

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

/// How the real system is measured.
type LivePart =
    {
        /// Length of a monitoring interval.
        Interval: TimeSpan
        /// The Prometheus server that measures the real system.
        Prometheus: PrometheusSettings option
        /// A real system on this machine.
        Testbed: TestbedPart option
    }

/// A managed system, what is wanted of it, how it is controlled and the experiment made with it; checked, so that it can be run.
type Scenario =
    {
        Name: string
        Title: string
        System: SystemPart
        Goal: GoalPart
        Controller: ControllerPart
        /// The system as a simulated mesh, of which traces can be recorded.
        Simulation: SimulationPart option
        Live: LivePart
        Experiment: ExperimentPart
    }

[<RequireQualifiedAccess>]
module Scenario =

    /// The offered loads of all services, before any change and after each that changes them.
    let offeredLoads (experiment: ExperimentPart) =
        experiment.OfferedLoads
        :: (experiment.Changes |> List.map (ChangedSystem.loads experiment.OfferedLoads))
        |> List.distinct

    /// Combinations of loads beyond which solving and training are hopeless.
    let private mostLoadLevels = 1000

    /// The loads that are planned for and trained on, each with one rate per service: every combination of the services'
    /// levels, the last service's changing fastest.
    let loadLevels scenario : EquatableArray<RequestRate> list =
        let combined (loads: OfferedLoad list) =
            (loads, [ [] ])
            ||> List.foldBack (fun load combinations ->
                [
                    for level in OfferedLoad.levels scenario.Controller.Estimation.LoadStep load do
                        for rest in combinations -> level :: rest
                ])

        offeredLoads scenario.Experiment
        |> List.collect combined
        |> List.distinct
        |> List.map EquatableArray.ToEquatableArray

    /// How many loads are planned for, or more, where listing them would take long.
    let private combinations loadStep (loads: OfferedLoad list) =
        loads
        |> List.map (fun load ->
            let most = OfferedLoad.mostLevels loadStep load

            if most > 1e5 then
                most
            else
                OfferedLoad.levels loadStep load |> List.length |> float)
        |> List.fold (*) 1.0

    /// The settings of the experiment, which options of the command may have changed.
    let private experimentFaults scenario =
        let experiment = scenario.Experiment

        [
            Check.require "experiment.cycles" $"{experiment.Cycles}" "at least 1" (experiment.Cycles >= 1)
            Check.require
                "experiment.changes[0].atCycle"
                $"{experiment.ChangeAt}"
                "0 or more"
                (experiment.ChangeAt >= 0)
            Check.require "experiment.seeds" $"{experiment.Seeds}" "at least 1" (experiment.Seeds >= 1)
            for horizon in experiment.Horizons do
                Check.require "experiment.compared.horizons" $"{horizon}" "at least 1" (horizon >= 1)

            let combinations =
                offeredLoads experiment
                |> List.sumBy (combinations scenario.Controller.Estimation.LoadStep)

            Check.require
                "experiment.loads"
                $"{combinations}"
                $"at most {mostLoadLevels} combinations of loads; a larger controller.estimation.loadStep or fewer steps make less"
                (combinations <= float mostLoadLevels)
        ]
        |> Check.units

    /// How many times what its bound allows on all cores a request may take before its unit is wrong: a faster node would not do.
    let private mostWork = 10.0

    /// CPU seconds of requests that no configuration answers anywhere near their bound are in another unit, such as ms.
    let private workFaults (scenario: Scenario) =
        let cores =
            scenario.System.Grid.Controls
            |> Seq.filter (fun control -> control.Target :? ControlTarget.CpuCores)
            |> Seq.map _.Highest
            |> Seq.fold max 0.0

        let faults place policy =
            match policy with
            | BasePolicySpecification.Threshold options when cores > 0.0 ->
                Seq.zip options.CpuSecondsPerRequest scenario.Goal.Reward.Objectives
                |> Seq.mapi (fun service (seconds, objective) ->
                    let highest = mostWork * cores * objective.Bound.Seconds

                    Check.require
                        $"{place}.threshold.cpuSecondsPerRequest[{service}]"
                        $"{seconds}"
                        $"at most {highest:g6} s, {mostWork} times the bound of {objective.Bound.Seconds} s on {cores:g6} cores; {seconds:g6} ms are {seconds / 1000.0:g6}"
                        (seconds <= highest))
            | _ -> Seq.empty

        [
            yield! faults "controller.basePolicy" scenario.Controller.BasePolicy

            for i, policy in List.indexed scenario.Experiment.AlsoBasePolicies do
                yield! faults $"experiment.compared.basePolicies[{i}]" policy
        ]
        |> Check.units

    let private texts (file: ScenarioFile.T) (name: string) =
        match file.Filled[name] with
        | NonNull value when value.GetValueKind() = Text.Json.JsonValueKind.String -> Some(value.GetValue<string>())
        | _ -> None

    /// A section that has to be there, as the schema sees to.
    let private section<'section> (name: string) (file: ScenarioFile.T) =
        ScenarioFile.required<'section> name file

    let private optional (build: 'section -> Check.Checked<'part>) (section: 'section option) =
        match section with
        | Some section -> build section |> Result.map Some
        | None -> Ok None

    let private highestLoad (simulation: SimulationPart option) (experiment: ExperimentPart) =
        [
            for loads in offeredLoads experiment do
                for load in loads do
                    OfferedLoad.highest load
            match simulation with
            | None -> ()
            | Some simulation ->
                for loads in simulation.Recording.LoadLevels do
                    for load in loads do
                        load.PerSecond

                for load in Option.defaultValue [] simulation.Loads do
                    OfferedLoad.highest load
        ]
        |> List.fold max 0.0

    /// Loads of the mesh that are said for the experiment alone hold for it, too.
    let private withLoads (experiment: ExperimentPart) (simulation: SimulationPart) =
        { simulation with
            Loads =
                simulation.Loads
                |> Option.orElse (
                    if experiment.OfferedLoads.IsEmpty then
                        None
                    else
                        Some experiment.OfferedLoads
                )
        }

    let private live directory (system: SystemPart) (section: LiveSection) =
        validation {
            let! prometheus =
                section.Prometheus
                |> optional (PrometheusSettings.build directory system.Grid system.Topology.Services.Count)

            and! testbed =
                section.Testbed |> optional (TestbedPart.build system section.IntervalSeconds)

            return
                {
                    Interval = Check.seconds section.IntervalSeconds
                    Prometheus = prometheus
                    Testbed = testbed
                }
        }

    /// The parts of a scenario whose system is this. A part is checked even where another one, of which it needs little, is
    /// faulty.
    let private parts directory (file: ScenarioFile.T) (system: SystemPart) : Check.Checked<Scenario> =
        let goal = section<GoalSection> "goal" file |> Result.bind (GoalPart.build system)
        let live = section<LiveSection> "live" file |> Result.bind (live directory system)
        let controllerSection = section<ControllerSection> "controller" file

        let simulation =
            ScenarioFile.section<SimulationSection> "simulation" file
            |> Result.bind (optional (SimulationPart.build directory system.Topology))

        let experiment =
            validation {
                let! simulation = Check.silent simulation
                and! controller = Check.silent controllerSection
                and! section = section<ExperimentSection> "experiment" file

                return! ExperimentPart.build directory system simulation controller.History controller.Lookahead section
            }

        let simulation =
            match simulation, experiment with
            | Ok(Some simulation), Ok experiment -> Ok(Some(withLoads experiment simulation))
            | other, _ -> other

        let highest =
            match simulation, experiment with
            | Ok simulation, Ok experiment -> highestLoad simulation experiment
            | _ -> 0.0

        let longest =
            match goal with
            | Ok goal -> goal.Reward.Objectives |> Seq.map _.Bound.Seconds |> Seq.fold max 0.0
            | Error _ -> 0.0

        let interval =
            match live with
            | Ok live -> live.Interval.TotalSeconds
            | Error _ -> 1.0

        let history =
            match experiment with
            | Ok experiment ->
                experiment.TraceBefore
                |> Option.map (fun path ->
                    {
                        Path = path
                        Columns = experiment.Columns
                    })
            | Error _ -> None

        let controller =
            controllerSection
            |> Result.bind (ControllerPart.build directory system longest interval highest history)

        validation {
            let! goal = goal
            and! simulation = simulation
            and! live = live
            and! experiment = experiment
            and! controller = controller

            let scenario =
                {
                    Name = texts file "name" |> Option.defaultValue ""
                    Title =
                        texts file "title"
                        |> Option.orElse (texts file "name")
                        |> Option.defaultValue ""
                    System = system
                    Goal = goal
                    Controller = controller
                    Simulation = simulation
                    Live = live
                    Experiment = experiment
                }

            let! _ = experimentFaults scenario
            and! _ = workFaults scenario
            return scenario
        }

    let private build directory (file: ScenarioFile.T) =
        section<SystemSection> "system" file
        |> Result.bind SystemPart.build
        |> Result.bind (parts directory file)

    /// The file of a scenario that is given by its folder or its file.
    let file (path: string) =
        if Directory.Exists path then
            Path.Combine(path, "scenario.json")
        else
            path

    /// The scenario of a text, or all that is wrong with it. What the checks find once more where the schema has found
    /// something is left out.
    let private ofText directory text : Result<Scenario, ScenarioFault list> =
        ScenarioFile.check text
        |> Result.bind (fun file ->
            match file.Faults, build directory file with
            | [], built -> built |> Result.mapError List.distinct
            | faults, Ok _ -> Error(List.distinct faults)
            | faults, Error more ->
                // A constructor that complains of a part that is faulty says nothing new.
                let isNew (fault: ScenarioFault) =
                    not (
                        faults
                        |> List.exists (fun known ->
                            ScenarioText.isWithin known.Path fault.Path
                            || (fault.Found = "" && ScenarioText.isWithin fault.Path known.Path))
                    )

                Error(List.distinct (faults @ List.filter isNew more)))

    let private described path text (faults: ScenarioFault list) =
        faults
        |> List.map (fun fault ->
            match ScenarioText.line text fault.Path with
            | Some line -> line, $"{path}:{line}: {ScenarioFault.describe fault}"
            | None -> 0, $"{path}: {ScenarioFault.describe fault}")
        |> List.sortBy fst
        |> List.map snd

    let private directoryOf (path: string) =
        Path.GetDirectoryName path |> Option.ofObj |> Option.defaultValue ""

    /// The scenario of a folder, or of a file in it, or everything that is wrong with it, one sentence each: file, line, field,
    /// what was found, what was expected.
    let check path : Result<Scenario, string list> =
        let path = file path

        match ScenarioText.read path with
        | Error message -> Error [ message ]
        | Ok text -> ofText (directoryOf path) text |> Result.mapError (described path text)

    /// The same, the sentences one after another.
    let load path =
        check path |> Result.mapError (String.concat "\n")

    /// The same with some fields of its file replaced, by their paths, such as `controller.estimation.trees`.
    let loadWith path (fields: (string * JsonNode) list) =
        let path = file path

        ScenarioText.read path
        |> Result.bind (fun text ->
            (Ok(text.Root.DeepClone() :?> JsonObject), fields)
            ||> List.fold (fun changed field -> changed |> Result.bind (fun root -> ScenarioFile.set path root field))
            |> Result.bind (fun root ->
                let changed = { text with Root = root }

                ofText (directoryOf path) changed
                |> Result.mapError (
                    List.map (fun fault -> $"{path}: {ScenarioFault.describe fault}")
                    >> String.concat "\n"
                )))

    /// Whether its system becomes another one.
    let changes scenario = not scenario.Experiment.Changes.IsEmpty

    /// The number of the system in a cycle: 0 before any change, then that of the last change so far, counted from 1.
    let systemOf scenario cycle =
        scenario.Experiment.Changes
        |> List.tryFindIndexBack (fun change -> change.FromCycle <= cycle)
        |> Option.map ((+) 1)
        |> Option.defaultValue 0

    /// The number of the stage that a cycle belongs to (`ChangedSystem.Stage`).
    let stageOf scenario cycle =
        match systemOf scenario cycle with
        | 0 -> 0
        | system -> scenario.Experiment.Changes[system - 1].Stage

    /// The phase of a cycle.
    let phaseOf scenario cycle =
        if not (changes scenario) then Phase.All
        elif cycle < scenario.Experiment.ChangeAt then Phase.Before
        else Phase.After

    /// The experiment with its one change before this cycle, with this recording of the system after it, or both.
    let withChange (atCycle: int option) (trace: string option) (experiment: ExperimentPart) =
        match experiment.Changes, atCycle, trace with
        | _, None, None -> Ok experiment
        | [ change ], _, _ ->
            Ok
                { experiment with
                    Changes =
                        [
                            { change with
                                FromCycle = Option.defaultValue change.FromCycle atCycle
                                Trace = Option.orElse change.Trace trace
                            }
                        ]
                }
        | [], _, Some trace ->
            Ok
                { experiment with
                    Changes =
                        [
                            {
                                FromCycle = Option.defaultValue experiment.Cycles atCycle
                                Stage = 1
                                StageName = "change-1"
                                Mesh =
                                    match experiment.Environment with
                                    | ManagedSystem.Mesh simulation -> Some simulation.Mesh
                                    | ManagedSystem.Traces -> None
                                Loads = Map.empty
                                Trace = Some trace
                                Testbed = []
                            }
                        ]
                }
        | [], _, None ->
            Error "the system does not change; expected experiment.changes with one change, or a trace after it"
        | several, _, _ ->
            Error
                $"experiment.changes leads through {several.Length} systems; expected a single change, which an option can move or replace"

    /// The scenario with some settings of its experiment replaced.
    let change replace scenario =
        let changed = replace scenario

        experimentFaults changed
        |> Result.map (fun () -> changed)
        |> Result.mapError (List.map ScenarioFault.describe >> String.concat "\n")

    /// The scenario with its controller replaced.
    let withController replace (scenario: Scenario) =
        { scenario with
            Controller = replace scenario.Controller
        }

    /// A base policy for the scenario's system; of those that are made from response times, from these.
    let policy (scenario: Scenario) specification responseTimes =
        BasePolicySpecification.create
            scenario.System.Grid
            scenario.System.Topology
            scenario.Goal.Reward
            scenario.Goal.Discount
            specification
            responseTimes

    /// The scenario with a model that forgets in this way.
    let forgetting forgetting (scenario: Scenario) =
        scenario
        |> withController (fun controller ->
            { controller with
                Estimation =
                    { controller.Estimation with
                        Forgetting = forgetting
                    }
            })

namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System.Text.Json.Serialization
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network

/// A service of an experiment.
type DescribedService =
    {
        Name: string
        /// Bound of its mean response time, in seconds.
        ObjectiveSeconds: float
        /// Its offered load, in words.
        Load: string
        LoadChanges: bool
    }

/// A control of an experiment.
type DescribedControl =
    {
        Name: string
        /// "CPU cores", "routing weight" or "blocking rate".
        Quantity: string
        Lowest: float
        Highest: float
        Levels: int
    }

/// A base policy of an experiment.
type DescribedBasePolicy =
    {
        Name: string
        Description: string
        /// Why it is not improved one control after another; none where it can be.
        JointOnly: string option
    }

/// A trace of an experiment.
type DescribedTrace =
    {
        File: string
        Rows: int
        /// Rows left out in which nothing was served.
        RowsWithoutService: int
    }

/// A stage of an experiment.
type DescribedStage =
    {
        /// Empty before any change.
        Name: string
        FirstCycle: int
    }

/// What was run.
type RunSettings =
    {
        Scenario: string
        Title: string
        Question: string
        Services: DescribedService list
        Controls: DescribedControl list
        /// The scenario's first.
        BasePolicies: DescribedBasePolicy list
        /// Lookahead horizons.
        Lookahead: int list
        Seeds: int
        Cycles: int
        /// Whether the system becomes another one.
        Changes: bool
        /// The system changes first before this cycle; 0 where it does not change.
        ChangeAt: int
        /// Before any change, and from each change on.
        Stages: DescribedStage list
        /// "traces", "simulation" or "testbed": what the policies met.
        Environment: string
        /// Monitoring interval and settling; none where the scenario does not say.
        SecondsPerCycle: float option
        /// Combinations of loads that are planned for.
        LoadLevels: int
        Start: string
        Discount: float
        Trees: int
        RegrownTrees: int
        Forgetting: string
        Outlook: string
        /// In req/s.
        LoadStep: float
        /// What controllers knew at the start, and what each system was measured by, the same ones once.
        Traces: DescribedTrace list
    }

    /// The phase that an experiment is about: after the change, where there is one.
    [<JsonIgnore>]
    member this.Phase = if this.Changes then Phase.After else Phase.All

    /// Whether the system becomes another one while the experiment lasts.
    [<JsonIgnore>]
    member this.ChangesWithinRun = this.Changes && this.ChangeAt < this.Cycles

    /// The base policy that a contender uses or improves, by name; none of those that come from the system alone.
    member this.BasePolicyOf contender =
        match contender with
        | Contender.Retrained _
        | Contender.Baseline _
        | Contender.Optimum -> None
        | Contender.Further(name, _) -> Some name
        | Contender.Base
        | Contender.Rollout _
        | Contender.Multiagent _
        | Contender.RolloutForgetting _ -> Some this.BasePolicies.Head.Name

    /// The cycles that tell what a policy earns at the end.
    [<JsonIgnore>]
    member this.CyclesAtEnd = Adaptation.cyclesAtEnd (this.Cycles - this.ChangeAt)

/// One cycle of one run. Arrays have an entry per service, or per control in their order.
type CycleResult =
    {
        Contender: Contender
        /// From 1.
        Seed: int
        /// From 0.
        Cycle: int
        Phase: Phase
        /// The rates of the arrivals, in req/s; on recorded traces the load level.
        ArrivalRates: float[]
        /// Measured, in req/s.
        OfferedLoads: float[]
        /// In cores, or as a share.
        Controls: float[]
        /// Measured means over the monitoring interval, in seconds; none where nothing was served.
        ResponseTimes: float voption[]
        /// Of the step that led here; none where a service answered nothing.
        Reward: float voption
        /// Expected reward of staying in the configuration, over all rows recorded of it; none where there are none.
        ExpectedReward: float voption
        /// Seconds by which the services miss their objectives, added up.
        SloExcess: float
        /// Of all nodes whose cores are controlled.
        CpuCores: float voption
        /// What the system model said before, in seconds.
        PredictedResponseTimes: float voption[]
        /// The cycle since which the system is thought to be another, where that was noticed in this one.
        ChangeSince: int voption
        /// Computing time of the cycle.
        DecisionSeconds: float
    }

/// What an experiment came to, apart from its single cycles.
type ExperimentOutcome =
    {
        /// Version and commit of the software.
        Software: string
        /// The command that gives the same again.
        Command: string
        ElapsedSeconds: float
        Settings: RunSettings
        /// In the order of reports.
        Contenders: Contender list
        Summary: PhaseSummary list
        /// By contender and stage; empty where the system does not change.
        Stages: StageSummary list
        /// By load, of the phase that the experiment is about; empty where the load does not change.
        Loads: LoadReward list
        /// What the configuration earns after the last change that is best by its expected reward; none where the load changes.
        Goal: float option
        /// Planning on the known system, where the scenario asks for it.
        Study: PlanningStudy option
    }

/// All that an experiment leaves: what its result files hold and what reports are made of.
type ExperimentResults =
    {
        Outcome: ExperimentOutcome
        /// By contender, seed and cycle, in this order.
        Cycles: CycleResult[]
    }

[<RequireQualifiedAccess>]
module ExperimentResults =

    let private quantity (control: Control) =
        match control.Target with
        | :? ControlTarget.CpuCores -> "CPU cores"
        | :? ControlTarget.RoutingWeight -> "routing weight"
        | _ -> "blocking rate"

    let private trace (trace: TestbedTrace) =
        {
            File = trace.Path
            Rows = trace.Rows.Count
            RowsWithoutService = trace.RowsWithoutService
        }

    let private settings (result: ExperimentResult) =
        let scenario = result.Scenario
        let jointOnly = Contenders.withoutMultiagent scenario |> Map.ofList

        {
            Scenario = scenario.Name
            Title = scenario.Title
            Question = scenario.Experiment.Question
            Services =
                [
                    for i, load in List.indexed scenario.Experiment.OfferedLoads ->
                        {
                            Name = scenario.System.Topology.Services[i]
                            ObjectiveSeconds = scenario.Goal.Reward.Objectives[i].Bound.Seconds
                            Load = OfferedLoad.describe load
                            LoadChanges = not load.IsConstant
                        }
                ]
            Controls =
                [
                    for control in scenario.System.Grid.Controls ->
                        {
                            Name = control.Name
                            Quantity = quantity control
                            Lowest = control.Lowest
                            Highest = control.Highest
                            Levels = control.Levels
                        }
                ]
            BasePolicies =
                [
                    for name, policy in Contenders.basePolicies scenario ->
                        {
                            Name = name
                            Description = BasePolicySpecification.describe policy
                            JointOnly = jointOnly.TryFind name
                        }
                ]
            Lookahead = scenario.Experiment.Horizons
            Seeds = scenario.Experiment.Seeds
            Cycles = scenario.Experiment.Cycles
            Changes = Scenario.changes scenario
            ChangeAt = scenario.Experiment.ChangeAt
            Stages =
                { Name = ""; FirstCycle = 0 }
                :: [
                    for change in scenario.Experiment.Changes |> List.distinctBy _.Stage ->
                        {
                            Name = change.StageName
                            FirstCycle = change.FromCycle
                        }
                ]
            Environment = result.Venue
            SecondsPerCycle =
                match scenario.Simulation, scenario.Live.Testbed with
                | Some simulation, _ ->
                    let schedule = simulation.Recording.Schedule
                    Some(schedule.IntervalSeconds + schedule.SettlingSeconds)
                | None, Some testbed -> Some testbed.SecondsPerCycle
                | None, None -> None
            LoadLevels = (Scenario.loadLevels scenario).Length
            Start = scenario.System.Grid.Describe scenario.System.Start
            Discount = (let discount = scenario.Goal.Discount in discount.Value)
            Trees = scenario.Controller.Estimation.Forest.Trees
            RegrownTrees = scenario.Controller.Estimation.RegrownTrees
            Forgetting = EstimationSyntax.forgettingName scenario.Controller.Estimation.Forgetting
            Outlook = EstimationSyntax.riskAttitudeText scenario.Controller.Estimation.RiskAttitude
            LoadStep = scenario.Controller.Estimation.LoadStep
            Traces =
                [
                    for recorded in result.Traces.Before :: List.ofArray result.Traces.Systems |> List.distinct ->
                        trace recorded
                ]
        }

    let private cycle (result: ExperimentResult) (expected: Observation -> float voption) (o: Observation) =
        let record = o.Timed.Record
        let metrics = record.Metrics
        let services = Seq.toArray metrics.Services

        {
            Contender = o.Contender
            Seed = o.Seed
            Cycle = record.Cycle
            Phase = o.Phase
            ArrivalRates = [| for rate in o.Loads -> rate.PerSecond |]
            OfferedLoads = services |> Array.map _.OfferedLoad.PerSecond
            Controls = result.Scenario.System.Grid.Values metrics.Configuration |> Seq.toArray
            ResponseTimes = services |> Array.map Summary.measured
            Reward = record.Reward
            ExpectedReward = expected o
            SloExcess = Summary.excess result.Scenario o
            CpuCores = Summary.cpuCores result.Scenario o
            PredictedResponseTimes =
                services
                |> Array.mapi (fun i _ -> record.Predicted |> ValueOption.map (Array.item i))
            ChangeSince = record.Change |> ValueOption.map _.Since
            DecisionSeconds = o.Timed.Decision.TotalSeconds
        }

    /// The results of an experiment that ran by this command, with a study of planning if one was made.
    let ofExperiment command study (result: ExperimentResult) : ExperimentResults =
        let scenario = result.Scenario
        let settings = settings result
        let yardstick = Yardstick.ofResult result

        {
            Outcome =
                {
                    Software = Software.version
                    Command = command
                    ElapsedSeconds = result.Elapsed.TotalSeconds
                    Settings = settings
                    Contenders = result.Contenders
                    Summary = Summary.measuredBy yardstick result
                    Stages = StageSummary.ofResult yardstick result
                    Loads =
                        if settings.LoadLevels > 1 then
                            LoadSummary.ofPhase
                                result
                                (if settings.Changes && not settings.ChangesWithinRun then
                                     Phase.Before
                                 else
                                     settings.Phase)
                        else
                            []
                    Goal =
                        match Scenario.loadLevels scenario with
                        | [ load ] -> Some((Array.last yardstick.Systems).Goal load)
                        | _ -> None
                    Study = study
                }
            Cycles = result.Observations |> Array.map (cycle result yardstick.Expected)
        }

namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System
open MathNet.Numerics.Distributions
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// A mean over seeds with its 95 % confidence interval (Student's t). With one seed the interval is unknown: NaN.
type ConfidenceInterval =
    {
        Mean: float
        /// Half the width of the interval.
        HalfWidth: float
    }

/// One contender in one phase.
type PhaseSummary =
    {
        Contender: Contender
        Phase: Phase
        /// Reward per cycle.
        Reward: ConfidenceInterval
        /// Reward per cycle over the last cycles of the run (`Adaptation.cyclesAtEnd`). NaN before the change.
        RewardAtEnd: ConfidenceInterval
        /// The same of each seed, in the seeds' order: contenders of a seed meet the same chance, so they are compared seed by
        /// seed. Empty before the change.
        SeedRewardsAtEnd: float[]
        /// The mean reward at the end over the optimum's; NaN before the change, and where the optimum's is not above 0.
        ShareOfOptimum: float
        /// Share of the cycles in which a service missed its objective.
        Violations: ConfidenceInterval
        /// Seconds by which the services missed their objectives in a cycle, added up; 0 in a cycle in which none did.
        Excess: ConfidenceInterval
        /// Cores of all nodes whose cores are controlled; NaN where none are.
        CpuCores: ConfidenceInterval
        /// Error of the response times predicted one step ahead, NMAE: mean absolute error over mean response time.
        ModelError: ConfidenceInterval
        /// After the change: the cycles after which each seed has adapted (`Adaptation.adaptedAfter`), in the seeds' order; none
        /// where it has not. Cycles at loads where the change does not matter (`Adaptation.matters`) do not count.
        Adapted: int voption[]
        /// After the change: what adapting took each seed that has adapted, in seconds of computing. Of retraining, the
        /// training; of the optimum nothing, since it is given; of the others, all decisions until then.
        AdaptationSeconds: float[]
        /// After the change: measurements of the new system that adapting needed, the median over all seeds; infinite where half
        /// of them did not adapt, NaN before the change. Of retraining and the optimum, the recording of the new system at the
        /// scenario's loads; of the others, the cycles until then.
        AdaptationCycles: float
        /// After the change: the cycles until each seed noticed it, in the seeds' order; none where it did not.
        DetectionDelays: int voption[]
        /// Changes that were noticed where there was none, per 1,000 cycles; NaN after the change.
        FalseAlarms: float
        /// Estimating and planning in one cycle, over all cycles of all seeds.
        MedianDecisionSeconds: float
        /// The same over the cycles of the seed whose median is the longest.
        SlowestSeedDecisionSeconds: float
    }

[<RequireQualifiedAccess>]
module ConfidenceInterval =

    let ofSamples (samples: float[]) =
        let estimate = SampleMean.ofSamples samples.Length samples

        {
            Mean = estimate.Mean
            HalfWidth =
                if samples.Length < 2 then
                    nan
                else
                    StudentT.InvCDF(0.0, 1.0, float (samples.Length - 1), 0.975)
                    * estimate.StandardError
        }

[<RequireQualifiedAccess>]
module Summary =

    /// Mean response time in seconds, where anything was served.
    let measured (service: ServiceMetrics) =
        if service.MeanResponseTime.HasValue then
            ValueSome service.MeanResponseTime.Value.Seconds
        else
            ValueNone

    /// What was predicted for a cycle with what was measured, per service, where both are known.
    let predictions (o: Observation) =
        let record = o.Timed.Record

        [|
            for service in 0 .. record.Metrics.Services.Count - 1 do
                match record.Predicted, measured record.Metrics.Services[service] with
                | ValueSome predicted, ValueSome seconds -> struct (predicted[service], seconds)
                | _ -> ()
        |]

    /// Sum of the absolute errors over the sum of the measured response times; NaN where nothing was predicted.
    let nmae (predictions: struct (float * float)[]) =
        let error =
            predictions
            |> Array.sumBy (fun (struct (predicted, measured)) -> abs (predicted - measured))

        error / (predictions |> Array.sumBy (fun (struct (_, measured)) -> measured))

    /// Seconds by which the services missed their objectives, added up.
    let excess (scenario: Scenario) (o: Observation) =
        o.Timed.Record.Metrics.Services
        |> Seq.indexed
        |> Seq.sumBy (fun (service, measured: ServiceMetrics) -> scenario.Goal.Reward.Excess(service, measured))

    /// Whether a service missed its objective.
    let violated scenario o = excess scenario o > 0.0

    /// Cores of all nodes whose cores are controlled; none where no control sets cores.
    let cpuCores (scenario: Scenario) (o: Observation) =
        let levels = o.Timed.Record.Metrics.Configuration.Levels

        let cores =
            scenario.System.Grid.Controls
            |> Seq.mapi (fun i control ->
                match control.Target with
                | :? ControlTarget.CpuCores as cpu -> ValueSome(control.Value levels[i] * float cpu.Nodes.Count)
                | _ -> ValueNone)
            |> Seq.filter _.IsSome
            |> Seq.toArray

        if cores.Length = 0 then
            ValueNone
        else
            cores |> Seq.sumBy (ValueOption.defaultValue 0.0) |> ValueSome

    let private rewards (observations: Observation[]) =
        observations
        |> Array.choose (fun o ->
            match o.Timed.Record.Reward with
            | ValueSome reward -> Some reward
            | ValueNone -> None)

    /// NaN where no cycle has a reward.
    let private meanReward observations =
        match rewards observations with
        | [||] -> nan
        | rewards -> Array.average rewards

    let private share predicate (items: 'a[]) =
        float (items |> Seq.filter predicate |> Seq.length) / float items.Length

    /// When each seed has adapted.
    let private adapted (yardstick: Yardstick) (bySeed: Observation[][]) =
        bySeed
        |> Array.map (fun observations ->
            let earned =
                observations
                |> Array.map (fun o -> struct (yardstick.Earned o, yardstick.Goal o))

            match Adaptation.adaptedAfter earned with
            | Some cycles -> ValueSome cycles
            | None -> ValueNone)

    /// Whether a change was noticed.
    let noticed (o: Observation) =
        ValueOption.isSome o.Timed.Record.Change

    let private detectionDelay (scenario: Scenario) (observations: Observation[]) =
        match observations |> Array.tryFind noticed with
        | Some o -> ValueSome(o.Timed.Record.Cycle - scenario.Experiment.ChangeAt)
        | None -> ValueNone

    /// Seconds of computing of every seed that has adapted, and measurements of the new system, the median over all seeds.
    let private adaptationCost (result: ExperimentResult) contender (adapted: int voption[]) (bySeed: Observation[][]) =
        let recorded =
            lazy
                (let levels = Scenario.loadLevels result.Scenario

                 result.Traces.After.Rows
                 |> Seq.filter (fun row -> List.contains row.LoadLevels levels)
                 |> Seq.length)

        let decisions seed cycles =
            bySeed[seed]
            |> Seq.truncate (cycles + 1)
            |> Seq.sumBy _.Timed.Decision.TotalSeconds

        let cost seed cycles =
            match contender, result.Trainings.TryFind contender with
            | _, Some trainings -> Some trainings[seed].TotalSeconds, recorded.Value
            | Contender.Optimum, None -> None, recorded.Value
            | _ -> Some(decisions seed cycles), cycles

        let costs =
            adapted
            |> Array.mapi (fun seed adapted -> adapted |> ValueOption.map (cost seed))

        costs |> Array.choose (ValueOption.toOption >> Option.bind fst),
        costs
        |> Array.map (ValueOption.map (snd >> float) >> ValueOption.defaultValue infinity)
        |> Statistics.Median

    let private medianDecision (observations: Observation[]) =
        observations |> Array.map _.Timed.Decision.TotalSeconds |> Statistics.Median

    let private phaseSummary
        (result: ExperimentResult)
        (yardstick: Yardstick)
        contender
        phase
        (observations: Observation[])
        =
        let scenario = result.Scenario
        let bySeed = observations |> Array.groupBy _.Seed |> Array.map snd
        let whereItMatters = bySeed |> Array.map (Array.filter yardstick.Matters)

        let over measure =
            bySeed |> Array.map measure |> ConfidenceInterval.ofSamples

        let adapted =
            match phase with
            | Phase.Before
            | Phase.All -> [||]
            | Phase.After -> adapted yardstick whereItMatters

        let atEnd (observations: Observation[]) =
            let cycles = Adaptation.cyclesAtEnd observations.Length
            Array.skip (observations.Length - cycles) observations

        let rewardsAtEnd =
            match phase with
            | Phase.Before -> [||]
            | Phase.After
            | Phase.All -> bySeed |> Array.map (atEnd >> meanReward)

        let seconds, cycles =
            match phase with
            | Phase.Before
            | Phase.All -> [||], nan
            | Phase.After -> adaptationCost result contender adapted whereItMatters

        {
            Contender = contender
            Phase = phase
            Reward = over meanReward
            RewardAtEnd =
                match phase with
                | Phase.Before -> { Mean = nan; HalfWidth = nan }
                | Phase.After
                | Phase.All -> ConfidenceInterval.ofSamples rewardsAtEnd
            SeedRewardsAtEnd = rewardsAtEnd
            ShareOfOptimum = nan
            Violations = over (share (violated scenario))
            Excess = over (Array.averageBy (excess scenario))
            CpuCores = over (Array.averageBy (cpuCores scenario >> ValueOption.defaultValue nan))
            ModelError = over (Array.collect predictions >> nmae)
            Adapted = adapted
            AdaptationSeconds = seconds
            AdaptationCycles = cycles
            DetectionDelays =
                match phase with
                | Phase.Before
                | Phase.All -> [||]
                | Phase.After -> bySeed |> Array.map (detectionDelay scenario)
            FalseAlarms =
                match phase with
                | Phase.Before
                | Phase.All -> 1000.0 * share noticed observations
                | Phase.After -> nan
            MedianDecisionSeconds = medianDecision observations
            SlowestSeedDecisionSeconds = bySeed |> Array.map medianDecision |> Array.max
        }

    /// With the share of the optimum of the same phase filled in.
    let private comparedWithOptimum (summary: PhaseSummary list) =
        let optimum =
            summary
            |> List.tryFind (fun s -> s.Contender = Contender.Optimum && s.Phase <> Phase.Before)

        match optimum with
        | Some optimum when optimum.RewardAtEnd.Mean > 0.0 ->
            summary
            |> List.map (fun s ->
                { s with
                    ShareOfOptimum = s.RewardAtEnd.Mean / optimum.RewardAtEnd.Mean
                })
        | _ -> summary

    /// One entry per contender and phase that has cycles, contenders in their order.
    let measuredBy (yardstick: Yardstick) (result: ExperimentResult) =
        let observations =
            result.Observations
            |> Array.groupBy (fun o -> struct (o.Contender, o.Phase))
            |> readOnlyDict

        [
            for contender in result.Contenders do
                for phase in [ Phase.Before; Phase.After; Phase.All ] do
                    match observations.TryGetValue(struct (contender, phase)) with
                    | true, observations -> phaseSummary result yardstick contender phase observations
                    | _ -> ()
        ]
        |> comparedWithOptimum

    /// The same by what the result's systems say.
    let ofResult result =
        measuredBy (Yardstick.ofResult result) result

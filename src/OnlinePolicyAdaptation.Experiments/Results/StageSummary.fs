namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios

/// One contender in one stage of an experiment whose system changes: before any change, during a ramp, after a change.
/// Arrays have an entry per seed, in the seeds' order.
type StageSummary =
    {
        Contender: Contender
        /// From 0 (`ChangedSystem.Stage`).
        Stage: int
        /// What the stage is called; empty before any change.
        Name: string
        FirstCycle: int
        Cycles: int
        /// The cycles after which it has adapted: from then on, over 20 cycles or to the end of the stage, where at least
        /// `StageSummary.leastCycles` are left, it earns 95 % of what is to be reached. None where it has not. Empty in stage 0.
        Adapted: int voption[]
        /// What the best configuration of each cycle's system would have earned more, in expectation, added up (dynamic
        /// regret). NaN where a configuration was not recorded.
        Regret: float[]
        /// The expected reward over that of the best configurations, of the stage as a whole; NaN where the latter is not above 0.
        ShareOfBest: float[]
        /// The same over the last cycles of the stage (`Adaptation.cyclesAtEnd`).
        ShareOfBestAtEnd: float[]
        /// Share of the cycles in which a service missed its objective.
        Violations: float[]
        /// Changes that were noticed in the stage.
        Alarms: int[]
    }

[<RequireQualifiedAccess>]
module StageSummary =

    /// Cycles at the end of a stage in which nobody counts as adapted who was not before; fewer in a shorter stage.
    let leastCycles = 5

    let private share (yardstick: Yardstick) (observations: Observation[]) =
        let best = observations |> Array.sumBy yardstick.Best

        if best > 0.0 then
            (observations |> Array.sumBy yardstick.Earned) / best
        else
            nan

    let private atEnd (observations: Observation[]) =
        Array.skip (observations.Length - Adaptation.cyclesAtEnd observations.Length) observations

    /// Where the changes matter in a few cycles only, all of them count.
    let private adapted (yardstick: Yardstick) (observations: Observation[]) =
        let least = min leastCycles observations.Length
        let mattering = observations |> Array.filter yardstick.Matters

        (if mattering.Length < least then observations else mattering)
        |> Array.map (fun o -> struct (yardstick.Earned o, yardstick.Goal o))
        |> Adaptation.adaptedWithin least
        |> ValueOption.ofOption

    let private regret (yardstick: Yardstick) (observations: Observation[]) =
        observations
        |> Array.sumBy (fun o ->
            match yardstick.Expected o with
            | ValueSome expected -> yardstick.Best o - expected
            | ValueNone -> nan)

    let private summary (scenario: Scenario) yardstick contender stage (bySeed: Observation[][]) =
        let first = (bySeed |> Array.head |> Array.head).Timed.Record.Cycle

        {
            Contender = contender
            Stage = stage
            Name =
                match Scenario.systemOf scenario first with
                | 0 -> ""
                | system -> scenario.Experiment.Changes[system - 1].StageName
            FirstCycle = first
            Cycles = (Array.head bySeed).Length
            Adapted =
                if stage = 0 then
                    [||]
                else
                    bySeed |> Array.map (adapted yardstick)
            Regret = bySeed |> Array.map (regret yardstick)
            ShareOfBest = bySeed |> Array.map (share yardstick)
            ShareOfBestAtEnd = bySeed |> Array.map (atEnd >> share yardstick)
            Violations =
                bySeed
                |> Array.map (Array.averageBy (fun o -> if Summary.violated scenario o then 1.0 else 0.0))
            Alarms =
                bySeed
                |> Array.map (fun observations -> observations |> Seq.filter Summary.noticed |> Seq.length)
        }

    /// Contenders in their order, of each its stages in theirs; empty where the system does not change.
    let ofResult (yardstick: Yardstick) (result: ExperimentResult) : StageSummary list =
        if not (Scenario.changes result.Scenario) then
            []
        else
            let stages =
                result.Observations
                |> Array.groupBy (fun o -> o.Contender, Scenario.stageOf result.Scenario o.Timed.Record.Cycle)
                |> readOnlyDict

            let last = stages.Keys |> Seq.map snd |> Seq.max

            [
                for contender in result.Contenders do
                    for stage in 0..last do
                        match stages.TryGetValue((contender, stage)) with
                        | true, observations ->
                            observations
                            |> Array.groupBy _.Seed
                            |> Array.map snd
                            |> summary result.Scenario yardstick contender stage
                        | _ -> ()
            ]

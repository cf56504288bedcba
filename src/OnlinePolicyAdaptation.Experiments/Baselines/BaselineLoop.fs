/// A baseline in closed loop with an environment.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.BaselineLoop

open System
open System.Threading
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Scenarios

/// As the cycle of a controller: the reward of the step that led to what was measured; none where a service answered nothing.
let private reward (scenario: Scenario) previous (metrics: Metrics) =
    match Samples.whole metrics with
    | Error _ -> ValueNone
    | Ok sample ->
        let seconds = sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray
        ValueSome(scenario.Goal.Reward.Reward(previous, metrics.Configuration, ReadOnlySpan seconds))

/// Runs all cycles of the scenario's experiment and hands each record to `sink` as it comes. The configuration moves by one
/// level of each control at most in a cycle, as a controller's does; what is in force on the way is learned from as well.
let run
    (scenario: Scenario)
    (traces: Traces)
    baseline
    (key: RandomKey)
    (environment: IEnvironment)
    (sink: TimedRecord -> unit)
    (cancellation: CancellationToken)
    =
    task {
        let grid = scenario.System.Grid
        let recording = ExpectedRewards.ofTrace scenario traces.Before
        let loads = (Scenario.loadLevels scenario).Head
        let mutable bandit = Baselines.start scenario recording loads (key.Split 0) baseline
        let mutable previous = scenario.System.Start

        for cycle in 0 .. scenario.Experiment.Cycles - 1 do
            cancellation.ThrowIfCancellationRequested()
            let! metrics = environment.ObserveAsync cancellation
            let began = TimeProvider.System.GetTimestamp()
            let configuration = metrics.Configuration
            let earned = reward scenario previous metrics

            if
                cycle > 0
                && Scenario.stageOf scenario cycle > Scenario.stageOf scenario (cycle - 1)
            then
                bandit <- Baselines.told scenario (grid.IndexOf configuration) baseline bandit

            match earned with
            | ValueSome reward -> bandit <- bandit.After (key.Split(cycle + 1)) (grid.IndexOf configuration) reward
            | ValueNone -> ()

            let action = Leaves.towards configuration (grid.ConfigurationAt bandit.Arm)
            let next = grid.Move(configuration, action)
            do! environment.ApplyAsync(next, cancellation)
            previous <- configuration

            sink
                {
                    Record =
                        {
                            Cycle = cycle
                            Metrics = metrics
                            Predicted = ValueNone
                            Reward = earned
                            Action = action
                            Next = next
                            BaseAction = action
                            Change = ValueNone
                            QFactor = ValueNone
                            BaseQFactor = ValueNone
                            Probe = ValueNone
                            Model = ValueNone
                            Errors = []
                        }
                    Decision = TimeProvider.System.GetElapsedTime began
                }
    }

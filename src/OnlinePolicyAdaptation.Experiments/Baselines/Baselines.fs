/// The policies of the literature that rollout is compared with, in a scenario's system.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Baselines

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios

/// From missing the bounds by as much again, to the greatest saving.
let private range (scenario: Scenario) =
    {
        Lowest =
            -(scenario.Goal.Reward.Objectives
              |> Seq.sumBy (fun objective -> objective.Bound.Seconds))
        Highest =
            scenario.System.Grid.Configurations()
            |> Seq.map scenario.Goal.Reward.Saving
            |> Seq.max
    }

/// Where each configuration lies on the grid, every control from 0 to 1.
let private coordinates (grid: ControlGrid) =
    grid.Configurations()
    |> Array.map (fun configuration ->
        Array.init grid.Controls.Count (fun control ->
            float configuration.Levels[control] / float (grid.Controls[control].Levels - 1)))

/// What each configuration earned in the recording from which controllers start, at a load; of one that was not recorded,
/// the worst.
let private known (scenario: Scenario) (recording: ExpectedRewards) loads =
    let found =
        Array.init scenario.System.Grid.ConfigurationCount (fun arm -> recording.Of(loads, arm))

    let worst = found |> Seq.choose ValueOption.toOption |> Seq.fold min infinity

    found |> Array.map (ValueOption.defaultValue worst)

/// A baseline that has seen the recording from which controllers start: each configuration once, at its mean reward.
let start (scenario: Scenario) (recording: ExpectedRewards) loads (key: RandomKey) baseline =
    let known = known scenario recording loads
    let range = range scenario
    let arms = known.Length

    let warm bandit =
        (bandit, Array.indexed known)
        ||> Array.fold (fun (bandit: Bandit) (arm, reward) -> bandit.After (key.Split arm) arm reward)

    match baseline with
    | Baseline.ToldRetraining -> ToldRetraining.trained known
    | Baseline.SlidingWindowUcb -> warm (SlidingWindowUcb.start SlidingWindowUcb.standard range arms)
    | Baseline.DiscountedThompson ->
        warm (DiscountedThompson.start DiscountedThompson.standard range arms (key.Split arms))
    | Baseline.MonitoredUcb -> warm (MonitoredUcb.start MonitoredUcb.standard range arms)
    | Baseline.ForgettingGaussianProcess ->
        warm (
            ForgettingGaussianProcess.start ForgettingGaussianProcess.standard range (coordinates scenario.System.Grid)
        )

/// The baseline once a change of the system is announced; only one that is told does something about it.
let told (scenario: Scenario) (configuration: int) baseline bandit =
    match baseline with
    | Baseline.ToldRetraining ->
        let tour =
            scenario.System.Grid.Controls
            |> Seq.map _.Levels
            |> Seq.toArray
            |> ToldRetraining.tour

        // From the nearer end, as the tour numbers them.
        let tour =
            if 2 * Array.findIndex ((=) configuration) tour < tour.Length then
                tour
            else
                Array.rev tour

        ToldRetraining.retraining tour
    | _ -> bandit

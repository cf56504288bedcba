/// How soon a controller has adapted to a change.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Adaptation

open System
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Cycles that a controller must do well in, one after the other, to count as adapted from the first of them on.
let private cycles = 20

/// What doing well is: this share of the best configuration's reward.
let private share = 0.95

/// The least reward that counts as doing well, where this is the best.
let required best = best - (1.0 - share) * abs best

/// Of so many cycles, the number at the end of a run that tell what a policy earns once it has adapted: the last 20, or the
/// last quarter where that is fewer.
let cyclesAtEnd count = max 1 (min cycles (count / 4))

/// The expected reward of staying in a configuration, over the rows recorded of it at the scenario's loads.
type ExpectedRewards = Map<int, float>

let expectedRewards (scenario: Scenario) (trace: TestbedTrace) : ExpectedRewards =
    trace.Rows
    |> Seq.filter (fun row -> row.LoadLevels = scenario.Loads)
    |> Seq.groupBy (fun row -> scenario.Grid.IndexOf row.Configuration)
    |> Seq.map (fun (index, rows) ->
        index,
        rows
        |> Seq.choose (fun row ->
            match Monitor.sample (Metrics(0L, row.Configuration, row.Services)) with
            | Error _ -> None
            | Ok sample ->
                let seconds = sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray
                Some(scenario.Reward.Reward(row.Configuration, row.Configuration, ReadOnlySpan seconds)))
        |> Seq.toList)
    |> Seq.filter (fun (_, rewards) -> not rewards.IsEmpty)
    |> Seq.map (fun (index, rewards) -> index, List.average rewards)
    |> Map.ofSeq

/// The first cycle, counted from the first one given, from which on the mean expected reward of 20 cycles is at least 95 % of
/// the best configuration's. None: not within these cycles.
let adaptedAfter (expected: ExpectedRewards) (earned: float[]) =
    let best = expected |> Map.values |> Seq.max
    let required = required best - 1e-12

    earned
    |> Array.windowed cycles
    |> Array.tryFindIndex (fun window -> Array.average window >= required)

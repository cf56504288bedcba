/// How soon a controller has adapted to a change.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Adaptation

open System
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
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

/// The expected reward of staying in a configuration under a load, over the rows recorded of it.
type ExpectedRewards =
    private
        {
            levels: EquatableArray<RequestRate>[]
            /// By level and configuration number.
            rewards: Map<int * int, float>
            /// The best configuration's, by level.
            best: float[]
        }

    member internal this.Level loads =
        Array.IndexOf(this.levels, RecordedLoads.nearest this.levels loads)

    /// Of a configuration number, at the recorded load that is nearest; none where it was not recorded there.
    member this.Of(loads, configuration) =
        match this.rewards.TryFind((this.Level loads, configuration)) with
        | Some reward -> ValueSome reward
        | None -> ValueNone

    /// Of the best configuration at the recorded load that is nearest.
    member this.Best loads = this.best[this.Level loads]

let expectedRewards (scenario: Scenario) (trace: TestbedTrace) =
    let levels = RecordedLoads.levels trace

    let reward (row: TraceRow) =
        match Monitor.sample (Metrics(0L, row.Configuration, row.Services)) with
        | Error _ -> None
        | Ok sample ->
            let seconds = sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray
            Some(scenario.Reward.Reward(row.Configuration, row.Configuration, ReadOnlySpan seconds))

    let rewards =
        trace.Rows
        |> Seq.groupBy (fun row -> Array.IndexOf(levels, row.LoadLevels), scenario.Grid.IndexOf row.Configuration)
        |> Seq.map (fun (cell, rows) -> cell, rows |> Seq.choose reward |> List.ofSeq)
        |> Seq.filter (fun (_, rewards) -> not rewards.IsEmpty)
        |> Seq.map (fun (cell, rewards) -> cell, List.average rewards)
        |> Map.ofSeq

    {
        levels = levels
        rewards = rewards
        best =
            levels
            |> Array.mapi (fun level _ ->
                rewards
                |> Seq.filter (fun cell -> fst cell.Key = level)
                |> Seq.map _.Value
                |> Seq.max)
    }

/// Whether a change matters at a load: what was best before it does not do well after it. Where it matters at no load that was
/// recorded, every load counts.
let matters (before: ExpectedRewards) (after: ExpectedRewards) : EquatableArray<RequestRate> -> bool =
    let atLevel loads =
        let level = before.Level loads

        before.rewards
        |> Seq.filter (fun cell -> fst cell.Key = level && cell.Value = before.best[level])
        |> Seq.forall (fun cell ->
            match after.Of(loads, snd cell.Key) with
            | ValueSome reward -> reward < required (after.Best loads)
            | ValueNone -> true)

    let levels = after.levels |> Array.filter atLevel

    if levels.Length = 0 then
        fun _ -> true
    else
        fun loads -> Array.contains (RecordedLoads.nearest after.levels loads) levels

/// The first cycle, counted from the first one given, from which on the mean expected reward of 20 cycles is at least 95 % of
/// what was to be reached. Each cycle has what was earned and what was to be reached. None: not within these cycles.
let adaptedAfter (earned: struct (float * float)[]) =
    let mean window pick = window |> Array.averageBy pick

    earned
    |> Array.windowed cycles
    |> Array.tryFindIndex (fun window ->
        let best = mean window (fun (struct (_, best)) -> best)
        mean window (fun (struct (earned, _)) -> earned) >= required best - 1e-12)

/// How soon a controller has adapted to a change.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Adaptation

open OnlinePolicyAdaptation.Scenarios
open System
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Cycles that a controller must do well in, one after the other, to count as adapted from the first of them on.
let private cycles = 20

/// What doing well is: this share of the goal's reward.
let private share = 0.95

/// The least reward that counts as doing well, where this is the goal.
let required goal = goal - (1.0 - share) * abs goal

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
            /// By level, of the configurations that are best by their mean response times, the least: policies go by means,
            /// and one that knows all of them may stay in any of these.
            goals: float[]
        }

    member internal this.Level loads =
        Array.IndexOf(this.levels, RecordedLoads.nearest this.levels loads)

    /// Of a configuration number, at the recorded load that is nearest; none where it was not recorded there.
    member this.Of(loads, configuration) =
        match this.rewards.TryFind((this.Level loads, configuration)) with
        | Some reward -> ValueSome reward
        | None -> ValueNone

    /// What is to be reached at the recorded load that is nearest: what a configuration earns that is best by its mean response
    /// times.
    member this.Goal loads = this.goals[this.Level loads]

let expectedRewards (scenario: Scenario) (trace: TestbedTrace) =
    let levels = RecordedLoads.levels trace

    let reward configuration (seconds: float[]) =
        scenario.Goal.Reward.Reward(configuration, configuration, ReadOnlySpan seconds)

    let measured (row: TraceRow) =
        match Monitor.sample (Metrics(0L, row.Configuration, row.Services)) with
        | Error _ -> None
        | Ok sample -> Some(sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray)

    /// Level and configuration, the mean of the rewards, and the reward of the means.
    let cells =
        trace.Rows
        |> Seq.groupBy (fun row -> Array.IndexOf(levels, row.LoadLevels), row.Configuration)
        |> Seq.map (fun (cell, rows) -> cell, rows |> Seq.choose measured |> Seq.toArray)
        |> Seq.filter (fun (_, rows) -> rows.Length > 0)
        |> Seq.map (fun ((level, configuration), rows) ->
            let means =
                Array.init rows[0].Length (fun service -> rows |> Array.averageBy (fun seconds -> seconds[service]))

            level, configuration, rows |> Array.averageBy (reward configuration), reward configuration means)
        |> Seq.toArray

    let goal level =
        let here = cells |> Array.filter (fun (l, _, _, _) -> l = level)
        let best = here |> Seq.map (fun (_, _, _, ofMeans) -> ofMeans) |> Seq.max

        here
        |> Seq.filter (fun (_, _, _, ofMeans) -> ofMeans = best)
        |> Seq.map (fun (_, _, expected, _) -> expected)
        |> Seq.min

    {
        levels = levels
        rewards =
            Map.ofSeq
                [
                    for level, configuration, expected, _ in cells ->
                        (level, scenario.System.Grid.IndexOf configuration), expected
                ]
        goals = levels |> Array.mapi (fun level _ -> goal level)
    }

/// Whether a change matters at a load: what did well before it does not after it. Where it matters at no load that was
/// recorded, every load counts.
let matters (before: ExpectedRewards) (after: ExpectedRewards) : EquatableArray<RequestRate> -> bool =
    let atLevel loads =
        let level = before.Level loads

        before.rewards
        |> Seq.filter (fun cell -> fst cell.Key = level && cell.Value >= before.goals[level])
        |> Seq.forall (fun cell ->
            match after.Of(loads, snd cell.Key) with
            | ValueSome reward -> reward < required (after.Goal loads)
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
        let goal = mean window (fun (struct (_, goal)) -> goal)
        mean window (fun (struct (earned, _)) -> earned) >= required goal - 1e-12)

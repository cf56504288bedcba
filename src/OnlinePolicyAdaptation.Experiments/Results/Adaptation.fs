/// How soon a controller has adapted to a change.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Adaptation

open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Cycles that a controller must do well in, one after the other, to count as adapted from the first of them on.
let private cycles = 20

/// What doing well is: this share of the goal's reward.
let private share = 0.95

/// The least reward that counts as doing well, where this is the goal.
let required goal = goal - (1.0 - share) * abs goal

/// Of so many cycles, the number at the end of a run that tell what a policy earns once it has adapted: the last 20, or the
/// last quarter where that is fewer.
let cyclesAtEnd count = max 1 (min cycles (count / 4))

/// Whether a change matters at a load: what did well before it does not after it. Where it matters at no load that was
/// recorded, every load counts.
let matters (before: ExpectedRewards) (after: ExpectedRewards) : EquatableArray<RequestRate> -> bool =
    let atLevel loads =
        before.Reaching(loads, before.Goal loads)
        |> Seq.forall (fun configuration ->
            match after.Of(loads, configuration) with
            | ValueSome reward -> reward < required (after.Goal loads)
            | ValueNone -> true)

    let levels = after.Levels |> Array.filter atLevel

    if levels.Length = 0 then
        fun _ -> true
    else
        fun loads -> Array.contains (RecordedLoads.nearest after.Levels loads) levels

/// The first cycle, counted from the first one given, from which on the mean expected reward of 20 cycles is at least 95 % of
/// what was to be reached; of the cycles up to the end where fewer are left, but at least so many. Each cycle has what was
/// earned and what was to be reached. None: not within these cycles.
let adaptedWithin least (earned: struct (float * float)[]) =
    let mean first pick =
        earned |> Seq.skip first |> Seq.truncate cycles |> Seq.averageBy pick

    seq { 0 .. earned.Length - max 1 least }
    |> Seq.tryFind (fun first ->
        let goal = mean first (fun (struct (_, goal)) -> goal)
        mean first (fun (struct (earned, _)) -> earned) >= required goal - 1e-12)

/// The same with all of the 20 cycles.
let adaptedAfter earned = adaptedWithin cycles earned

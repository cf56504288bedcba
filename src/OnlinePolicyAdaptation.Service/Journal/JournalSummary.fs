namespace OnlinePolicyAdaptation.Service

open System
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// What the rows of a journal come to.
type JournalSummary =
    {
        Cycles: int
        First: DateTimeOffset
        Last: DateTimeOffset
        /// The mode of the last cycle.
        Mode: string
        /// Decisions by who took them, with their number.
        Authors: (string * int) list
        /// Decisions that move a control, or would.
        Actions: int
        /// Decisions that are not the base policy's, where rollout chose.
        Departures: int
        /// Mean over these of how much more rollout expects of its action than of the base policy's: the difference of
        /// their Q-factors, which are sums of discounted rewards. None where there is no such decision.
        PredictedGain: float option
        /// Mean reward of an interval; none where nothing was measured.
        Reward: float option
        /// Share of the intervals in which each service missed its bound.
        Violations: float[]
        /// Cycles in which a change of the system was noticed.
        Changes: int list
        /// Rules that fired, with their number.
        Rules: (string * int) list
        /// Kinds of trouble, with their number.
        Errors: (string * int) list
        /// Cycles whose interval came later after the one before than usual, with the time between.
        Gaps: (int * TimeSpan) list
    }

[<RequireQualifiedAccess>]
module JournalSummary =

    let private mean (values: float seq) =
        if Seq.isEmpty values then
            None
        else
            Some(Seq.average values)

    let private counted items =
        items |> Seq.countBy id |> Seq.sortByDescending snd |> List.ofSeq

    let private violations (reward: RewardFunction) (rows: JournalRow[]) =
        Array.init reward.Objectives.Count (fun service ->
            let missed =
                rows
                |> Seq.filter (fun row -> reward.Excess(service, row.Interval.Services[service]) > 0.0)
                |> Seq.length

            float missed / float rows.Length)

    /// Half as long again as usual is a gap; half of all distances are at most usual.
    let private gaps (rows: JournalRow[]) =
        let distances =
            rows
            |> Array.pairwise
            |> Array.map (fun (before, row) -> row.Cycle, row.Interval.Time - before.Interval.Time)

        if distances.Length = 0 then
            []
        else
            let usual = (distances |> Array.map snd |> Array.sort)[(distances.Length - 1) / 2]

            [
                for cycle, distance in distances do
                    if distance > 1.5 * usual then
                        cycle, distance
            ]

    /// None where there are no rows.
    let ofRows reward (rows: JournalRow[]) =
        if rows.Length = 0 then
            None
        else
            let last = rows[rows.Length - 1]

            let departures =
                rows
                |> Array.filter (fun row -> row.QFactor.IsSome && row.Probe.IsNone && row.Action <> row.BaseAction)

            Some
                {
                    Cycles = rows.Length
                    First = rows[0].Interval.Time
                    Last = last.Interval.Time
                    Mode = last.Mode
                    Authors = rows |> Seq.map _.By |> counted
                    Actions = rows |> Seq.filter (fun row -> Array.exists ((<>) 0) row.Action) |> Seq.length
                    Departures = departures.Length
                    PredictedGain = departures |> Seq.choose _.Gain |> mean
                    Reward = rows |> Seq.choose _.Reward |> mean
                    Violations = violations reward rows
                    Changes =
                        [
                            for row in rows do
                                if row.Change.IsSome then
                                    row.Cycle
                        ]
                    Rules = rows |> Seq.collect _.Rules |> counted
                    Errors = rows |> Seq.collect _.Errors |> Seq.map TroubleKind.ofWords |> counted
                    Gaps = gaps rows
                }

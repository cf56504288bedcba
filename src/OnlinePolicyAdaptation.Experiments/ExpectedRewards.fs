namespace OnlinePolicyAdaptation.Experiments

open System
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Scenarios

/// What the configurations of a system are worth under each load that it was recorded at: the expected reward over the noise
/// of an interval, as the mean over the rows recorded.
type ExpectedRewards =
    private
        {
            levels: EquatableArray<RequestRate>[]
            /// By level and configuration number, of staying there.
            rewards: Map<int * int, float>
            /// The highest of these by level.
            goals: float[]
            /// By level and configuration number, of arriving there: the share of the rows that keep every objective with
            /// the cost charged to the configuration that is left, and the expected reward apart from these.
            arrivals: Map<int * int, struct (float * float)>
        }

    member internal this.Level loads =
        Array.IndexOf(this.levels, RecordedLoads.nearest this.levels loads)

    /// The loads it was recorded at, ascending.
    member this.Levels = this.levels

    /// Of staying in a configuration, by its number, at the recorded load that is nearest; none where it was not recorded there.
    member this.Of(loads, configuration) =
        match this.rewards.TryFind((this.Level loads, configuration)) with
        | Some reward -> ValueSome reward
        | None -> ValueNone

    /// What the best configuration earns at the recorded load that is nearest: nobody who stays somewhere expects more.
    member this.Goal loads = this.goals[this.Level loads]

    /// The configurations that earn this much at the recorded load that is nearest, by their numbers.
    member this.Reaching(loads, least) =
        let level = this.Level loads

        [
            for KeyValue((other, configuration), reward) in this.rewards do
                if other = level && reward >= least then
                    configuration
        ]

[<RequireQualifiedAccess>]
module ExpectedRewards =

    let private measured (row: TraceRow) =
        match Samples.whole (Metrics(0L, row.Configuration, row.Services)) with
        | Error _ -> None
        | Ok sample -> Some(sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray)

    let private arrival (reward: RewardFunction) next (rows: float[][]) =
        let earned =
            rows
            |> Array.choose (fun seconds -> reward.Arrival(next, ReadOnlySpan seconds) |> Option.ofNullable)

        let count = float rows.Length
        struct (float (rows.Length - earned.Length) / count, Array.sum earned / count)

    /// Of the system that a trace was recorded on.
    let ofTrace (scenario: Scenario) (trace: TestbedTrace) =
        let levels = RecordedLoads.levels trace
        let reward = scenario.Goal.Reward

        let cells =
            trace.Rows
            |> Seq.groupBy (fun row -> Array.IndexOf(levels, row.LoadLevels), row.Configuration)
            |> Seq.map (fun (cell, rows) -> cell, rows |> Seq.choose measured |> Seq.toArray)
            |> Seq.filter (fun (_, rows) -> rows.Length > 0)
            |> Seq.map (fun ((level, configuration), rows) ->
                let staying =
                    rows
                    |> Array.averageBy (fun seconds ->
                        reward.Reward(configuration, configuration, ReadOnlySpan seconds))

                (level, scenario.System.Grid.IndexOf configuration), staying, arrival reward configuration rows)
            |> Seq.toArray

        {
            levels = levels
            rewards = cells |> Seq.map (fun (cell, staying, _) -> cell, staying) |> Map.ofSeq
            goals =
                levels
                |> Array.mapi (fun level _ ->
                    cells
                    |> Seq.filter (fun ((other, _), _, _) -> other = level)
                    |> Seq.map (fun (_, staying, _) -> staying)
                    |> Seq.max)
            arrivals = cells |> Seq.map (fun (cell, _, arrival) -> cell, arrival) |> Map.ofSeq
        }

    /// Every choice of the grid, where what a step earns depends on both of its ends.
    let private general (grid: ControlGrid) (departure: float[]) (arrivals: struct (float * float)[]) =
        let actions: ControlAction[] = Array.init grid.ActionCount grid.ActionAt

        grid.Configurations()
        |> Array.mapi (fun current configuration ->
            let mask = grid.Mask configuration

            [|
                for number, action in Array.indexed actions do
                    if action.IsAllowedBy mask then
                        let next = grid.IndexOf(grid.Move(configuration, action): Configuration)
                        let struct (paid, earned) = arrivals[next]

                        {
                            Action = number
                            Reward = paid * departure[current] + earned
                            Successors = [| { State = next; Probability = 1.0 } |]
                        }
            |])
        |> FiniteModel.create

    /// The decision problem of the system under a load, exactly: states are configurations, a step earns the expected reward.
    /// A configuration that was not recorded at the load is as bad as the worst that was.
    let model (scenario: Scenario) (rewards: ExpectedRewards) loads : Result<FiniteModel, string> =
        let grid = scenario.System.Grid
        let configurations = grid.Configurations()
        let departure = configurations |> Array.map scenario.Goal.Reward.Departure
        let level = rewards.Level loads

        let worst =
            rewards.rewards
            |> Seq.filter (fun cell -> fst cell.Key = level)
            |> Seq.map _.Value
            |> Seq.min

        let arrivals =
            Array.init configurations.Length (fun configuration ->
                rewards.arrivals.TryFind((level, configuration))
                |> Option.defaultValue (struct (0.0, worst)))

        if arrivals |> Array.forall (fun (struct (paid, _)) -> paid = 0.0 || paid = 1.0) then
            BoxModel.create
                (grid.Controls |> Seq.map _.Levels |> Seq.toArray)
                departure
                (arrivals
                 |> Array.map (fun (struct (paid, earned)) -> if paid = 1.0 then ValueNone else ValueSome earned))
            |> Result.map (FiniteModel.ofBox grid.Edge)
        else
            general grid departure arrivals

    /// The optimal policy of the system, for whatever load the state has, taken to stay. Each load is solved once, when it
    /// first occurs.
    let optimum (scenario: Scenario) (rewards: ExpectedRewards) =
        PolicyTables.byLoad scenario.System.Grid (fun loads ->
            match model scenario rewards loads with
            | Error message -> invalidOp message
            | Ok model ->
                FinitePolicy.actions model (DynamicProgramming.policyIteration model scenario.Goal.Discount).Policy)

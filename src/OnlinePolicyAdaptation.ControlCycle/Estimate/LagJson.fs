namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels

/// The fields of an interval, each for all intervals: a name for each value would be longer than the values.
type LagEntriesJson =
    {
        Cycles: int[]
        Levels: int[][]
        OfferedLoads: float[][]
        /// Below 0 where it is not known of a service; empty where it is known of none.
        Seconds: float[][]
        Ages: int[]
    }

/// The estimate of a lag as a checkpoint keeps it.
type LagJson =
    {
        Lag: int
        IsWhole: bool
        Entries: LagEntriesJson
    }

[<RequireQualifiedAccess>]
module LagJson =

    let write (lag: MetricsLag) : LagJson =
        {
            Lag = lag.Lag
            IsWhole = lag.IsWhole
            Entries =
                {
                    Cycles = lag.Entries |> Array.map _.Cycle
                    Levels = lag.Entries |> Array.map (fun entry -> StateJson.levels entry.Configuration)
                    OfferedLoads =
                        lag.Entries
                        |> Array.map (fun entry -> [| for load in entry.OfferedLoads -> load.PerSecond |])
                    Seconds =
                        lag.Entries
                        |> Array.map (fun entry ->
                            entry.Seconds
                            |> ValueOption.defaultValue [||]
                            |> Array.map (fun seconds -> if Double.IsNaN seconds then -1.0 else seconds))
                    Ages = lag.Entries |> Array.map _.Age
                }
        }

    let private isFinite (values: float[]) =
        values |> Array.forall (fun value -> Double.IsFinite value && value >= 0.0)

    let private entry (json: LagEntriesJson) i =
        {
            Cycle = json.Cycles[i]
            Configuration = StateJson.configuration json.Levels[i]
            OfferedLoads = json.OfferedLoads[i] |> Array.map RequestRate |> EquatableArray.ToEquatableArray
            Seconds =
                if json.Seconds[i].Length = 0 then
                    ValueNone
                else
                    ValueSome(
                        json.Seconds[i]
                        |> Array.map (fun seconds -> if seconds < 0.0 then nan else seconds)
                    )
            Age = json.Ages[i]
        }

    /// Before the next cycle.
    let read (layout: FeatureLayout) next (json: LagJson) : Result<MetricsLag, string> =
        let entries = json.Entries
        let count = entries.Cycles.Length

        let isSound i =
            layout.Grid.Contains(StateJson.configuration entries.Levels[i])
            && entries.OfferedLoads[i].Length = layout.Services
            && isFinite entries.OfferedLoads[i]
            && (entries.Seconds[i].Length = 0 || entries.Seconds[i].Length = layout.Services)
            && Array.forall Double.IsFinite entries.Seconds[i]
            && entries.Ages[i] >= 0
            && entries.Cycles[i] < next
            && (i = 0 || entries.Cycles[i - 1] < entries.Cycles[i])

        if json.Lag < 0 || json.Lag > LagEvidence.longest then
            Error $"lag: {json.Lag}; expected 0 to {LagEvidence.longest} intervals"
        elif
            entries.Levels.Length <> count
            || entries.OfferedLoads.Length <> count
            || entries.Seconds.Length <> count
            || entries.Ages.Length <> count
        then
            Error $"lag.entries: expected fields of {count} intervals, as many as cycles"
        else
            match Seq.tryFind (isSound >> not) (seq { 0 .. count - 1 }) with
            | Some i ->
                Error
                    $"lag.entries[{i}]: expected levels of the controls, {layout.Services} loads and no or as many response times, in growing cycles before cycle {next}"
            | None ->
                Ok
                    {
                        Lag = json.Lag
                        IsWhole = json.IsWhole
                        Entries = Array.init count (entry entries)
                    }

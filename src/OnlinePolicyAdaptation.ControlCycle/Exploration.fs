namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Network

/// Which levels of the controls may be entered though nothing has been measured there.
[<RequireQualifiedAccess>]
type Exploration =
    /// Those between recorded ones, and none without capacity. Without a recording: all that have some.
    | Recorded
    /// All of the grid.
    | All

    /// As a scenario names it.
    member this.Name =
        match this with
        | Recorded -> "recorded"
        | All -> "all"

[<RequireQualifiedAccess>]
module Exploration =

    /// On level 0 nothing is served.
    let private startsWithoutCapacity (control: Control) =
        match control.Target with
        | :? ControlTarget.CpuCores -> control.Lowest = 0.0
        | _ -> false

    /// The lowest and highest level of each control that may be entered, where these configurations were recorded.
    let levels (grid: ControlGrid) exploration (recorded: Configuration seq) =
        let recorded = Array.ofSeq recorded

        grid.Controls
        |> Seq.mapi (fun index control ->
            let whole = struct (0, control.Levels - 1)

            match exploration with
            | Exploration.All -> whole
            | Exploration.Recorded ->
                let struct (lowest, highest) =
                    if recorded.Length = 0 then
                        whole
                    else
                        let levels = recorded |> Array.map _.Levels[index]
                        struct (Array.min levels, Array.max levels)

                let lowest =
                    if startsWithoutCapacity control then
                        max 1 lowest
                    else
                        lowest

                struct (lowest, max lowest highest))
        |> Array.ofSeq

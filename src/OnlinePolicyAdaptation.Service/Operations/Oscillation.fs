namespace OnlinePolicyAdaptation.Service

open OnlinePolicyAdaptation.Domain.Network

/// Notices decisions that move a control to and fro.
[<Sealed>]
type Oscillation(controls: int) =
    /// A move back within so many decisions is a turn.
    let near = 2

    /// So many turns in so many decisions are going to and fro.
    let many, recent = 10, 20

    let last = Array.create controls (struct (0, 0))
    let turns: int list[] = Array.create controls []
    let mutable number = 0

    /// Takes the next decision: the first control that goes to and fro by now, if any.
    member _.Next(action: ControlAction) =
        number <- number + 1

        for control in 0 .. controls - 1 do
            let move = action.Moves[control]
            let struct (direction, at) = last[control]
            turns[control] <- turns[control] |> List.filter (fun turn -> number - turn < recent)

            if direction * move < 0 && number - at <= near then
                turns[control] <- number :: turns[control]

            if move <> 0 then
                last[control] <- struct (move, number)

        match turns |> Array.tryFindIndex (fun turns -> turns.Length >= many) with
        | Some control -> ValueSome control
        | None -> ValueNone

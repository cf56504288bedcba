namespace OnlinePolicyAdaptation.Planning

open System
open System.Globalization
open OnlinePolicyAdaptation.Domain.Network

/// How large the decision problem of a grid is as a table. `Int64.MaxValue` stands for that many or more.
type ProblemSize =
    {
        Controls: int
        /// Configurations.
        States: int64
        /// Actions of the grid, admissible or not.
        Actions: int64
        /// Pairs of a state and an admissible action; each has one successor.
        Pairs: int64
        /// Memory that the tables take, about.
        Bytes: int64
    }

[<RequireQualifiedAccess>]
module ProblemSize =

    /// The most memory that the tables of one problem may take: 2 GiB.
    let mostBytes = 2L <<< 30

    /// Action, reward, successor, probability, and where the successors begin.
    let private bytesOfPair = 28L

    /// A configuration as an object, response times, rewards, a policy, values and room to work in.
    let private bytesOfState controls = 200L + 4L * int64 controls

    let private times a b =
        if a <> 0L && b > Int64.MaxValue / a then
            Int64.MaxValue
        else
            a * b

    let private plus a b =
        if b > Int64.MaxValue - a then Int64.MaxValue else a + b

    let private product (factors: int64 seq) = factors |> Seq.fold times 1L

    /// The size for controls with these numbers of levels, each at least 1. Nothing is allocated, nothing overflows.
    let ofLevels (edge: GridEdge) (levels: int[]) =
        let moves = int64 ControlAction.ChoicesPerControl
        let states = product (levels |> Seq.map int64)

        let pairs =
            levels
            |> Seq.map (fun count ->
                match edge with
                | GridEdge.Mask -> moves * int64 count - 2L
                | _ -> moves * int64 count)
            |> product

        {
            Controls = levels.Length
            States = states
            Actions = product (Seq.replicate levels.Length moves)
            Pairs = pairs
            Bytes = plus (times pairs bytesOfPair) (times states (bytesOfState levels.Length))
        }

    let ofGrid (grid: ControlGrid) =
        ofLevels grid.Edge (grid.Controls |> Seq.map _.Levels |> Seq.toArray)

    /// How many problems of this size fit into the memory for one of the largest, at least 1.
    let fitting (size: ProblemSize) =
        max 1L (mostBytes / max 1L size.Bytes) |> min (int64 Int32.MaxValue) |> int

    let private number (value: int64) =
        if value = Int64.MaxValue then
            "more than 9e18"
        elif value >= 1_000_000_000L then
            (float value).ToString("0.0e0", CultureInfo.InvariantCulture)
        else
            value.ToString("#,0", CultureInfo.InvariantCulture)

    let private gibibytes (value: int64) =
        (float value / float (1L <<< 30)).ToString("#,0.0", CultureInfo.InvariantCulture)

    let private memory (size: ProblemSize) =
        if size.Bytes = Int64.MaxValue then
            "more than 8e9 GiB"
        else
            $"{gibibytes size.Bytes} GiB"

    /// The size of a grid's problem. An error where it is too large for tables: how large it is, and what is possible.
    let check (grid: ControlGrid) =
        let size = ofGrid grid

        if size.Bytes <= mostBytes then
            Ok size
        else
            Error
                $"the decision problem of {size.Controls} controls is too large to be planned on with tables: {number size.States} configurations and {number size.Actions} actions make {number size.Pairs} pairs of both, which take {memory size}; expected at most {gibibytes mostBytes} GiB (such as 7 controls of 4 levels, or 4 of 20), so fewer controls or fewer levels of each"

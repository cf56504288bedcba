/// Rollout that keeps to limits in its whole horizon: controls stay within bounds, or go straight into them, and move no more
/// often than they still may. The state of the problem is the configuration and the moves that each control has left; of it
/// only what is within reach of the present state is made a table.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.LimitedRollout

open System.Collections.Concurrent
open System.Collections.Generic
open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// A state of the problem.
[<Struct>]
type private Standing =
    {
        /// The number of the configuration.
        State: int
        Left: EquatableArray<int>
    }

/// What a plan is made of, once for a model and a load.
[<NoComparison; NoEquality>]
type private Problem =
    {
        Grid: ControlGrid
        Limits: MoveLimits
        States: SystemState[]
        Model: FiniteModel
        Reward: int -> int -> float
        /// Values no farther apart than this are equal but for the rounding of rewards.
        Tie: float
        Discount: Discount
        Settings: RolloutSettings
        BasePolicy: IPolicy<SystemState, ControlAction>
        Key: RandomKey
        /// What leaves are worth, and the action of the policy that makes it so.
        Known: ConcurrentDictionary<Standing, struct (Extended * ControlAction)>
    }

let private maskAt (problem: Problem) (standing: Standing) =
    MoveLimits.mask problem.Limits standing.Left problem.States[standing.State].Configuration

let private after (problem: Problem) (standing: Standing) (action: ControlAction) =
    if action.IsKeep then
        standing
    else
        {
            State =
                problem.Grid.Move(problem.States[standing.State].Configuration, action)
                |> problem.Grid.IndexOf
            Left = MoveLimits.after standing.Left action
        }

/// What a policy that knows no chance is worth in a state: its path ends in a state that it keeps, or in a round that goes on
/// for ever.
let private worth (problem: Problem) (act: Standing -> ControlAction) (start: Standing) =
    let gamma = problem.Discount.Value
    let seen = Dictionary<Standing, int>()
    let rewards = ResizeArray<float>()
    let mutable here = start

    while not (seen.ContainsKey here) do
        problem.Model.ThrowIfCancelled()
        seen[here] <- rewards.Count
        let next = after problem here (act here)
        rewards.Add(problem.Reward here.State next.State)
        here <- next

    let first = seen[here]

    let mutable value =
        Round.value gamma (rewards.Count - first) (fun i -> rewards[first + i])

    for i in first - 1 .. -1 .. 0 do
        value <- Round.before gamma rewards[i] value

    value

let private basePolicy (problem: Problem) (standing: Standing) =
    let mask = maskAt problem standing

    problem.BasePolicy.Act(problem.States[standing.State], mask, problem.Key.Split standing.State).Within mask

let private hold (problem: Problem) (standing: Standing) =
    (ControlAction.Keep problem.Grid.Controls.Count).Within(maskAt problem standing)

/// The configuration in which staying earns most among those that the moves left lead to; of equal ones the nearest, then the
/// one of the smallest number.
let private best (problem: Problem) (standing: Standing) =
    let configuration = problem.States[standing.State].Configuration
    let ranges = MoveLimits.reach problem.Limits standing.Left configuration
    let mutable best = struct (-infinity, System.Int32.MaxValue, -1)

    let rec visit control distance state =
        if control = ranges.Length then
            let struct (most, nearest, _) = best
            let staying = problem.Reward state state

            if staying > most || (staying = most && distance < nearest) then
                best <- struct (staying, distance, state)
        else
            let struct (lowest, highest) = ranges[control]

            for level in lowest..highest do
                visit
                    (control + 1)
                    (distance + abs (level - configuration.Levels[control]))
                    (state * problem.Grid.Controls[control].Levels + level)

    visit 0 0 0
    let struct (_, _, state) = best
    problem.States[state].Configuration

let private towards (problem: Problem) target (standing: Standing) =
    (Leaves.towards problem.States[standing.State].Configuration target).Within(maskAt problem standing)

/// Of equal values the first policy's.
let private leaf (problem: Problem) (standing: Standing) =
    problem.Known.GetOrAdd(
        standing,
        fun standing ->
            let isLimited =
                standing.Left |> Seq.exists (fun left -> left <> MoveLimits.unlimited)

            let policies =
                [
                    basePolicy problem
                    if isLimited || problem.Settings.Leaves = LeafValues.BetterOf then
                        hold problem
                        towards problem (best problem standing)
                ]

            policies
            |> List.map (fun act -> struct (worth problem act standing, act standing))
            |> List.reduce (fun a b ->
                let struct (first, _) = a
                let struct (second, _) = b

                if (second - first: Extended).High > problem.Tie then
                    b
                else
                    a)
    )

/// The problem on the states within reach of a state, which is the first; what a mask forbids there is no choice.
let private around (problem: Problem) (start: Standing) startMask =
    let numbers = Dictionary<Standing, int>()
    let standings = ResizeArray<Standing>()

    let number standing =
        match numbers.TryGetValue standing with
        | true, known -> known
        | _ ->
            numbers[standing] <- standings.Count
            standings.Add standing
            standings.Count - 1

    let actions = Array.init problem.Grid.ActionCount problem.Grid.ActionAt

    let masked standing =
        if standing = start then
            startMask
        else
            maskAt problem standing

    let choices standing =
        let mask = masked standing

        [|
            for index in 0 .. actions.Length - 1 do
                if actions[index].IsAllowedBy mask then
                    let next = after problem standing actions[index]

                    {
                        Action = index
                        Reward = problem.Reward standing.State next.State
                        Successors =
                            [|
                                {
                                    State = number next
                                    Probability = 1.0
                                }
                            |]
                    }
        |]

    number start |> ignore
    let inside = ResizeArray<Choice[]>()

    for _ in 1 .. problem.Settings.Horizon do
        for standing in inside.Count .. standings.Count - 1 do
            problem.Model.ThrowIfCancelled()
            inside.Add(choices standings[standing])

    // The last ones are leaves: what is chosen there is not looked at.
    let keep = problem.Grid.IndexOf(ControlAction.Keep problem.Grid.Controls.Count)

    let leaves =
        [|
            for standing in inside.Count .. standings.Count - 1 ->
                [|
                    {
                        Action = keep
                        Reward = 0.0
                        Successors = [| { State = standing; Probability = 1.0 } |]
                    }
                |]
        |]

    let model =
        FiniteModel.create (Array.append (inside.ToArray()) leaves)
        |> Result.defaultWith invalidOp

    let known = standings.ToArray() |> Array.map (leaf problem)

    let policy: FinitePolicy =
        known
        |> Array.mapi (fun state (struct (_, action)) ->
            let action = action.Within(masked standings[state])

            FiniteModel.tryChoice model state (problem.Grid.IndexOf action)
            |> ValueOption.defaultValue model.FirstChoice[state])

    struct (model,
            {
                Values =
                    {
                        Highs = known |> Array.map (fun (struct (value, _)) -> value.High)
                        Lows = known |> Array.map (fun (struct (value, _)) -> value.Low)
                    }
                Policy = policy
            })

let private within (problem: Problem) (left: EquatableArray<int>) =
    /// The table around a state, and how its choices compare.
    let compared (state: SystemState) (mask: ActionMask) cancellation =
        let problem =
            { problem with
                Model = FiniteModel.until cancellation problem.Model
            }

        let start: Standing =
            {
                State = problem.Grid.IndexOf state.Configuration
                Left = left
            }

        let mask = ActionMasks.common mask (maskAt problem start)
        let struct (model, leaves) = around problem start mask

        let point: DecisionPoint =
            {
                State = 0
                Mask = mask
                Allows = fun _ -> true
            }

        let model = FiniteModel.until cancellation model

        let values = RelativeValues.within model problem.Settings.Horizon leaves.Values

        let compare =
            match problem.Settings.Scheme with
            | RolloutScheme.Joint -> Comparison.joint problem.Grid problem.Discount problem.Settings.Horizon values
            | RolloutScheme.Multiagent ->
                Comparison.multiagent problem.Grid problem.Discount problem.Settings.Horizon leaves.Policy values

        struct (model, compare model point)

    { new IRollout with
        member _.Decide(state, mask, baseAction, cancellation) =
            let struct (model, comparison) = compared state mask cancellation
            let choice = comparison.Choose()

            {
                Action = problem.Grid.ActionAt model.Actions[choice]
                QFactor = comparison.QFactor choice
                BaseQFactor =
                    FiniteModel.tryChoice model 0 (problem.Grid.IndexOf baseAction)
                    |> ValueOption.map comparison.QFactor
            }

        member _.Alternatives(state, mask, cancellation) =
            let struct (model, comparison) = compared state mask cancellation

            [|
                for choice in 0 .. model.FirstChoice[1] - 1 ->
                    let action = problem.Grid.ActionAt model.Actions[choice]

                    {
                        Action = action
                        Next = problem.Grid.Move(state.Configuration, action)
                        QFactor = comparison.QFactor choice
                    }
            |]
    }

/// Rollout of a base policy under one load for any moves left, as `TableRollout` otherwise. Moves that have been made do not
/// come back in the plan, so it crosses only what it can cross. With a limit of moves the leaves are always better-of, so that
/// no plan is worth less than holding still. A base policy that draws its actions is asked in state i under child i of the key.
/// An error: as of `TableRollout.create`.
let create
    (dynamics: NetworkDynamics)
    (offeredLoads: EquatableArray<RequestRate>)
    (discount: Discount)
    (basePolicy: IPolicy<SystemState, ControlAction>)
    (settings: RolloutSettings)
    (limits: MoveLimits)
    (key: RandomKey)
    (cancellation: CancellationToken)
    : Result<ILimitedRollout, string> =
    if settings.Horizon < 1 then
        Error $"the horizon is {settings.Horizon}; expected at least 1"
    else
        NetworkModel.tabulateUntil cancellation dynamics offeredLoads
        |> Result.map (fun model ->
            let grid = dynamics.Grid

            /// Of the step between two configurations within reach of each other, from any choice that makes it.
            let reward =
                match model.Box with
                | ValueSome box -> fun current next -> box.Reward(current, next)
                | ValueNone -> invalidOp "the model of a grid is a box"

            let problem =
                {
                    Grid = grid
                    Limits = limits
                    States = NetworkModel.states grid offeredLoads
                    Model = model
                    Reward = reward
                    Tie = ExtendedBellman.tie * Sweeping.largestSize model.Rewards
                    Discount = discount
                    Settings = settings
                    BasePolicy = basePolicy
                    Key = key
                    Known = ConcurrentDictionary()
                }

            { new ILimitedRollout with
                member _.Within left = within problem left
            })

namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The action that the rules have left, and those that changed it.
type GuardedAction =
    {
        Action: ControlAction
        Rules: FiredRule list
        /// Whether the base policy acts in place of what was planned.
        IsReplaced: bool
        /// Whether a rule holds the configuration.
        IsHeld: bool
    }

/// An interval, and the action that may go out after it.
type Guarded =
    {
        Planned: Planned
        Checked: GuardedAction
    }

/// The rules of a guard, in their order.
type Rules =
    {
        /// Of those that choose who acts the first that fires decides.
        Choosing: GuardRule list
        /// Of those that keep controls from moving each sees what the one before has left.
        Limiting: GuardRule list
    }

/// Decides which action may go out.
[<RequireQualifiedAccess>]
module Guard =

    let name = "guard"

    let rules (settings: GuardSettings) =
        {
            Choosing =
                [
                    GuardRules.ordered
                    GuardRules.stale settings
                    OutageRule.acts settings
                    GuardRules.missedDeadline
                    GuardRules.poorModel settings
                    GuardRules.fewSamples settings
                ]
            Limiting =
                [
                    GuardRules.settling settings
                    OutageRule.limits
                    GuardRules.bounds settings
                    GuardRules.exploration settings
                    GuardRules.stabilisation settings
                    GuardRules.reversal settings
                    GuardRules.probe settings
                ]
        }

    /// The state of a guard of so many controls.
    let start controls =
        {
            LastAction = ValueNone
            Moves = Array.create controls []
            Turns = Array.create controls { Direction = 0; Cycle = 0 }
            Held = ValueNone
            Probes = ProbeBudget.full
        }

    /// All of the grid, and no rule that ever fires.
    let permissive (grid: ControlGrid) =
        let whole = Exploration.levels grid Exploration.All []

        {
            Bounds = whole
            Explored = whole
            Probes = ProbeBudget.never
            MaximumChanges = Int32.MaxValue
            StabilisationWindow = TimeSpan.Zero
            ReversalCycles = 0
            SettlingTime = TimeSpan.Zero
            MaximumAge = TimeSpan.MaxValue
            MaximumError = infinity
            MinimumSamples = 0
            Outage =
                {
                    Action = OutageAction.Most
                    After = TimeSpan.MaxValue
                }
        }

    /// What is remembered once an action has gone out.
    let commit (settings: GuardSettings) (state: GuardState) cycle (time: DateTimeOffset) (action: ControlAction) =
        let moves = state.Moves |> Array.map (GuardRules.recent settings time)

        if action.IsKeep then
            { state with Moves = moves }
        else
            { state with
                LastAction = ValueSome time
                Moves =
                    moves
                    |> Array.mapi (fun control earlier ->
                        if action.Moves[control] = 0 then
                            earlier
                        else
                            time :: earlier)
                Turns =
                    state.Turns
                    |> Array.mapi (fun control last ->
                        match action.Moves[control] with
                        | 0 -> last
                        | move -> { Direction = move; Cycle = cycle })
            }

    /// The proposal as a rule leaves it.
    let private apply state (proposal: Proposal) (before: GuardedAction) (rule: GuardRule) =
        let standing =
            { proposal with
                Action = before.Action
                IsUnplanned = proposal.IsUnplanned || before.IsReplaced
            }

        match rule.Judge state standing with
        | Verdict.Pass -> before
        | Verdict.Stand fired ->
            { before with
                Rules = before.Rules @ [ fired ]
            }
        | Verdict.Base fired ->
            { before with
                Action = proposal.Fallback
                Rules = before.Rules @ [ fired ]
                IsReplaced = true
            }
        | Verdict.Hold fired ->
            { before with
                Action = ControlAction.Keep proposal.Action.Moves.Count
                Rules = before.Rules @ [ fired ]
                IsHeld = true
            }
        | Verdict.Restrain(action, fired) ->
            { before with
                Action = action
                Rules = before.Rules @ fired
            }

    let rec private choose state proposal before rules =
        match rules with
        | [] -> before
        | rule :: rest ->
            match apply state proposal before rule with
            | { Rules = [] } -> choose state proposal before rest
            | decided -> decided

    let rec private limit state proposal before rules =
        match rules with
        | rule :: rest when not before.Action.IsKeep -> limit state proposal (apply state proposal before rule) rest
        | _ -> before

    /// The action that may go out, and the rules that changed it.
    let check (rules: Rules) state (proposal: Proposal) =
        let proposed =
            {
                Action = proposal.Action
                Rules = []
                IsReplaced = false
                IsHeld = false
            }

        let chosen = choose state proposal proposed rules.Choosing
        limit state proposal chosen rules.Limiting

    // --- The stage

    let private proposal (settings: ControllerSettings) (taken: Taken) (planned: Planned) =
        let estimated = planned.Estimated

        {
            Cycle = taken.Cycle
            Time = taken.Interval.Time
            Age = taken.Age
            IsLate = planned.IsLate
            Error = estimated.Error
            Samples =
                match planned.QFactor, estimated.Model with
                | ValueSome _, Ok model -> ValueSome model.Samples
                | _ -> ValueNone
            Configuration = estimated.Monitored.Metrics.Configuration
            Outage =
                estimated.Monitored.Outage
                |> ValueOption.map (fun outage ->
                    Admissible.inOutage settings outage estimated.Monitored.Metrics.Configuration)
            Action = planned.Action
            IsProbe = planned.Probe.IsSome
            IsUnplanned = settings.Planner <> Planner.BasePolicy && planned.QFactor.IsNone
            Fallback = planned.Fallback
        }

    let private isAdmissible (grid: ControlGrid) configuration (action: ControlAction) =
        let mask = grid.Mask configuration

        action.Moves.Count = mask.Components && action.IsAllowedBy mask

    /// What is remembered of actions, by a clock that has been put back since.
    let private putBack gap (state: GuardState) =
        match gap with
        | ValueSome step when step < TimeSpan.Zero ->
            { state with
                LastAction = state.LastAction |> ValueOption.map (Timeline.moved step)
                Moves = state.Moves |> Array.map (List.map (Timeline.moved step))
            }
        | _ -> state

    let private interval settings rules (state: GuardState) (taken: Taken) (planned: Planned) =
        let state = putBack planned.Estimated.Monitored.Gap state
        let configuration = planned.Estimated.Monitored.Metrics.Configuration

        let checked' =
            match taken.Replayed with
            | ValueSome wentOut ->
                {
                    Action = wentOut.Action
                    Rules = []
                    IsReplaced = false
                    IsHeld = false
                }
            | ValueNone -> check rules state (proposal settings taken planned)

        if
            ValueOption.isNone planned.Estimated.Monitored.Unusable
            && not (isAdmissible settings.Grid configuration checked'.Action)
        then
            invalidOp $"action {checked'.Action.Moves} is masked in {settings.Grid.Describe configuration}"

        let committed =
            commit settings.Guard state taken.Cycle taken.Interval.Time checked'.Action

        struct ((if planned.Probe.IsSome && not checked'.Action.IsKeep then
                     { committed with
                         Probes = ProbeBudget.after settings.Guard.Probes.Share taken.Cycle committed.Probes
                     }
                 else
                     committed),
                {
                    Planned = planned
                    Checked = checked'
                })

    let private event (state: GuardState) event =
        match event with
        | Event.Commanded({ Order = Order.Hold _ } as command) -> { state with Held = ValueSome command }
        | Event.Commanded { Order = Order.Resume } -> { state with Held = ValueNone }
        | _ -> state

    let private codec controls =
        let write (state: GuardState) : GuardStateJson =
            {
                LastAction = StateJson.option StateJson.ticks state.LastAction
                Moves = state.Moves |> Array.map (List.map StateJson.ticks >> Array.ofList)
                Turns = [| for turn in state.Turns -> [| turn.Direction; turn.Cycle |] |]
                Held =
                    state.Held
                    |> StateJson.option (fun held ->
                        {
                            By = held.By
                            Time = StateJson.ticks held.Time
                            Until =
                                match held.Order with
                                | Order.Hold until -> StateJson.option StateJson.ticks until
                                | Order.Resume -> None
                        })
                Probes = ProbeBudgetJson.ofBudget state.Probes
            }

        let read (json: GuardStateJson) =
            if json.Moves.Length <> controls then
                Error $"moves: of {json.Moves.Length} controls; expected {controls}"
            elif not (ProbeBudgetJson.isSound json.Probes) then
                Error $"probes: {json.Probes.Left} left; expected 0 to {ProbeBudget.burst}"
            elif
                json.Turns.Length <> controls
                || json.Turns |> Array.exists (fun turn -> turn.Length <> 2)
            then
                Error $"turns: of {json.Turns.Length} controls; expected a direction and a cycle of each of {controls}"
            else
                Ok
                    {
                        LastAction = StateJson.voption StateJson.time json.LastAction
                        Moves = json.Moves |> Array.map (Array.map StateJson.time >> List.ofArray)
                        Turns = [| for turn in json.Turns -> { Direction = turn[0]; Cycle = turn[1] } |]
                        Held =
                            json.Held
                            |> StateJson.voption (fun held ->
                                {
                                    Order = Order.Hold(StateJson.voption StateJson.time held.Until)
                                    By = held.By
                                    Time = StateJson.time held.Time
                                })
                        Probes = ProbeBudgetJson.toBudget json.Probes
                    }

        StateJson.codec write read

    let stage (settings: ControllerSettings) =
        let controls = settings.Grid.Controls.Count

        { Stage.create name (start controls) (Element.stepWith (interval settings (rules settings.Guard)) event) with
            Codec = ValueSome(codec controls)
        }

namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Network

/// The state as a checkpoint keeps it; times are ticks of UTC.
type GuardStateJson =
    {
        LastAction: int64 option
        Moves: int64[][]
        /// Of each control the direction of its last move and its cycle; 0: it has not moved.
        Turns: int[][]
        Held: HeldJson option
        Probes: ProbeBudgetJson
    }

and HeldJson =
    {
        By: string
        Time: int64
        Until: int64 option
    }

/// The last move of a control.
[<Struct>]
type Turn =
    {
        /// -1 or 1; 0: it has not moved.
        Direction: int
        Cycle: int
    }

/// What the guard remembers of the actions that went out, and of orders.
type GuardState =
    {
        LastAction: DateTimeOffset voption
        /// When each control has moved, newest first, within the stabilisation window.
        Moves: DateTimeOffset list[]
        /// The last move of each control.
        Turns: Turn[]
        /// The standing order to hold the configuration.
        Held: Command voption
        /// What is left for probes.
        Probes: ProbeBudget
    }

/// An action that was planned, and what is known of it.
type Proposal =
    {
        Cycle: int
        /// The end of the interval that was measured.
        Time: DateTimeOffset
        /// How long ago that was; none where there is no clock to tell.
        Age: TimeSpan voption
        /// Whether the action is the base policy's because the planned one came too late.
        IsLate: bool
        /// The model's mean absolute error over mean response time on the last predictions; none while there is none.
        Error: float voption
        /// The samples of the model that was planned with; none where the base policy acts anyway.
        Samples: int voption
        Configuration: Configuration
        /// What an outage leaves of the actions; none where every service answers.
        Outage: OutageLimits voption
        Action: ControlAction
        /// Whether the action is a probe.
        IsProbe: bool
        /// Whether the action is the base policy's for want of a plan.
        IsUnplanned: bool
        /// What goes out where the plan must not.
        Fallback: ControlAction
    }

/// A rule that kept or replaced what was proposed. Recorded with the decision.
type FiredRule =
    {
        /// In camel case, as the journal and metrics name it.
        Rule: string
        /// The control that was kept from moving, of a rule about one.
        Control: int voption
        /// What it went by, by name and unit.
        Measured: struct (string * float) voption
    }

/// What a rule makes of a proposal.
[<RequireQualifiedAccess>]
type Verdict =
    | Pass
    /// What was planned goes out, since it is planned as the rule has it.
    | Stand of FiredRule
    /// The base policy acts.
    | Base of FiredRule
    /// The configuration is held.
    | Hold of FiredRule
    /// Some controls keep their level.
    | Restrain of ControlAction * FiredRule list

/// A rule of the guard: pure.
type GuardRule =
    {
        Name: string
        Judge: GuardState -> Proposal -> Verdict
    }

/// The rules there are.
[<RequireQualifiedAccess>]
module GuardRules =

    let private fired name =
        {
            Rule = name
            Control = ValueNone
            Measured = ValueNone
        }

    let private measured name quantity value =
        { fired name with
            Measured = ValueSome(struct (quantity, value))
        }

    let private rule name judge = { Name = name; Judge = judge }

    /// An operator has ordered to hold the configuration.
    let ordered =
        let name = "ordered"

        rule name (fun state proposal ->
            match state.Held with
            | ValueSome { Order = Order.Hold ValueNone } -> Verdict.Hold(fired name)
            | ValueSome { Order = Order.Hold(ValueSome until) } when proposal.Time < until -> Verdict.Hold(fired name)
            | _ -> Verdict.Pass)

    /// The metrics are too old: the configuration is held.
    let stale (settings: GuardSettings) =
        let name = "stale"

        rule name (fun _ proposal ->
            match proposal.Age with
            | ValueSome age when age > settings.MaximumAge -> Verdict.Hold(measured name "ageSeconds" age.TotalSeconds)
            | _ -> Verdict.Pass)

    /// The plan came too late: the base policy acts.
    let missedDeadline =
        let name = "missedDeadline"

        rule name (fun _ proposal ->
            if proposal.IsLate then
                Verdict.Base(fired name)
            else
                Verdict.Pass)

    /// The model's predictions are too far off: the base policy acts.
    let poorModel (settings: GuardSettings) =
        let name = "poorModel"

        rule name (fun _ proposal ->
            match proposal.Error, proposal.Samples with
            | ValueSome error, ValueSome _ when error > settings.MaximumError ->
                Verdict.Base(measured name "error" error)
            | _ -> Verdict.Pass)

    /// The model knows too little: the base policy acts.
    let fewSamples (settings: GuardSettings) =
        let name = "fewSamples"

        rule name (fun _ proposal ->
            match proposal.Samples with
            | ValueSome samples when samples < settings.MinimumSamples ->
                Verdict.Base(measured name "samples" (float samples))
            | _ -> Verdict.Pass)

    /// The last action may not have taken effect yet: the configuration is held.
    let settling (settings: GuardSettings) =
        let name = "settling"

        rule name (fun state proposal ->
            match state.LastAction with
            | ValueSome last when proposal.Time - last < settings.SettlingTime -> Verdict.Hold(fired name)
            | _ -> Verdict.Pass)

    /// The controls that a condition keeps from moving stay.
    let restrain name isBarred =
        rule name (fun state proposal ->
            let barred =
                [
                    for control in 0 .. proposal.Action.Moves.Count - 1 do
                        if proposal.Action.Moves[control] <> 0 && isBarred state proposal control then
                            control
                ]

            if barred.IsEmpty then
                Verdict.Pass
            else
                let kept =
                    ControlAction(
                        proposal.Action.Moves
                        |> Seq.mapi (fun control move -> if List.contains control barred then 0 else move)
                        |> OnlinePolicyAdaptation.Domain.Mdp.EquatableArray.ToEquatableArray
                    )

                Verdict.Restrain(
                    kept,
                    [
                        for control in barred ->
                            { fired name with
                                Control = ValueSome control
                            }
                    ]
                ))

    /// A control that would leave these levels keeps its own; one outside may move towards them.
    let private within name (levels: struct (int * int)[]) =
        restrain name (fun _ proposal control ->
            let struct (lowest, highest) = levels[control]
            let level = proposal.Configuration.Levels[control]
            let move = proposal.Action.Moves[control]
            let isTowards = (level < lowest && move > 0) || (level > highest && move < 0)
            not isTowards && (level + move < lowest || level + move > highest))

    /// A control keeps within its bounds.
    let bounds (settings: GuardSettings) = within "bounds" settings.Bounds

    /// A control keeps within the levels that may be explored.
    let exploration (settings: GuardSettings) = within "exploration" settings.Explored

    /// The moves of a control that still count.
    let recent (settings: GuardSettings) (time: DateTimeOffset) moves =
        moves |> List.filter (fun move -> time - move < settings.StabilisationWindow)

    /// A control that has moved often enough keeps its level.
    let stabilisation (settings: GuardSettings) =
        restrain "stabilisation" (fun state proposal control ->
            List.length (recent settings proposal.Time state.Moves[control])
            >= settings.MaximumChanges)

    /// Where the base policy acts in place of a plan, a control that has just been moved is not moved back.
    let reversal (settings: GuardSettings) =
        restrain "reversal" (fun state proposal control ->
            let last = state.Turns[control]

            proposal.IsUnplanned
            && last.Direction * proposal.Action.Moves[control] < 0
            && proposal.Cycle - last.Cycle <= settings.ReversalCycles)

    /// A probe is one step of one control, within what is left for probes; else the configuration is held.
    let probe (settings: GuardSettings) =
        let name = "probe"

        rule name (fun state proposal ->
            let isOneStep = proposal.Action.Moves |> Seq.sumBy abs = 1

            if
                proposal.IsProbe
                && not (
                    isOneStep
                    && ProbeBudget.isLeft settings.Probes.Share proposal.Cycle state.Probes
                )
            then
                Verdict.Hold(fired name)
            else
                Verdict.Pass)

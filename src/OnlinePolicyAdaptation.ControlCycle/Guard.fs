namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What an operator allows a controller to do, whatever it has planned.
type GuardSettings =
    {
        /// The lowest and highest level of each control, in the grid's order.
        Bounds: struct (int * int)[]
        /// At most so many moves of a control within `StabilisationWindow`; at least 1.
        MaximumChanges: int
        StabilisationWindow: TimeSpan
        /// No action while the last one may not have taken effect yet.
        SettlingTime: TimeSpan
        /// Metrics older than this are not acted on; where their age is known.
        MaximumAge: TimeSpan
        /// Above this mean absolute error of the predictions, over the mean response time, the base policy acts.
        MaximumError: float
        /// With a model of fewer samples the base policy acts.
        MinimumSamples: int
    }

/// A rule that kept or replaced what was proposed. Recorded with the decision.
[<RequireQualifiedAccess>]
type GuardRule =
    /// The metrics are too old: the configuration is held.
    | Stale of age: TimeSpan
    /// The decision came too late: the base policy acts.
    | MissedDeadline
    /// The model's predictions are too far off: the base policy acts.
    | PoorModel of error: float
    /// The model knows too little: the base policy acts.
    | FewSamples of samples: int
    /// The last action may not have taken effect yet: the configuration is held.
    | Settling
    /// A control would leave its bounds: it keeps its level, or moves towards them if it is outside.
    | Bounds of control: int
    /// A control has moved often enough: it keeps its level.
    | Stabilisation of control: int

/// What the guard remembers.
type GuardState =
    {
        LastAction: DateTimeOffset voption
        /// When each control has moved, newest first, within the stabilisation window.
        Moves: DateTimeOffset list[]
    }

/// What is known of a proposal besides its action.
type GuardContext =
    {
        /// The end of the interval that was measured.
        Time: DateTimeOffset
        /// How long ago that was; none where there is no clock to tell.
        Age: TimeSpan voption
        /// Whether the action is the base policy's because the planned one came too late.
        MissedDeadline: bool
        /// The model's mean absolute error over mean response time on the last predictions; none while there is none.
        Error: float voption
        /// The samples of the model that was planned with; none where the base policy acts anyway.
        Samples: int voption
    }

/// The last word before an action goes out: pure, and each rule that fires is named.
[<RequireQualifiedAccess>]
module Guard =

    let start (settings: GuardSettings) =
        {
            LastAction = ValueNone
            Moves = Array.create settings.Bounds.Length []
        }

    /// All of the grid, and no rule that ever fires.
    let permissive (grid: ControlGrid) =
        {
            Bounds = [| for control in grid.Controls -> struct (0, control.Levels - 1) |]
            MaximumChanges = Int32.MaxValue
            StabilisationWindow = TimeSpan.Zero
            SettlingTime = TimeSpan.Zero
            MaximumAge = TimeSpan.MaxValue
            MaximumError = infinity
            MinimumSamples = 0
        }

    /// Which action is let through in principle: the one proposed, the base policy's, or none.
    let private author settings context (proposed: ControlAction) (baseAction: ControlAction) =
        match context.Age, context.Error, context.Samples with
        | ValueSome age, _, _ when age > settings.MaximumAge ->
            ControlAction.Keep proposed.Moves.Count, [ GuardRule.Stale age ]
        | _ when context.MissedDeadline -> baseAction, [ GuardRule.MissedDeadline ]
        | _, ValueSome error, ValueSome _ when error > settings.MaximumError ->
            baseAction, [ GuardRule.PoorModel error ]
        | _, _, ValueSome samples when samples < settings.MinimumSamples -> baseAction, [ GuardRule.FewSamples samples ]
        | _ -> proposed, []

    let private isSettling settings (state: GuardState) (time: DateTimeOffset) =
        match state.LastAction with
        | ValueSome last -> time - last < settings.SettlingTime
        | ValueNone -> false

    let private recent settings (time: DateTimeOffset) moves =
        moves |> List.filter (fun move -> time - move < settings.StabilisationWindow)

    /// The move of one control as far as its rules allow, and the rule that stopped it.
    let private restrain settings moves (configuration: Configuration) control move =
        let struct (lowest, highest) = settings.Bounds[control]
        let level = configuration.Levels[control]
        let isTowards = (level < lowest && move > 0) || (level > highest && move < 0)

        if move = 0 then
            0, None
        elif not isTowards && (level + move < lowest || level + move > highest) then
            0, Some(GuardRule.Bounds control)
        elif List.length moves >= settings.MaximumChanges then
            0, Some(GuardRule.Stabilisation control)
        else
            move, None

    /// What is remembered once an action has gone out.
    let commit settings (state: GuardState) (time: DateTimeOffset) (action: ControlAction) =
        let moves = state.Moves |> Array.map (recent settings time)

        if action.IsKeep then
            { state with Moves = moves }
        else
            {
                LastAction = ValueSome time
                Moves =
                    moves
                    |> Array.mapi (fun control earlier ->
                        if action.Moves[control] = 0 then
                            earlier
                        else
                            time :: earlier)
            }

    /// The action that may go out, and the rules that changed it.
    let check settings (state: GuardState) context (configuration: Configuration) proposed baseAction =
        let chosen, fallback: ControlAction * GuardRule list =
            author settings context proposed baseAction

        if chosen.IsKeep then
            struct (chosen, fallback)
        elif isSettling settings state context.Time then
            struct (ControlAction.Keep chosen.Moves.Count, fallback @ [ GuardRule.Settling ])
        else
            let restrained =
                Seq.toArray chosen.Moves
                |> Array.mapi (fun control move ->
                    restrain settings (recent settings context.Time state.Moves[control]) configuration control move)

            struct (ControlAction(restrained |> Seq.map fst |> EquatableArray.ToEquatableArray),
                    fallback @ (restrained |> Array.choose snd |> List.ofArray))

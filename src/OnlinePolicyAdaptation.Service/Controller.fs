namespace OnlinePolicyAdaptation.Service

open System
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// All that a controller is told beforehand.
type ControllerOptions =
    {
        Settings: ControllerSettings
        Guard: GuardSettings
        Mode: Mode
    }

/// What a controller carries from one interval to the next.
type ControllerState =
    {
        Cycle: CycleState
        Guard: GuardState
        Errors: PredictionErrors
        /// The end of the last interval that was taken in.
        LastTime: DateTimeOffset voption
        /// The configuration in the last interval.
        InForce: Configuration voption
        /// The end of the last interval before the configuration changed.
        Changed: DateTimeOffset voption
    }

/// An interval that was taken in, up to its decision.
type Noted =
    {
        Interval: Interval
        Metrics: Metrics
        Observed: Result<Observed, CycleError>
    }

/// One interval after the other through the control cycle and the guard: pure.
[<RequireQualifiedAccess>]
module Controller =

    let start (options: ControllerOptions) history key =
        {
            Cycle = Cycle.start options.Settings history key
            Guard = Guard.start options.Guard
            Errors = PredictionErrors.none
            LastTime = ValueNone
            InForce = ValueNone
            Changed = ValueNone
        }

    /// Whether an interval comes after all that were taken in.
    let admit (state: ControllerState) (interval: Interval) =
        match state.LastTime with
        | ValueSome last when interval.Time = last ->
            Error
                {
                    Kind = FaultKind.Duplicate
                    Reason = $"time: {interval.Time:O}; this interval was taken in already"
                }
        | ValueSome last when interval.Time < last ->
            Error
                {
                    Kind = FaultKind.Backwards
                    Reason = $"time: {interval.Time:O}; expected one after {last:O}"
                }
        | _ -> Ok interval

    /// The configuration has changed so recently that the metrics may still show it.
    let private isSettling (options: ControllerOptions) (state: ControllerState) (interval: Interval) =
        match state.Changed with
        | ValueSome changed -> interval.Time - changed < options.Guard.SettlingTime
        | ValueNone -> false

    let private isChanged (state: ControllerState) (interval: Interval) =
        match state.InForce with
        | ValueSome previous -> previous <> interval.Configuration
        | ValueNone -> false

    /// Learns from an interval that was admitted, apart from refitting the model.
    let observe (options: ControllerOptions) (state: ControllerState) (interval: Interval) =
        let metrics =
            Metrics(int64 state.Cycle.Cycle, interval.Configuration, interval.Services)

        let noted =
            { state with
                LastTime = ValueSome interval.Time
                InForce = ValueSome interval.Configuration
                Changed =
                    if isChanged state interval then
                        state.LastTime
                    else
                        state.Changed
            }

        let outcome =
            if isSettling options noted interval then
                Error CycleError.Settling
            else
                Cycle.observe options.Settings noted.Cycle metrics

        match outcome with
        | Ok(cycle, observed) ->
            { noted with
                Cycle = cycle
                Errors = PredictionErrors.add observed.Predicted metrics noted.Errors
            },
            {
                Interval = interval
                Metrics = metrics
                Observed = Ok observed
            }
        | Error error ->
            noted,
            {
                Interval = interval
                Metrics = metrics
                Observed = Error error
            }

    let isRefitDue (options: ControllerOptions) (state: ControllerState) =
        Cycle.isRefitDue options.Settings state.Cycle

    /// Begins a refit: what `refit` makes a model of, and the state that goes on meanwhile.
    let beginRefit (options: ControllerOptions) (state: ControllerState) =
        let struct (snapshot, begun) = Cycle.beginRefit options.Settings state.Cycle
        struct ({ state with Cycle = snapshot }, { state with Cycle = begun })

    let refit (options: ControllerOptions) (state: ControllerState) =
        Cycle.refit options.Settings state.Cycle

    let install fitted (state: ControllerState) =
        { state with
            Cycle = Cycle.install fitted state.Cycle
        }

    /// The state with a new model in place, and that model.
    let refitted (options: ControllerOptions) (state: ControllerState) =
        let struct (cycle, fitted) = Cycle.refitted options.Settings state.Cycle
        struct ({ state with Cycle = cycle }, fitted)

    /// Learns from an interval in lockstep: the model is refitted at once if that is due.
    let learn options state interval =
        let observed, noted = observe options state interval

        if isRefitDue options observed then
            let struct (current, _) = refitted options observed
            current, noted
        else
            observed, noted

    let private author (record: CycleRecord) (rules: GuardRule list) (action: ControlAction) =
        let replaced =
            rules
            |> List.exists (function
                | GuardRule.PoorModel _
                | GuardRule.FewSamples _
                | GuardRule.MissedDeadline -> true
                | _ -> false)

        let held =
            rules
            |> List.exists (function
                | GuardRule.Stale _
                | GuardRule.Settling -> true
                | _ -> false)

        let isUnplanned =
            record.Errors
            |> List.exists (function
                | CycleError.UnusableMetrics _
                | CycleError.Settling -> true
                | _ -> false)

        if isUnplanned || (held && action.IsKeep) then
            Author.Nobody
        elif replaced || ValueOption.isNone record.QFactor then
            Author.BasePolicy
        else
            Author.Rollout

    /// The state once an action has gone out.
    let acted (options: ControllerOptions) (state: ControllerState) time action =
        { state with
            Guard = Guard.commit options.Guard state.Guard time action
        }

    /// The decision after what a cycle has planned; the state takes it for granted that it goes out. `age` is the time since
    /// the end of the interval, where a clock is kept.
    let guard (options: ControllerOptions) (state: ControllerState) time age missedDeadline (record: CycleRecord) =
        let error = PredictionErrors.nmae state.Errors

        let context =
            {
                Time = time
                Age = age
                MissedDeadline = missedDeadline
                Error = error
                Samples = record.Model |> ValueOption.map _.Samples
            }

        let configuration = record.Metrics.Configuration

        let struct (action, rules) =
            Guard.check options.Guard state.Guard context configuration record.Action record.BaseAction

        acted options state time action,
        {
            Time = time
            Mode = options.Mode
            Record = record
            Author = author record rules action
            Action = action
            Target = options.Settings.Grid.Move(configuration, action)
            Rules = rules
            Error = error
        }

    /// What the cycle plans on the model in place, which ends the cycle.
    let plan (options: ControllerOptions) (state: ControllerState) (noted: Noted) =
        let cycle, record =
            match noted.Observed with
            | Ok observed -> Cycle.decide options.Settings state.Cycle observed
            | Error error -> Cycle.hold options.Settings state.Cycle noted.Metrics error

        { state with Cycle = cycle }, record

    /// What the base policy does, where planning takes too long.
    let planByBasePolicy (options: ControllerOptions) (state: ControllerState) (noted: Noted) =
        let asBase =
            { options with
                Settings =
                    { options.Settings with
                        Planner = Planner.BasePolicy
                    }
            }

        plan asBase state noted

    /// A whole interval in lockstep: the decision depends on nothing but the intervals.
    let step options state (interval: Interval) =
        let current, noted = learn options state interval
        let planned, record = plan options current noted
        guard options planned interval.Time ValueNone false record

namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Collections.Immutable
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The state as a checkpoint keeps it; times are ticks of UTC.
type MonitorJson =
    {
        Cycle: int
        Times: int64[]
        InForce: int[] option
        Changed: int64 option
        Doubted: int64 option
        IsFollowed: bool
    }

/// What is remembered of the intervals so far.
type MonitorState =
    {
        /// The number of the next cycle, from 0.
        Cycle: int
        /// The end of the last interval that was taken in.
        LastTime: DateTimeOffset voption
        /// Ends of the last ones, by which one that comes again is known; the oldest first.
        Times: ImmutableQueue<int64>
        /// How many these are.
        Kept: int
        /// The configuration in the last interval.
        InForce: Configuration voption
        /// The end of the last interval before the configuration changed.
        Changed: DateTimeOffset voption
        /// A time too far from the last one to be believed before another interval follows it.
        Doubted: DateTimeOffset voption
        /// Whether the last interval followed another one.
        IsFollowed: bool
    }

/// An interval as the later stages see it.
type Monitored =
    {
        Metrics: Metrics
        /// The configuration in the interval before.
        Previous: Configuration voption
        /// Offered loads in whole load steps, as they are planned for.
        Loads: EquatableArray<RequestRate>
        /// An error: why nothing can be learned from it.
        Sample: Result<Sample, CycleError>
        /// Of the step that led here.
        Reward: float voption
        /// Why nothing can be decided on it.
        Unusable: CycleError voption
        /// From the last interval to this one, where that is more than is usual.
        Gap: TimeSpan voption
    }

/// From what arrives to intervals that are known to be new, plausible and settled.
[<RequireQualifiedAccess>]
module Monitor =

    /// Ends of intervals that are remembered.
    let private memory = 1024

    /// A time that is no further ahead of the clock than this is accepted.
    let private tolerance = TimeSpan.FromMinutes 1.0

    let start =
        {
            Cycle = 0
            LastTime = ValueNone
            Times = ImmutableQueue.Empty
            Kept = 0
            InForce = ValueNone
            Changed = ValueNone
            Doubted = ValueNone
            IsFollowed = false
        }

    // --- Time

    [<RequireQualifiedAccess>]
    type private Verdict =
        | New of gap: TimeSpan voption
        | Known
        | Doubtful of Fault

    let private fault kind reason : Fault = { Kind = kind; Reason = reason }

    /// An interval that is no later than the last: known, where it was taken in or is older than what is remembered.
    let private earlier state (time: DateTimeOffset) (last: DateTimeOffset) =
        if state.Times |> Seq.contains time.UtcTicks || time.UtcTicks < state.Times.Peek() then
            Verdict.Known
        else
            Verdict.Doubtful(fault FaultKind.Backwards $"time: {time:O}; expected one after {last:O}")

    let private followsDoubted (settings: AdmissionSettings) state (time: DateTimeOffset) =
        match state.Doubted with
        | ValueSome doubted -> time > doubted && time - doubted <= settings.MaximumGap
        | ValueNone -> false

    let private judge (settings: AdmissionSettings) state (now: DateTimeOffset voption) (time: DateTimeOffset) =
        match now, state.LastTime with
        | ValueSome now, _ when time - now > tolerance ->
            Verdict.Doubtful(
                fault FaultKind.FromTheFuture $"time: {time:O}; expected at most a minute later than now, {now:O}"
            )
        | _, ValueNone -> Verdict.New ValueNone
        | _, ValueSome last ->
            let step = time - last

            if
                step.Duration() <= settings.MaximumGap
                || (step < TimeSpan.Zero && state.IsFollowed)
            then
                if step > TimeSpan.Zero then
                    Verdict.New ValueNone
                else
                    earlier state time last
            elif followsDoubted settings state time then
                Verdict.New(ValueSome step)
            else
                match now with
                | ValueSome now when now - time <= tolerance && step > TimeSpan.Zero -> Verdict.New(ValueSome step)
                | _ ->
                    Verdict.Doubtful(
                        fault
                            FaultKind.Jump
                            $"time: {time:O}; expected one within {settings.MaximumGap} of the last, {last:O}. If the next interval goes on from here, it is taken"
                    )

    /// The state once an interval that ends then was taken in.
    let private remember (interval: Interval) gap state =
        let times, kept =
            if ValueOption.isSome gap then
                ImmutableQueue.Empty, 0
            elif state.Kept >= memory then
                state.Times.Dequeue(), state.Kept - 1
            else
                state.Times, state.Kept

        let isChanged =
            match state.InForce with
            | ValueSome previous -> previous <> interval.Configuration
            | ValueNone -> false

        { state with
            Cycle = state.Cycle + 1
            LastTime = ValueSome interval.Time
            Times = times.Enqueue interval.Time.UtcTicks
            Kept = kept + 1
            InForce = ValueSome interval.Configuration
            Changed = if isChanged then state.LastTime else state.Changed
            Doubted = ValueNone
            IsFollowed = ValueOption.isSome state.LastTime
        }

    // --- Values

    let private isRate (rate: RequestRate) =
        Double.IsFinite rate.PerSecond && rate.PerSecond >= 0.0

    /// The first reason that a function finds in the services, each with its number from 1.
    let private firstReason (find: int -> ServiceMetrics -> string voption) (services: EquatableArray<ServiceMetrics>) =
        let mutable reason = ValueNone
        let mutable service = 0

        while reason.IsNone && service < services.Count do
            reason <- find (service + 1) services[service]
            service <- service + 1

        reason

    /// What is wrong with the metrics of a service.
    let private unsound number (service: ServiceMetrics) =
        if not (isRate service.OfferedLoad && isRate service.CarriedLoad) then
            ValueSome
                $"service {number}: offered load {service.OfferedLoad.PerSecond}, carried load {service.CarriedLoad.PerSecond}; expected finite req/s, not negative"
        elif not service.MeanResponseTime.HasValue then
            ValueNone
        else
            let seconds = service.MeanResponseTime.Value.Seconds

            if Double.IsFinite seconds && seconds >= 0.0 then
                ValueNone
            else
                ValueSome $"service {number}: response time {seconds}; expected finite seconds, not negative"

    /// Checks metrics against the settings. What passes can be planned with; whether it can be learned from, `sample` says.
    let check (settings: ControllerSettings) (metrics: Metrics) =
        let expected = settings.Reward.Objectives.Count

        if metrics.Services.Count <> expected then
            Error(CycleError.UnusableMetrics $"{metrics.Services.Count} services measured; expected {expected}")
        elif not (settings.Grid.Contains metrics.Configuration) then
            Error(CycleError.UnusableMetrics $"configuration {metrics.Configuration.Levels} is not on the grid")
        else
            match firstReason unsound metrics.Services with
            | ValueSome reason -> Error(CycleError.UnusableMetrics reason)
            | ValueNone -> Ok metrics

    /// A value that no system has: a fault of what has measured it.
    let private implausible (settings: AdmissionSettings) number (service: ServiceMetrics) =
        let load = max service.OfferedLoad.PerSecond service.CarriedLoad.PerSecond

        if load > settings.PlausibleLoad then
            ValueSome $"service {number}: a load of {load} req/s; expected at most {settings.PlausibleLoad}"
        elif
            service.MeanResponseTime.HasValue
            && service.MeanResponseTime.Value.Seconds > settings.PlausibleSeconds
        then
            ValueSome
                $"service {number}: a response time of {service.MeanResponseTime.Value.Seconds} s; expected at most {settings.PlausibleSeconds}"
        else
            ValueNone

    let private offered (metrics: Metrics) =
        let loads = Array.zeroCreate<RequestRate> metrics.Services.Count

        for service in 0 .. loads.Length - 1 do
            loads[service] <- metrics.Services[service].OfferedLoad

        EquatableArray.ToEquatableArray loads

    /// The sample in checked metrics, if every service answered something.
    let sample (metrics: Metrics) =
        let seconds = Array.zeroCreate<ResponseTime> metrics.Services.Count
        let mutable silent = -1

        for service in seconds.Length - 1 .. -1 .. 0 do
            let mean = metrics.Services[service].MeanResponseTime

            if mean.HasValue then
                seconds[service] <- mean.Value
            else
                silent <- service

        if silent >= 0 then
            Error(CycleError.IncompleteMetrics silent)
        else
            Ok
                {
                    Configuration = metrics.Configuration
                    OfferedLoads = offered metrics
                    ResponseTimes = EquatableArray.ToEquatableArray seconds
                }

    let private reward (settings: ControllerSettings) previous (sample: Sample) =
        let from = previous |> ValueOption.defaultValue sample.Configuration

        let seconds =
            Array.init sample.ResponseTimes.Count (fun service -> sample.ResponseTimes[service].Seconds)

        settings.Reward.Reward(from, sample.Configuration, ReadOnlySpan seconds)

    // --- The stage

    let private codec (grid: ControlGrid) =
        let write (state: MonitorState) =
            {
                Cycle = state.Cycle
                Times = Seq.toArray state.Times
                InForce = StateJson.option StateJson.levels state.InForce
                Changed = StateJson.option StateJson.ticks state.Changed
                Doubted = StateJson.option StateJson.ticks state.Doubted
                IsFollowed = state.IsFollowed
            }

        let read (json: MonitorJson) =
            match json.InForce with
            | Some levels when not (grid.Contains(StateJson.configuration levels)) ->
                Error $"inForce: {levels}; expected levels of the controls"
            | _ when json.Cycle < 0 -> Error $"cycle: {json.Cycle}; expected 0 or more"
            | inForce ->
                Ok
                    {
                        Cycle = json.Cycle
                        LastTime = json.Times |> Array.tryLast |> StateJson.voption StateJson.time
                        Times = ImmutableQueue.CreateRange json.Times
                        Kept = json.Times.Length
                        InForce = StateJson.voption StateJson.configuration inForce
                        Changed = StateJson.voption StateJson.time json.Changed
                        Doubted = StateJson.voption StateJson.time json.Doubted
                        IsFollowed = json.IsFollowed
                    }

        StateJson.codec write read

    /// The configuration has changed so recently that the metrics may still show it.
    let private isSettling (settings: GuardSettings) state (interval: Interval) =
        match state.Changed with
        | ValueSome changed -> interval.Time - changed < settings.SettlingTime
        | ValueNone -> false

    let private monitored
        (settings: ControllerSettings)
        (before: MonitorState)
        (state: MonitorState)
        (interval: Interval)
        gap
        =
        let metrics = Metrics(int64 before.Cycle, interval.Configuration, interval.Services)

        let usable =
            if isSettling settings.Guard state interval then
                Error CycleError.Settling
            else
                check settings metrics

        let sample = usable |> Result.bind sample

        {
            Metrics = metrics
            Previous = before.InForce
            Loads = offered metrics |> SampleWindow.quantised settings.Estimation
            Sample = sample
            Reward =
                match sample with
                | Ok sample -> ValueSome(reward settings before.InForce sample)
                | Error _ -> ValueNone
            Unusable =
                match usable with
                | Ok _ -> ValueNone
                | Error error -> ValueSome error
            Gap = gap
        }

    let private takeIn settings state arrival (interval: Interval) age replayed gap =
        let next = remember interval gap state

        struct (next,
                Element.Interval(
                    {
                        Cycle = state.Cycle
                        Interval = interval
                        Arrival = arrival
                        Age = age
                        Replayed = replayed
                    },
                    monitored settings state next interval gap
                ))

    let private arrived (settings: ControllerSettings) state arrival (now: DateTimeOffset voption) interval =
        match firstReason (implausible settings.Admission) interval.Services with
        | ValueSome reason -> struct (state, Element.Event(Event.Rejected(arrival, fault FaultKind.Implausible reason)))
        | ValueNone ->
            match judge settings.Admission state now interval.Time with
            | Verdict.Known -> struct (state, Element.Event(Event.AlreadyKnown arrival))
            | Verdict.Doubtful doubt ->
                let doubted =
                    if doubt.Kind = FaultKind.Jump then
                        ValueSome interval.Time
                    else
                        state.Doubted

                struct ({ state with Doubted = doubted }, Element.Event(Event.Rejected(arrival, doubt)))
            | Verdict.New gap ->
                let age = now |> ValueOption.map (fun now -> now - interval.Time)
                takeIn settings state arrival interval age ValueNone gap

    let private step settings state input =
        match input with
        | Input.Refitted refit -> struct (state, Element.Event(Event.Refitted refit))
        | Input.Commanded command -> struct (state, Element.Event(Event.Commanded command))
        | Input.Replayed(arrival, interval, action) ->
            let gap =
                match state.LastTime with
                | ValueSome last when (interval.Time - last).Duration() > settings.Admission.MaximumGap ->
                    ValueSome(interval.Time - last)
                | _ -> ValueNone

            takeIn settings state arrival interval ValueNone (ValueSome action) gap
        | Input.Arrived(arrival, now) ->
            match arrival.Content with
            | Error fault -> struct (state, Element.Event(Event.Rejected(arrival, fault)))
            | Ok interval -> arrived settings state arrival now interval

    /// What becomes of an input on which this stage has failed.
    let fail (failure: StageFailure) input : Element<Monitored> =
        match input with
        | Input.Refitted refit -> Element.Event(Event.Refitted refit)
        | Input.Commanded command -> Element.Event(Event.Commanded command)
        | Input.Arrived(arrival, _)
        | Input.Replayed(arrival, _, _) ->
            let message = failure.Exception.GetBaseException().Message
            Element.Event(Event.Rejected(arrival, fault FaultKind.Poisonous $"monitoring failed: {message}"))

    let name = "monitor"

    let stage settings =
        { Stage.create name start (step settings) with
            Codec = ValueSome(codec settings.Grid)
        }

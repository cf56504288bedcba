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
        Doubted: int64[]
        Moves: int64[][]
        Requests: RequestHistoryJson[]
    }

/// What is remembered of the intervals so far.
type MonitorState =
    {
        /// The number of the next cycle, from 0.
        Cycle: int
        /// Their times.
        Timeline: Timeline
        /// The configuration in the last interval.
        InForce: Configuration voption
        /// The end of the last interval before the configuration changed.
        Changed: DateTimeOffset voption
        /// When each control has moved, newest first, within the stabilisation window.
        Moves: DateTimeOffset list[]
        /// One entry per service; empty where losses do not count.
        Requests: RequestHistory[]
    }

/// An interval as the later stages see it.
type Monitored =
    {
        Metrics: Metrics
        /// The configuration in the interval before.
        Previous: Configuration voption
        /// Offered loads in whole load steps, as they are planned for.
        Loads: EquatableArray<RequestRate>
        /// How often each control may still move; `MoveLimits.unlimited` where it has no limit.
        MovesLeft: EquatableArray<int>
        /// An error: why nothing can be learned from it.
        Sample: Result<Sample, CycleError>
        /// What became of the requests of each service; empty where losses do not count, and where nothing can be learned.
        Answers: ServiceAnswers[]
        /// The one that has lasted for longest.
        Outage: Outage voption
        /// Of the step that led here.
        Reward: float voption
        /// Why nothing can be decided on it.
        Unusable: CycleError voption
        /// From the last interval to this one, where that is more than is usual; below 0: the clock was put back.
        Gap: TimeSpan voption
    }

/// From what arrives to intervals that are known to be new, plausible and settled.
[<RequireQualifiedAccess>]
module Monitor =

    /// `counted`: the services whose losses count, which are all of them or none.
    let start controls counted =
        {
            Cycle = 0
            Timeline = Timeline.start
            InForce = ValueNone
            Changed = ValueNone
            Moves = Array.create controls []
            Requests = Array.create counted Losses.none
        }

    let private fault kind reason : Fault = { Kind = kind; Reason = reason }

    /// A time of a clock that has been put back since, as it would show it now.
    let private putBack gap time =
        match gap with
        | ValueSome step when step < TimeSpan.Zero -> Timeline.moved step time
        | _ -> time

    /// When each control has moved within the stabilisation window, once an interval came in. An action goes out at the end of
    /// one interval, `last`, and shows in the configuration of the next.
    let private moves settings last (previous: Configuration voption) (interval: Interval) earlier =
        earlier
        |> Array.mapi (fun control earlier ->
            match last, previous with
            | ValueSome last, ValueSome previous when
                previous.Levels[control] <> interval.Configuration.Levels[control]
                ->
                last :: earlier
            | _ -> earlier)
        |> Array.map (GuardRules.recent settings interval.Time)

    /// The state once an interval was taken in.
    let private remember (settings: GuardSettings) now gap (interval: Interval) (state: MonitorState) =
        let isChanged =
            match state.InForce with
            | ValueSome previous -> previous <> interval.Configuration
            | ValueNone -> false

        { state with
            Cycle = state.Cycle + 1
            Timeline = Timeline.after now interval.Time state.Timeline
            InForce = ValueSome interval.Configuration
            Changed =
                (if isChanged then state.Timeline.Last else state.Changed)
                |> ValueOption.map (putBack gap)
            Moves =
                state.Moves
                |> Array.map (List.map (putBack gap))
                |> moves settings (state.Timeline.Last |> ValueOption.map (putBack gap)) state.InForce interval
        }

    let private codec (grid: ControlGrid) counted =
        let write (state: MonitorState) =
            {
                Cycle = state.Cycle
                Times = Seq.toArray state.Timeline.Ends
                InForce = StateJson.option StateJson.levels state.InForce
                Changed = StateJson.option StateJson.ticks state.Changed
                Doubted = [| for time in state.Timeline.Doubted -> StateJson.ticks time |]
                Moves = state.Moves |> Array.map (List.map StateJson.ticks >> Array.ofList)
                Requests = state.Requests |> Array.map RequestHistoryJson.ofHistory
            }

        let read (json: MonitorJson) =
            match json.InForce with
            | Some levels when not (grid.Contains(StateJson.configuration levels)) ->
                Error $"inForce: {levels}; expected levels of the controls"
            | _ when json.Moves.Length <> grid.Controls.Count ->
                Error $"moves: of {json.Moves.Length} controls; expected {grid.Controls.Count}"
            | _ when json.Requests.Length <> counted ->
                Error $"requests: of {json.Requests.Length} services; expected {counted}"
            | _ when not (Array.forall RequestHistoryJson.isSound json.Requests) ->
                Error "requests: expected rows of requests, above 0, of lost ones, and of 1 or 0"
            | _ when json.Cycle < 0 -> Error $"cycle: {json.Cycle}; expected 0 or more"
            | inForce ->
                Ok
                    {
                        Cycle = json.Cycle
                        Timeline =
                            {
                                Last = json.Times |> Array.tryLast |> StateJson.voption StateJson.time
                                Latest =
                                    if json.Times.Length = 0 then
                                        ValueNone
                                    else
                                        ValueSome(StateJson.time (Array.max json.Times))
                                Ends = ImmutableQueue.CreateRange json.Times
                                Kept = json.Times.Length
                                Doubted = [ for ticks in json.Doubted -> StateJson.time ticks ]
                                Clock = ValueNone
                            }
                        InForce = StateJson.voption StateJson.configuration inForce
                        Changed = StateJson.voption StateJson.time json.Changed
                        Moves = json.Moves |> Array.map (Array.map StateJson.time >> List.ofArray)
                        Requests = json.Requests |> Array.map RequestHistoryJson.toHistory
                    }

        StateJson.codec write read

    /// The configuration has changed so recently that the metrics may still show it.
    let private isSettling (settings: GuardSettings) state (interval: Interval) =
        match state.Changed with
        | ValueSome changed -> interval.Time - changed < settings.SettlingTime
        | ValueNone -> false

    /// The histories of requests once an interval was taken in, and what they tell of it.
    let private answers (settings: ControllerSettings) before isSettling (interval: Interval) gap =
        match settings.Losses with
        | ValueNone -> struct (before.Requests, [||])
        | ValueSome losses ->
            let last = before.Timeline.Last
            let isMoved = before.InForce |> ValueOption.exists ((<>) interval.Configuration)
            let length = ServiceLosses.length losses last (ValueOption.isNone gap) interval

            let histories =
                before.Requests
                |> Array.map (fun history ->
                    { history with
                        Silence =
                            history.Silence
                            |> ValueOption.map (fun silence ->
                                { silence with
                                    Since = putBack gap silence.Since
                                })
                    })
                |> ServiceLosses.after losses settings.Grid length (not isSettling) isMoved interval

            struct (histories,
                    ServiceLosses.judge
                        losses
                        settings.Reward
                        settings.Admission.PlausibleSeconds
                        length
                        interval.Time
                        histories)

    let private monitored
        (settings: ControllerSettings)
        (before: MonitorState)
        (state: MonitorState)
        (interval: Interval)
        gap
        =
        let metrics = Metrics(int64 before.Cycle, interval.Configuration, interval.Services)
        let isSettling = isSettling settings.Guard state interval
        let sound = MetricsCheck.check settings metrics

        let struct (histories, answers) =
            match sound with
            | Ok _ -> answers settings before isSettling interval gap
            | Error _ -> struct (before.Requests, [||])

        let usable = if isSettling then Error CycleError.Settling else sound
        let sample = usable |> Result.bind (Samples.learned answers)

        struct ({ state with Requests = histories },
                {
                    Metrics = metrics
                    Previous = before.InForce
                    Loads = Samples.offeredLoads metrics |> SampleWindow.quantised settings.Estimation
                    MovesLeft = Admissible.movesLeft settings.Guard state.Moves
                    Sample = sample
                    Answers = if Result.isOk usable then answers else [||]
                    Outage = Outage.ofAnswers answers
                    Reward =
                        match usable with
                        | Ok _ -> Samples.reward settings before.InForce answers metrics
                        | Error _ -> ValueNone
                    Unusable =
                        match usable with
                        | Ok _ -> ValueNone
                        | Error error -> ValueSome error
                    Gap = gap
                })

    let private takeIn settings state arrival (now: DateTimeOffset voption) (interval: Interval) replayed gap =
        let next = remember settings.Guard now gap interval state
        let struct (next, monitored) = monitored settings state next interval gap

        struct (next,
                Element.Interval(
                    {
                        Cycle = state.Cycle
                        Interval = interval
                        Arrival = arrival
                        Age = now |> ValueOption.map (fun now -> now - interval.Time)
                        Replayed = replayed
                    },
                    monitored
                ))

    let private arrived (settings: ControllerSettings) state arrival (now: DateTimeOffset voption) interval =
        match MetricsCheck.implausible settings.Admission interval with
        | ValueSome reason -> struct (state, Element.Event(Event.Rejected(arrival, fault FaultKind.Implausible reason)))
        | ValueNone ->
            match Timeline.judge settings.Admission state.Timeline now interval.Time with
            | Timing.Known -> struct (state, Element.Event(Event.AlreadyKnown arrival))
            | Timing.Doubtful doubt ->
                let next =
                    if doubt.Kind = FaultKind.Jump then
                        { state with
                            Timeline = Timeline.doubting settings.Admission interval.Time state.Timeline
                        }
                    else
                        state

                struct (next, Element.Event(Event.Rejected(arrival, doubt)))
            | Timing.New gap -> takeIn settings state arrival now interval ValueNone gap

    let private step settings state input =
        match input with
        | Input.Refitted refit -> struct (state, Element.Event(Event.Refitted refit))
        | Input.Commanded command -> struct (state, Element.Event(Event.Commanded command))
        | Input.Replayed(arrival, interval, wentOut) ->
            let gap = Timeline.gap settings.Admission state.Timeline interval.Time
            takeIn settings state arrival ValueNone interval (ValueSome wentOut) gap
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
        let counted =
            match settings.Losses with
            | ValueSome losses -> losses.Objectives.Length
            | ValueNone -> 0

        { Stage.create name (start settings.Grid.Controls.Count counted) (step settings) with
            Codec = ValueSome(codec settings.Grid counted)
        }

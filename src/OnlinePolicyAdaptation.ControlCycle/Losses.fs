namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Network

/// What one interval tells of a service's requests.
[<Struct>]
type RequestCount =
    {
        /// Those that were offered and not refused at the front; above 0.
        Requests: float
        /// Those of them that were lost. Below 0: more were answered than came.
        Lost: float
        /// It was not measured: lost is what was offered and neither refused nor answered.
        IsInferred: bool
    }

/// Since when a service has answered nothing, though it was offered requests.
type Silence =
    {
        /// The beginning of its first interval.
        Since: DateTimeOffset
        /// Requests offered since.
        Requests: float
    }

/// What is remembered of a service's requests.
type RequestHistory =
    {
        /// The last intervals under the configuration in force that are alike, newest first.
        Window: RequestCount list
        /// The last intervals under those before, where the window does not contradict them.
        Earlier: RequestCount list
        Silence: Silence voption
        /// Its last mean response time, in seconds.
        Seconds: float voption
    }

/// What became of a service's requests.
[<RequireQualifiedAccess>]
type Answers =
    /// Nothing says that more was lost than its objective allows.
    | Kept
    /// This share was lost, significantly more than its objective allows.
    | Lost of share: float
    /// Nothing was answered, for so long.
    | Nothing of since: TimeSpan

/// Which share of requests is lost. What is offered and not answered may still be in flight, and counts scatter: a loss is one
/// that neither explains.
///
/// The lost requests of a window are compared with those that the objective p allows. Its noise is the larger of two: that of a
/// Poisson count, p n, and, where losses are inferred, that which the window itself shows, with the noise of one interval's
/// requests for what two counters are apart. Of the requests in flight only those at the end of the window count, by Little's
/// law. The window is adaptive: it is cut where its newer part contradicts the older (A. Bifet, R. Gavalda, Learning from
/// Time-Changing Data with Adaptive Windowing, SDM 2007), and begins anew where the configuration changes. Where requests were
/// lost in the configurations before it takes less to see that they are still lost, so that a region of bad ones is soon left.
[<RequireQualifiedAccess>]
module Losses =

    /// Intervals in a window, at most.
    let private longest = 24

    /// Standard deviations that are significant: once in 4,000 comparisons by chance, were they normal.
    let private significant = 3.5

    /// Standard deviations that are enough where the configurations before are significant together with this one.
    let private suspicious = 1.0

    /// Requests that a healthy service leaves unanswered all together once in a million times, each being answered at its own
    /// time: exp(-14).
    let private unanswered = 14.0

    let none =
        {
            Window = []
            Earlier = []
            Silence = ValueNone
            Seconds = ValueNone
        }

    let private requests (window: RequestCount list) = window |> List.sumBy _.Requests

    let private lost (window: RequestCount list) = window |> List.sumBy _.Lost

    let private isInferred (window: RequestCount list) = window |> List.exists _.IsInferred

    let private share (window: RequestCount list) =
        Math.Clamp(lost window / requests window, 0.0, 1.0)

    let private perInterval (window: RequestCount list) = requests window / float window.Length

    /// Requests in flight at any time, of a service that answers these.
    let private inFlight length seconds (window: RequestCount list) = perInterval window / length * seconds

    /// Whether the newer part of a window lost another share than the older one.
    let private contradict objective (newer: RequestCount list) (older: RequestCount list) =
        let window = newer @ older
        let pooled = Math.Clamp(lost window / requests window, objective, 1.0)
        let count = requests newer

        let variance =
            pooled * (1.0 - pooled) * (count + count * count / requests older)
            + (if isInferred window then perInterval window else 1.0)

        abs (lost newer - share older * count) > significant * sqrt variance

    /// The window from where its newer part contradicts the older one.
    let private alike objective (window: RequestCount list) =
        seq { 1 .. window.Length - 1 }
        |> Seq.map (fun length -> List.splitAt length window)
        |> Seq.tryFind (fun (newer, older) -> contradict objective newer older)
        |> Option.map fst
        |> Option.defaultValue window

    /// The share of a service's requests that the front refuses under a configuration.
    let private blockingRate (grid: ControlGrid) (configuration: Configuration) service =
        let mutable rate = 0.0

        for i in 0 .. grid.Controls.Count - 1 do
            match grid.Controls[i].Target with
            | :? ControlTarget.BlockingRate as blocking when blocking.Service = service ->
                rate <- grid.Controls[i].Value configuration.Levels[i]
            | _ -> ()

        rate

    /// What an interval of so many seconds tells of a service; none where it was offered nothing.
    let count grid configuration service length (measured: ServiceMetrics) =
        let offered = measured.OfferedLoad.PerSecond

        let blocked =
            if measured.BlockedLoad.HasValue then
                measured.BlockedLoad.Value.PerSecond
            else
                offered * blockingRate grid configuration service

        let requests = length * (offered - blocked)

        if not (requests > 0.0) then
            ValueNone
        elif measured.FailedLoad.HasValue then
            ValueSome
                {
                    Requests = requests
                    Lost = length * measured.FailedLoad.Value.PerSecond
                    IsInferred = false
                }
        else
            ValueSome
                {
                    Requests = requests
                    Lost = requests - length * measured.CarriedLoad.PerSecond
                    IsInferred = true
                }

    let private silence beginning answered (counted: RequestCount) (history: RequestHistory) =
        match history.Silence with
        | _ when answered -> ValueNone
        | ValueNone ->
            ValueSome
                {
                    Since = beginning
                    Requests = counted.Requests
                }
        | ValueSome silence ->
            ValueSome
                { silence with
                    Requests = silence.Requests + counted.Requests
                }

    /// The history of a service whose configuration has changed.
    let moved history =
        { history with
            Window = []
            Earlier = List.truncate longest (history.Window @ history.Earlier)
        }

    /// The history of a service after an interval that began then. An interval without requests is no news. One that is not
    /// `isSettled` may show more than one configuration: nothing is counted in it, but whether anything is answered.
    let after objective beginning isSettled (counted: RequestCount voption) (measured: ServiceMetrics) history =
        match counted with
        | ValueNone -> history
        | ValueSome counted ->
            let answered = measured.CarriedLoad.PerSecond > 0.0

            // The first answer ends an outage, whatever was lost in it.
            let before =
                if answered && history.Silence.IsSome then
                    { history with
                        Window = []
                        Earlier = []
                    }
                else
                    history

            let counts = counted :: List.truncate (longest - 1) before.Window

            let window = if isSettled then alike objective counts else before.Window

            let isCut = isSettled && window.Length < counts.Length

            {
                Window = window
                Earlier =
                    if
                        isCut
                        || (not window.IsEmpty
                            && not before.Earlier.IsEmpty
                            && contradict objective window before.Earlier)
                    then
                        []
                    else
                        before.Earlier
                Silence = silence beginning answered counted history
                Seconds =
                    if answered && measured.MeanResponseTime.HasValue then
                        ValueSome measured.MeanResponseTime.Value.Seconds
                    else
                        history.Seconds
            }

    /// The lost requests of the window that the requests in flight do not explain; none where that is not significantly more than
    /// the objective allows, by so many standard deviations. `apart`: intervals' worth of requests that the counters may be apart.
    let private lossBeyond deviations objective length seconds apart (window: RequestCount list) =
        if window.IsEmpty then
            ValueNone
        else
            let count = requests window
            let isInferred = isInferred window
            let flight = if isInferred then inFlight length seconds window else 0.0
            let mean = lost window / count

            let shown =
                if isInferred then
                    apart * perInterval window
                    + (window
                       |> List.sumBy (fun counted -> (counted.Lost - mean * counted.Requests) ** 2.0))
                else
                    0.0

            let noise = sqrt (max (max (objective * count) shown + flight) 1.0)

            if lost window - objective * count > flight + deviations * noise then
                ValueSome(share window)
            else
                ValueNone

    /// What became of a service's requests, as of the end of an interval. `objective`: the share that may be lost; `bound`: of its
    /// response time, in seconds, which stands for one that was never measured; `length`: of an interval, in seconds.
    let judge objective bound length (time: DateTimeOffset) (history: RequestHistory) =
        let seconds = history.Seconds |> ValueOption.defaultValue bound

        let inFlight (silence: Silence) =
            silence.Requests / max length (time - silence.Since).TotalSeconds * seconds

        match history.Silence with
        | ValueSome silence when silence.Requests > unanswered + inFlight silence ->
            Answers.Nothing(time - silence.Since)
        | _ ->
            let lossBeyond deviations apart window =
                lossBeyond deviations objective length seconds apart window

            match lossBeyond significant 1.0 history.Window, lossBeyond suspicious 0.0 history.Window with
            | ValueSome share, _ -> Answers.Lost share
            | ValueNone, ValueSome _ when not history.Earlier.IsEmpty ->
                match lossBeyond significant 1.0 (history.Window @ history.Earlier) with
                | ValueSome share -> Answers.Lost share
                | ValueNone -> Answers.Kept
            | _ -> Answers.Kept

    /// Whether the intervals of the window show that this share, which was lost before, is lost no more.
    let isOver lostShare (history: RequestHistory) =
        match history.Window with
        | [] -> false
        | window ->
            let count = requests window
            let noise = sqrt (max 1.0 (lostShare * (1.0 - lostShare) * count))
            lost window + significant * noise < lostShare * count

    /// A loss counts as missing the bound by as much as the share lost is of the share that may be.
    let private missing objective bound share = bound * (1.0 + share / objective)

    /// The response time that losses count as, in seconds, none where there are none; nothing answered counts as the longest that
    /// is plausible.
    let asSeconds objective bound plausible answers =
        let longest = max (2.0 * bound) (min plausible (1000.0 * max 3.6 bound))

        match answers with
        | Answers.Kept -> ValueNone
        | Answers.Lost share -> ValueSome(min longest (missing objective bound share))
        | Answers.Nothing _ -> ValueSome longest

    /// The response time that stands for losses in the system model, in seconds. Where nothing is answered it is that of losing
    /// everything: it misses the bound by far, and an hour in one cell would rule a forest's means of the cells around it.
    let asModelled objective bound plausible answers =
        match answers with
        | Answers.Nothing _ -> asSeconds objective bound plausible (Answers.Lost 1.0)
        | other -> asSeconds objective bound plausible other

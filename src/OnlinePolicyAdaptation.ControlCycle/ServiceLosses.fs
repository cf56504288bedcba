namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Network

/// What became of a service's requests, and what that is learned as.
type ServiceAnswers =
    {
        Answers: Answers
        /// The response time that its losses count as, in seconds; none where there are none.
        Seconds: float voption
        /// The one that the system model has in its place.
        Modelled: float voption
        /// What it was judged by.
        History: RequestHistory
    }

/// The requests of all services.
[<RequireQualifiedAccess>]
module ServiceLosses =

    /// Seconds of an interval, by what it says, by the time since the last one, or as the settings have it.
    let length (settings: LossSettings) (last: DateTimeOffset voption) isUsual (interval: Interval) =
        if interval.LengthSeconds.HasValue then
            interval.LengthSeconds.Value
        else
            match last with
            | ValueSome last when isUsual && interval.Time > last -> (interval.Time - last).TotalSeconds
            | _ -> settings.IntervalSeconds

    /// The histories after an interval of so many seconds. `isMoved`: its configuration is not that of the last one.
    let after
        (settings: LossSettings)
        grid
        (length: float)
        isSettled
        isMoved
        (interval: Interval)
        (histories: RequestHistory[])
        =
        let beginning = interval.Time - TimeSpan.FromSeconds length

        histories
        |> Array.mapi (fun service history ->
            let measured = interval.Services[service]
            let counted = Losses.count grid interval.Configuration service length measured
            let history = if isMoved then Losses.moved history else history
            Losses.after settings.Objectives[service] beginning isSettled counted measured history)

    /// What became of the requests of each service, as of the end of an interval.
    let judge (settings: LossSettings) (reward: RewardFunction) plausible length time (histories: RequestHistory[]) =
        histories
        |> Array.mapi (fun service history ->
            let objective = settings.Objectives[service]
            let bound = reward.Objectives[service].Bound.Seconds
            let answers = Losses.judge objective bound length time history

            {
                Answers = answers
                Seconds = Losses.asSeconds objective bound plausible answers
                Modelled = Losses.asModelled objective bound plausible answers
                History = history
            })

/// A history as a checkpoint keeps it; times are ticks of UTC.
type RequestHistoryJson =
    {
        /// Requests, lost ones, and whether these are inferred (1) or measured (0).
        Window: float[][]
        Earlier: float[][]
        SilentSince: int64 option
        SilentRequests: float
        Seconds: float option
    }

[<RequireQualifiedAccess>]
module RequestHistoryJson =

    let private rows (window: RequestCount list) =
        [|
            for counted in window -> [| counted.Requests; counted.Lost; (if counted.IsInferred then 1.0 else 0.0) |]
        |]

    let private counts (rows: float[][]) =
        [
            for row in rows ->
                {
                    Requests = row[0]
                    Lost = row[1]
                    IsInferred = row[2] <> 0.0
                }
        ]

    let ofHistory (history: RequestHistory) =
        {
            Window = rows history.Window
            Earlier = rows history.Earlier
            SilentSince =
                history.Silence
                |> StateJson.option (fun silence -> StateJson.ticks silence.Since)
            SilentRequests =
                match history.Silence with
                | ValueSome silence -> silence.Requests
                | ValueNone -> 0.0
            Seconds = ValueOption.toOption history.Seconds
        }

    let private isCount (row: float[]) =
        not (isNull (box row))
        && row.Length = 3
        && row[0] > 0.0
        && Array.forall Double.IsFinite row

    let isSound (json: RequestHistoryJson) =
        not (isNull (box json))
        && [ json.Window; json.Earlier ]
           |> List.forall (fun rows -> not (isNull (box rows)) && Array.forall isCount rows)

    let toHistory (json: RequestHistoryJson) =
        {
            Window = counts json.Window
            Earlier = counts json.Earlier
            Silence =
                json.SilentSince
                |> StateJson.voption (fun since ->
                    {
                        Since = StateJson.time since
                        Requests = json.SilentRequests
                    })
            Seconds = Option.toValueOption json.Seconds
        }

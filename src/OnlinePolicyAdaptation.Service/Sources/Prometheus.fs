namespace OnlinePolicyAdaptation.Service

open System
open System.Globalization
open System.Net.Http
open System.Net.Http.Headers
open System.Text.RegularExpressions
open System.Threading
open System.Threading.Tasks
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Scenarios

/// Intervals measured by a Prometheus server.
[<RequireQualifiedAccess>]
module Prometheus =

    /// An answer holds one sample; this is far more than that needs.
    let private largestAnswer = 1_048_576L

    /// What is asked of a server at one moment.
    type private Question =
        {
            Client: HttpClient
            Settings: PrometheusSettings
            Token: string option
            Time: DateTimeOffset
            /// How long the interval is that ends then.
            Interval: TimeSpan
            /// Cancelled when the time for all answers is over, or the caller stops.
            Limit: CancellationToken
            /// Cancelled when the caller stops.
            Stop: CancellationToken
        }

    let private request question (metric: QueriedMetric) =
        let seconds = decimal (question.Time.ToUnixTimeMilliseconds()) / 1000m
        let time = seconds.ToString CultureInfo.InvariantCulture
        // The server's own would find a series for five minutes after it has vanished. Known from version 2.44 on.
        let lookback = question.Interval.TotalSeconds.ToString CultureInfo.InvariantCulture

        let query =
            $"api/v1/query?query={Uri.EscapeDataString metric.Query}&time={time}&lookback_delta={lookback}"

        let request =
            new HttpRequestMessage(HttpMethod.Get, Uri(question.Settings.Url, query))

        for token in Option.toList question.Token do
            request.Headers.Authorization <- AuthenticationHeaderValue("Bearer", token)

        request

    let private answer question (request: HttpRequestMessage) =
        task {
            use! response =
                question.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, question.Limit)

            do! response.Content.LoadIntoBufferAsync(largestAnswer, question.Limit)
            let! body = response.Content.ReadAsByteArrayAsync question.Limit
            return response.StatusCode, body
        }

    let private askOnce question metric =
        task {
            use request = request question metric
            let server = Http.shown question.Settings.Url

            try
                let! status, body = answer question request
                return PrometheusAnswer.interpret metric status body
            with
            | :? HttpRequestException as e when e.HttpRequestError = HttpRequestError.ConfigurationLimitExceeded ->
                return
                    PrometheusAnswer.unusable
                        FaultKind.Unparsable
                        metric
                        $"more than {largestAnswer} bytes; expected one sample"
            | :? HttpRequestException as e ->
                return PrometheusAnswer.unreachable metric $"{server}: {Http.said e.Message}"
            | :? OperationCanceledException when not question.Stop.IsCancellationRequested ->
                return
                    PrometheusAnswer.unreachable
                        metric
                        $"{server}: no answer within {question.Settings.Timeout.TotalSeconds} s"
        }

    let private isSelector =
        Regex(@"^\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{[^{}]*\})?\s*$", RegexOptions.CultureInvariant)

    /// Of what tells the time, whatever its answer is meant to be: in this century.
    let private isTime seconds = seconds >= 1e9

    /// The sample, if it was measured in the interval. In an answer a sample has the time that was asked for; its own is asked
    /// for as well, where the query is a series by itself. What does not know the answer to that raises no doubt.
    let private ask question metric =
        task {
            let asked = askOnce question metric

            let itsTime =
                if isSelector.IsMatch metric.Query then
                    askOnce
                        question
                        { metric with
                            Query = $"timestamp({metric.Query})"
                        }
                else
                    Task.FromResult(Ok ValueNone)

            match! asked with
            | Ok(ValueSome _) as sample ->
                match! itsTime with
                | Ok(ValueSome seconds) when isTime seconds && PrometheusAnswer.isStale metric seconds ->
                    return PrometheusAnswer.stale metric seconds
                | _ -> return sample
            | other -> return other
        }

    let private queried question name query =
        {
            Name = name
            Query = query
            From = question.Time - question.Interval
        }

    let private noSample question expected =
        $"no sample within the last {question.Interval.TotalSeconds} s, the series is missing or stale; expected {expected}"

    let private level question (control: Control) query =
        task {
            let metric = queried question $"control {control.Name}" query

            match! ask question metric with
            | Error fault -> return Error fault
            | Ok ValueNone ->
                return
                    PrometheusAnswer.unusable
                        FaultKind.BadValue
                        metric
                        (noSample question $"a value of the grid {control}")
            | Ok(ValueSome value) ->
                match Option.ofNullable (control.Level value) with
                | Some level -> return Ok level
                | None ->
                    return
                        PrometheusAnswer.unusable
                            FaultKind.ImpossibleConfiguration
                            metric
                            $"{value}; expected a value of the grid {control}"
        }

    let private quantity question metric unit sample =
        match sample with
        | ValueSome value when Double.IsFinite value && value >= 0.0 -> Ok value
        | ValueSome value ->
            PrometheusAnswer.unusable
                FaultKind.BadValue
                metric
                $"{value}; expected a finite number of {unit}, not negative"
        | ValueNone ->
            PrometheusAnswer.unusable
                FaultKind.BadValue
                metric
                (noSample question $"a finite number of {unit}, not negative")

    let private service question name (queries: PrometheusQueries) =
        let ask what query =
            let metric = queried question $"{what} of {name}" query
            metric, ask question metric

        task {
            let offeredLoad, askedOffered = ask "offered load" queries.OfferedLoad
            let carriedLoad, askedCarried = ask "carried load" queries.CarriedLoad
            let responseTime, askedMean = ask "mean response time" queries.MeanResponseTime
            let! offered = askedOffered
            let! carried = askedCarried
            let! mean = askedMean

            let seconds carried =
                match mean with
                | Ok sample when carried > 0.0 ->
                    quantity question responseTime "seconds" sample
                    |> Result.map (ResponseTime >> Nullable)
                | Ok _ -> Ok(Nullable())
                | Error fault -> Error fault

            return
                match
                    offered |> Result.bind (quantity question offeredLoad "req/s"),
                    carried |> Result.bind (quantity question carriedLoad "req/s")
                with
                | Ok offered, Ok carried ->
                    seconds carried
                    |> Result.map (fun mean -> ServiceMetrics(RequestRate offered, RequestRate carried, mean))
                | Error fault, _
                | _, Error fault -> Error fault
        }

    /// The results of all, or the first fault, in the order of the settings.
    let private all (asked: Task<Result<'a, QueryError>> seq) =
        task {
            let! results = asked |> Array.ofSeq |> Task.WhenAll

            return results |> List.ofArray |> List.sequenceResultM
        }

    let private token (settings: PrometheusSettings) =
        match settings.BearerTokenFile with
        | None -> Ok None
        | Some path -> TokenFile.read path |> Result.map Some

    /// The interval that ended at `time`: all queries are asked at once and evaluated at this moment (to a millisecond). A
    /// response time that is NaN or has no sample means that nothing was served where the carried load is 0, and is a
    /// fault elsewhere. So is a sample from before the interval: the server is asked to find none (`lookback_delta`), and
    /// where the query is a series by itself also for the time of its sample. What a query with a range finds in its range is
    /// its affair. Of several faults the first is reported, controls before services. The token file is read each time; one
    /// that cannot be read is `Unreachable`. Throws only when cancelled.
    let query
        (client: HttpClient)
        (settings: PrometheusSettings)
        (system: SystemDescription)
        (interval: TimeSpan)
        (time: DateTimeOffset)
        (cancellation: CancellationToken)
        : Task<Result<Interval, QueryError>> =
        task {
            match token settings with
            | Error reason -> return Error(QueryError.Unreachable reason)
            | Ok token ->
                use limit = CancellationTokenSource.CreateLinkedTokenSource cancellation
                limit.CancelAfter settings.Timeout

                let question =
                    {
                        Client = client
                        Settings = settings
                        Token = token
                        Time = time
                        Interval = interval
                        Limit = limit.Token
                        Stop = cancellation
                    }

                let askedLevels =
                    Seq.map2 (level question) system.Grid.Controls settings.Controls |> all

                let askedServices =
                    Seq.map2 (service question) system.Topology.Services settings.Services |> all

                let! levels = askedLevels
                let! services = askedServices

                return
                    match levels, services with
                    | Ok levels, Ok services ->
                        Ok(
                            Interval(
                                time.ToUniversalTime(),
                                Configuration(EquatableArray.ToEquatableArray levels),
                                EquatableArray.ToEquatableArray services
                            )
                        )
                    | Error fault, _
                    | _, Error fault -> Error fault
        }

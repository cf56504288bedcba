namespace OnlinePolicyAdaptation.Service

open System
open System.Globalization
open System.Net
open System.Net.Http
open System.Net.Http.Headers
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Scenarios

/// Why Prometheus gave no interval. Each reason names the metric, its query, what was answered and what was expected.
[<RequireQualifiedAccess>]
type QueryError =
    /// It did not answer, or said that it cannot now: asking again later may help.
    | Unreachable of reason: string
    /// It answered, and the answer is no interval: asking for the same again gives the same.
    | Unusable of Fault

/// Intervals measured by a Prometheus server.
[<RequireQualifiedAccess>]
module Prometheus =

    /// What a query is asked for.
    type private Metric = { Name: string; Query: string }

    /// An answer holds one sample; this is far more than that needs.
    let private largestAnswer = 1_048_576L

    let private about metric reason =
        $"{metric.Name}, query '{metric.Query}': {reason}"

    let private unusable kind metric reason =
        Error(
            QueryError.Unusable
                {
                    Kind = kind
                    Reason = about metric reason
                }
        )

    let private unreachable metric reason =
        Error(QueryError.Unreachable(about metric reason))

    // --- Answers

    let private (|Member|_|) (name: string) (element: JsonElement) =
        if element.ValueKind = JsonValueKind.Object then
            match element.TryGetProperty name with
            | true, value -> Some value
            | false, _ -> None
        else
            None

    let private (|Text|_|) (element: JsonElement) =
        try
            if element.ValueKind = JsonValueKind.String then
                element.GetString() |> Option.ofObj
            else
                None
        with :? InvalidOperationException -> // half a surrogate pair
            None

    let private (|Items|_|) (element: JsonElement) =
        if element.ValueKind = JsonValueKind.Array then
            Some(List.ofSeq (element.EnumerateArray()))
        else
            None

    let private number metric (text: string) =
        match text, Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | "NaN", _ -> Ok(ValueSome nan)
        | "+Inf", _ -> Ok(ValueSome infinity)
        | "-Inf", _ -> Ok(ValueSome -infinity)
        | _, (true, value) -> Ok(ValueSome value)
        | _ -> unusable FaultKind.BadValue metric $"'{Http.said text}'; expected a number"

    /// The labels that are not the same in all samples.
    let private differing (samples: JsonElement list) =
        let labels =
            function
            | Member "metric" metric when metric.ValueKind = JsonValueKind.Object ->
                [ for label in metric.EnumerateObject() -> label.Name, label.Value.ToString() ]
            | _ -> []

        samples
        |> List.collect labels
        |> List.countBy id
        |> List.filter (fun (_, count) -> count < samples.Length)
        |> List.map (fst >> fst)
        |> List.distinct

    let private severalSamples metric (samples: JsonElement list) =
        let difference =
            match differing samples with
            | [] -> "their labels are the same"
            | labels -> labels |> String.concat ", " |> Http.said |> sprintf "they differ in %s"

        unusable FaultKind.BadValue metric $"{samples.Length} samples; expected one; {difference}"

    /// The sample of an answer; none for an empty vector.
    let private sample metric (answer: JsonElement) =
        match answer with
        | Member "data" (Member "resultType" (Text "vector") & Member "result" (Items samples)) ->
            match samples with
            | [] -> Ok ValueNone
            | [ Member "value" (Items [ _; Text value ]) ] -> number metric value
            | [ _ ] -> unusable FaultKind.Unparsable metric "a sample without a number; expected one number"
            | _ -> severalSamples metric samples
        | Member "data" (Member "resultType" (Text "scalar") & Member "result" (Items [ _; Text value ])) ->
            number metric value
        | Member "data" (Member "resultType" (Text other)) ->
            unusable
                FaultKind.Unparsable
                metric
                $"a result of type {Http.said other}; expected a scalar or a vector of one sample"
        | _ ->
            unusable
                FaultKind.Unparsable
                metric
                "an answer that is not of the Prometheus API; expected status, data, result"

    let private texts =
        function
        | Items items -> items |> List.map string<JsonElement> |> String.concat "; " |> Http.said
        | other -> Http.said (other.ToString())

    let private isNothing (element: JsonElement) =
        match element with
        | Items [] -> true
        | _ -> element.ValueKind = JsonValueKind.Null

    /// The sample of an answer that the server itself does not doubt.
    let private sound metric (answer: JsonElement) =
        match answer with
        | Member "status" (Text "error") & Member "error" error ->
            unusable FaultKind.Unparsable metric $"status error: {texts error}; expected status success"
        | Member "status" (Text "success") ->
            match answer with
            | Member "warnings" warnings when not (isNothing warnings) ->
                unusable FaultKind.BadValue metric $"warnings: {texts warnings}; expected an answer without"
            | Member "isPartial" partial when partial.ValueKind <> JsonValueKind.False && not (isNothing partial) ->
                unusable FaultKind.BadValue metric "isPartial; expected a whole answer"
            | _ -> sample metric answer
        | Member "status" status ->
            unusable FaultKind.Unparsable metric $"status {texts status}; expected status success"
        | _ ->
            unusable
                FaultKind.Unparsable
                metric
                "an answer that is not of the Prometheus API; expected status, data, result"

    let private parse (body: byte[]) =
        try
            use document = JsonDocument.Parse(ReadOnlyMemory body)
            Some(document.RootElement.Clone())
        with :? JsonException ->
            None

    /// What the server said of an error, or else the status.
    let private complaint (status: HttpStatusCode) body =
        match parse body with
        | Some(Member "error" (Text error)) -> $"HTTP {int status}: {Http.said error}"
        | _ -> $"HTTP {int status}"

    let private interpret metric (status: HttpStatusCode) body =
        if Http.mayPass status then
            unreachable metric (complaint status body)
        elif status <> HttpStatusCode.OK then
            unusable FaultKind.Unparsable metric (complaint status body)
        else
            match parse body with
            | Some answer -> sound metric answer
            | None ->
                unusable FaultKind.Unparsable metric "an answer that is not JSON; expected that of the Prometheus API"

    // --- One query

    /// What is asked of a server at one moment.
    type private Question =
        {
            Client: HttpClient
            Settings: PrometheusSettings
            Token: string option
            Time: DateTimeOffset
            /// Cancelled when the time for all answers is over, or the caller stops.
            Limit: CancellationToken
            /// Cancelled when the caller stops.
            Stop: CancellationToken
        }

    let private request question metric =
        let seconds = decimal (question.Time.ToUnixTimeMilliseconds()) / 1000m
        let time = seconds.ToString CultureInfo.InvariantCulture
        let query = $"api/v1/query?query={Uri.EscapeDataString metric.Query}&time={time}"

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

    let private ask question metric =
        task {
            use request = request question metric
            let server = Http.shown question.Settings.Url

            try
                let! status, body = answer question request
                return interpret metric status body
            with
            | :? HttpRequestException as e when e.HttpRequestError = HttpRequestError.ConfigurationLimitExceeded ->
                return unusable FaultKind.Unparsable metric $"more than {largestAnswer} bytes; expected one sample"
            | :? HttpRequestException as e -> return unreachable metric $"{server}: {Http.said e.Message}"
            | :? OperationCanceledException when not question.Stop.IsCancellationRequested ->
                return unreachable metric $"{server}: no answer within {question.Settings.Timeout.TotalSeconds} s"
        }

    // --- What the samples mean

    let private level question (control: Control) query =
        task {
            let metric =
                {
                    Name = $"control {control.Name}"
                    Query = query
                }

            match! ask question metric with
            | Error fault -> return Error fault
            | Ok ValueNone ->
                return unusable FaultKind.BadValue metric $"no sample; expected a value of the grid {control}"
            | Ok(ValueSome value) ->
                match Option.ofNullable (control.Level value) with
                | Some level -> return Ok level
                | None ->
                    return
                        unusable
                            FaultKind.ImpossibleConfiguration
                            metric
                            $"{value}; expected a value of the grid {control}"
        }

    let private quantity metric unit sample =
        match sample with
        | ValueSome value when Double.IsFinite value && value >= 0.0 -> Ok value
        | ValueSome value ->
            unusable FaultKind.BadValue metric $"{value}; expected a finite number of {unit}, not negative"
        | ValueNone -> unusable FaultKind.BadValue metric $"no sample; expected a finite number of {unit}, not negative"

    let private service question name (queries: PrometheusQueries) =
        let ask what query =
            let metric =
                {
                    Name = $"{what} of {name}"
                    Query = query
                }

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
                    quantity responseTime "seconds" sample |> Result.map (ResponseTime >> Nullable)
                | Ok _ -> Ok(Nullable())
                | Error fault -> Error fault

            return
                match
                    offered |> Result.bind (quantity offeredLoad "req/s"),
                    carried |> Result.bind (quantity carriedLoad "req/s")
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

            return
                Array.foldBack
                    (fun result rest ->
                        match result, rest with
                        | Ok value, Ok values -> Ok(value :: values)
                        | Error fault, _
                        | _, Error fault -> Error fault)
                    results
                    (Ok [])
        }

    let private token (settings: PrometheusSettings) =
        match settings.BearerTokenFile with
        | None -> Ok None
        | Some path -> TokenFile.read path |> Result.map Some

    /// The interval that ended at `time`: all queries are asked at once and evaluated at this moment (to a millisecond). A
    /// response time that is NaN or has no sample means that nothing was served where the carried load is 0, and is a
    /// fault elsewhere. Of several faults the first is told, controls before services. The token file is read each time;
    /// one that cannot be read is `Unreachable`. Throws only when cancelled.
    let query
        (client: HttpClient)
        (settings: PrometheusSettings)
        (vocabulary: Vocabulary)
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
                        Limit = limit.Token
                        Stop = cancellation
                    }

                let askedLevels =
                    Seq.map2 (level question) vocabulary.Grid.Controls settings.Controls |> all

                let askedServices =
                    Seq.map2 (service question) vocabulary.Topology.Services settings.Services
                    |> all

                let! levels = askedLevels
                let! services = askedServices

                return
                    match levels, services with
                    | Ok levels, Ok services ->
                        Ok
                            {
                                Time = time.ToUniversalTime()
                                Configuration = Configuration(EquatableArray.ToEquatableArray levels)
                                Services = EquatableArray.ToEquatableArray services
                            }
                    | Error fault, _
                    | _, Error fault -> Error fault
        }

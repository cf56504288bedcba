namespace OnlinePolicyAdaptation.Service

open System
open System.Globalization
open System.Net
open System.Text.Json
open OnlinePolicyAdaptation.ControlCycle

/// Why Prometheus gave no interval. Each reason names the metric, its query, what was answered and what was expected.
[<RequireQualifiedAccess>]
type QueryError =
    /// It did not answer, or said that it cannot now: asking again later may help.
    | Unreachable of reason: string
    /// It answered, and the answer is no interval: asking for the same again gives the same.
    | Unusable of Fault

/// What a query is asked for.
type internal QueriedMetric =
    {
        Name: string
        Query: string
        /// The beginning of the interval that is asked for: what was measured before is stale.
        From: DateTimeOffset
    }

/// What the answer of a Prometheus server to a query says.
[<RequireQualifiedAccess>]
module internal PrometheusAnswer =

    let private about (metric: QueriedMetric) reason =
        $"{metric.Name}, query '{metric.Query}': {reason}"

    let unusable kind metric reason =
        Error(
            QueryError.Unusable
                {
                    Kind = kind
                    Reason = about metric reason
                }
        )

    let unreachable metric reason =
        Error(QueryError.Unreachable(about metric reason))

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

    /// Whether a time, in seconds since 1970, is before the interval.
    let isStale metric (seconds: float) =
        seconds < float (metric.From.ToUnixTimeMilliseconds()) / 1000.0

    let stale metric (seconds: float) =
        let time =
            if seconds >= 0.0 && seconds < 1e11 then
                DateTimeOffset.UnixEpoch.AddSeconds(seconds).ToString "O"
            else
                $"{seconds} s"

        unusable
            FaultKind.BadValue
            metric
            $"a stale sample, of {time}; expected one of the interval that begins at {metric.From.ToUniversalTime():O}"

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

    /// The sample of an answer over HTTP; none for an empty vector.
    let interpret metric (status: HttpStatusCode) body =
        if Http.mayPass status then
            unreachable metric (complaint status body)
        elif status <> HttpStatusCode.OK then
            unusable FaultKind.Unparsable metric (complaint status body)
        else
            match parse body with
            | Some answer -> sound metric answer
            | None ->
                unusable FaultKind.Unparsable metric "an answer that is not JSON; expected that of the Prometheus API"

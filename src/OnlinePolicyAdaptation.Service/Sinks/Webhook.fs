namespace OnlinePolicyAdaptation.Service

open System
open System.Net.Http
open System.Net.Http.Headers
open System.Text
open System.Threading
open System.Threading.Tasks
open Polly
open Polly.Retry
open Polly.Timeout

/// Where decisions are sent, and how long that is tried.
type WebhookSettings =
    {
        /// http or https.
        Url: Uri
        /// A file with the bearer token that the receiver asks for.
        BearerTokenFile: string option
        /// For one attempt; held within 10 ms and a day.
        AttemptTimeout: TimeSpan
        /// For all attempts at one decision and the pauses between them; held within 10 ms and a day.
        Budget: TimeSpan
        /// The pause after the first attempt; it doubles with each further one, more or less by chance. Above 0.
        FirstPause: TimeSpan
        /// No pause is longer, unless the receiver asks for it; up to a day.
        LongestPause: TimeSpan
    }

/// What became of a decision that was sent.
[<RequireQualifiedAccess>]
type Delivery =
    /// The receiver has it (2xx).
    | Delivered
    /// The time was over before the receiver took it; it may have it, all the same.
    | GaveUp of reason: string
    /// The receiver does not want it, and would not later either.
    | Refused of reason: string
    /// It was no longer wanted before an attempt; an earlier attempt may have reached the receiver, all the same.
    | Withdrawn of reason: string

/// Decisions, posted to where they are acted on.
[<RequireQualifiedAccess>]
module Webhook =

    /// 5 s for an attempt, 30 s for all of them, pauses from 0.2 to 5 s.
    let defaults url =
        {
            Url = url
            BearerTokenFile = None
            AttemptTimeout = TimeSpan.FromSeconds 5.0
            Budget = TimeSpan.FromSeconds 30.0
            FirstPause = TimeSpan.FromSeconds 0.2
            LongestPause = TimeSpan.FromSeconds 5.0
        }

    [<RequireQualifiedAccess>]
    type private Attempt =
        | Accepted
        | Failed of reason: string * retryAfter: TimeSpan voption
        | Refused of reason: string
        | Withdrawn of reason: string

    /// The times that the retry library takes.
    let private within (time: TimeSpan) =
        max (TimeSpan.FromMilliseconds 10.0) (min (TimeSpan.FromDays 1.0) time)

    let private retryAfter (time: TimeProvider) (response: HttpResponseMessage) =
        match response.Headers.RetryAfter with
        | null -> ValueNone
        | header ->
            match ValueOption.ofNullable header.Delta, ValueOption.ofNullable header.Date with
            | ValueSome delta, _ -> ValueSome delta
            | ValueNone, ValueSome date -> ValueSome(date - time.GetUtcNow())
            | ValueNone, ValueNone -> ValueNone

    /// A header has room for printable ASCII; a key with anything else is percent-encoded.
    let private headerValue (key: string) =
        if key |> String.forall (fun c -> c >= ' ' && c <= '~') then
            key
        else
            Uri.EscapeDataString key

    let private request settings (key: string) (decision: string) =
        let request = new HttpRequestMessage(HttpMethod.Post, settings.Url)
        request.Content <- new StringContent(decision, Encoding.UTF8, "application/json")
        request.Headers.Add("Idempotency-Key", headerValue key)

        settings.BearerTokenFile
        |> Option.map TokenFile.read
        |> function
            | None -> Ok request
            | Some(Ok token) ->
                request.Headers.Authorization <- AuthenticationHeaderValue("Bearer", token)
                Ok request
            | Some(Error reason) ->
                request.Dispose()
                Error reason

    let private send
        (client: HttpClient)
        settings
        time
        (request: HttpRequestMessage)
        (cancellation: CancellationToken)
        =
        task {
            use _ = request

            try
                use! response =
                    client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation)

                let reason = $"{Http.shown settings.Url}: HTTP {int response.StatusCode}"

                return
                    if response.IsSuccessStatusCode then
                        Attempt.Accepted
                    elif Http.mayPass response.StatusCode then
                        Attempt.Failed(reason, retryAfter time response)
                    else
                        Attempt.Refused $"{reason}; expected 2xx"
            with
            | :? HttpRequestException as e ->
                return Attempt.Failed($"{Http.shown settings.Url}: {Http.said e.Message}", ValueNone)
            | :? OperationCanceledException when not cancellation.IsCancellationRequested ->
                return Attempt.Failed($"{Http.shown settings.Url}: no answer in time", ValueNone)
        }

    let private attempt client settings time key decision stillWanted cancellation =
        match stillWanted () with
        | Error reason -> Task.FromResult(Attempt.Withdrawn reason)
        | Ok() ->

            match request settings key decision with
            | Error reason -> Task.FromResult(Attempt.Failed(reason, ValueNone))
            | Ok request -> send client settings time request cancellation

    /// Why an attempt has to be repeated.
    let private failure settings (outcome: Outcome<Attempt>) =
        match outcome.Exception with
        | null ->
            match outcome.Result with
            | Attempt.Failed(reason, _) -> ValueSome reason
            | Attempt.Accepted
            | Attempt.Withdrawn _
            | Attempt.Refused _ -> ValueNone
        | :? TimeoutRejectedException ->
            ValueSome $"{Http.shown settings.Url}: no answer within {settings.AttemptTimeout.TotalSeconds} s"
        | _ -> ValueNone

    /// The pause that the receiver asks for, but no longer than the budget; null, Polly's own, where it asks for none or for hardly any.
    let private askedPause settings (outcome: Outcome<Attempt>) =
        match outcome.Exception, outcome.Result with
        | null, Attempt.Failed(_, ValueSome pause) when pause > settings.FirstPause ->
            Nullable(within (min pause settings.Budget))
        | _ -> Nullable()

    let private pipeline settings time (failed: string -> unit) =
        let retry =
            RetryStrategyOptions<Attempt>(
                MaxRetryAttempts = Int32.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = within settings.FirstPause,
                MaxDelay = within settings.LongestPause,
                ShouldHandle = (fun args -> ValueTask<bool>(failure settings args.Outcome |> ValueOption.isSome)),
                DelayGenerator = (fun args -> ValueTask<Nullable<TimeSpan>>(askedPause settings args.Outcome)),
                OnRetry =
                    fun args ->
                        failure settings args.Outcome |> ValueOption.iter failed
                        ValueTask()
            )

        ResiliencePipelineBuilder<Attempt>(TimeProvider = time)
            .AddTimeout(within settings.Budget)
            .AddRetry(retry)
            .AddTimeout(within settings.AttemptTimeout)
            .Build()

    /// Posts a decision (JSON) with the header `Idempotency-Key: key`, by which the receiver knows a repetition. Network
    /// errors, 408, 429, 5xx and a token file that cannot be read are tried again after growing pauses, or after the
    /// pause that the receiver asks for; any other status that is not 2xx is final. `stillWanted` is asked
    /// right before each attempt; its reason ends the delivery. Throws only when cancelled.
    /// The client follows no redirects, which may turn a POST into a GET: `Http.client`.
    let deliver
        (client: HttpClient)
        (settings: WebhookSettings)
        (time: TimeProvider)
        (key: string)
        (decision: string)
        (stillWanted: unit -> Result<unit, string>)
        (cancellation: CancellationToken)
        : Task<Delivery> =
        task {
            let last = ref $"{Http.shown settings.Url}: no answer"
            let pipeline = pipeline settings time (fun reason -> last.Value <- reason)

            try
                let! result =
                    pipeline.ExecuteAsync(
                        (fun cancellation ->
                            ValueTask<Attempt>(attempt client settings time key decision stillWanted cancellation)),
                        cancellation
                    )

                return
                    match result with
                    | Attempt.Accepted -> Delivery.Delivered
                    | Attempt.Refused reason -> Delivery.Refused reason
                    | Attempt.Withdrawn reason -> Delivery.Withdrawn reason
                    | Attempt.Failed(reason, _) -> Delivery.GaveUp reason
            with :? TimeoutRejectedException ->
                return Delivery.GaveUp $"{last.Value}; gave up after {settings.Budget.TotalSeconds} s"
        }

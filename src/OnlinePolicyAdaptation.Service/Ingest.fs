namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.Net.Http.Headers
open System.Security.Cryptography
open System.Text
open System.Text.Json
open System.Text.Json.Serialization
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Http.Features
open Microsoft.AspNetCore.Routing
open OnlinePolicyAdaptation.ControlCycle

/// A posted line that was quarantined.
type PostedFault =
    {
        /// From 1.
        Line: int64
        Reason: string
    }

/// What the poster of metrics is told, as JSON with names in camelCase.
type PostReply =
    {
        Accepted: int64
        AlreadyKnown: int64
        Quarantined: int64
        /// The first 100 quarantined lines.
        Faults: PostedFault list
        /// Where not all lines were read: the first so many have their outcome, and are not to be posted again.
        Taken: int64 option
        /// Why not all lines were read.
        Error: string option
    }

/// Bounds on what is posted.
type PostLimits =
    {
        /// Of one line, in bytes; a longer one is quarantined.
        LongestLine: int
        /// Of all lines of a request, in bytes.
        LargestBody: int64
        /// When to come back after a 429; in whole seconds.
        RetryAfter: TimeSpan
    }

/// `POST /v1/metrics`: intervals as NDJSON, one per line; blank lines are skipped.
[<RequireQualifiedAccess>]
module Ingest =

    /// Lines of 1 MB, bodies of 256 MB, a second.
    let limits =
        {
            LongestLine = 1_048_576
            LargestBody = 268_435_456L
            RetryAfter = TimeSpan.FromSeconds 1.0
        }

    let private toldFaults = 100

    let private jsonOptions =
        JsonSerializerOptions(
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
        )

    let private nothing =
        {
            Accepted = 0L
            AlreadyKnown = 0L
            Quarantined = 0L
            Faults = []
            Taken = None
            Error = None
        }

    let private refusal reason = { nothing with Error = Some reason }

    let private answer (context: HttpContext) status (reply: PostReply) =
        context.Response.StatusCode <- status

        context.Response.WriteAsJsonAsync(
            { reply with
                Faults = List.rev reply.Faults
            },
            jsonOptions,
            context.RequestAborted
        )

    // --- Who may post

    /// Whether two texts are the same, in a time that does not tell how much of them is.
    let private sameSecret (a: string) (b: string) =
        let hash (text: string) =
            SHA256.HashData(Encoding.UTF8.GetBytes text)

        CryptographicOperations.FixedTimeEquals(hash a, hash b)

    let private mayPost (token: string option) (context: HttpContext) =
        match token, AuthenticationHeaderValue.TryParse(string context.Request.Headers.Authorization) with
        | None, _ -> true
        | Some token, (true, NonNull header) when header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ->
            match header.Parameter with
            | null -> false
            | given -> sameSecret token given
        | Some _, _ -> false

    // --- Lines

    /// Faults are in reverse order.
    let private count line reply outcome =
        match outcome with
        | Outcome.Accepted ->
            { reply with
                Accepted = reply.Accepted + 1L
            }
        | Outcome.AlreadyKnown ->
            { reply with
                AlreadyKnown = reply.AlreadyKnown + 1L
            }
        | Outcome.Quarantined reason ->
            { reply with
                Quarantined = reply.Quarantined + 1L
                Faults =
                    if reply.Quarantined < int64 toldFaults then
                        { Line = line; Reason = reason } :: reply.Faults
                    else
                        reply.Faults
            }
        | Outcome.Busy -> reply

    let private isBlank =
        function
        | Line.Text text -> String.IsNullOrWhiteSpace text
        | Line.Unreadable _ -> false

    let private stopped taken error reply =
        { reply with
            Taken = Some taken
            Error = Some error
        }

    /// Offers line after line, each once the one before has its outcome; the status to answer with, and the reply.
    let private offerAll
        (limits: PostLimits)
        (offer: Line -> CancellationToken -> Task<Outcome>)
        (context: HttpContext)
        =
        task {
            let lines = Lines(context.Request.BodyReader, limits.LongestLine)
            let mutable reply = nothing
            let mutable taken = 0L
            let mutable status = ValueNone

            while status.IsNone do
                try
                    match! lines.Next context.RequestAborted with
                    | ValueNone -> status <- ValueSome StatusCodes.Status200OK
                    | ValueSome line when isBlank line -> taken <- taken + 1L
                    | ValueSome line ->
                        match! offer line context.RequestAborted with
                        | Outcome.Busy ->
                            reply <- stopped taken "no room for more now; go on after this many lines" reply
                            status <- ValueSome StatusCodes.Status429TooManyRequests
                        | outcome ->
                            taken <- taken + 1L
                            reply <- count taken reply outcome
                with :? BadHttpRequestException as e ->
                    reply <- stopped taken e.Message reply
                    status <- ValueSome e.StatusCode

            return ValueOption.defaultValue StatusCodes.Status200OK status, reply
        }

    let private receive limits offer (context: HttpContext) =
        task {
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()
            |> Option.ofObj
            |> Option.iter (fun feature -> feature.MaxRequestBodySize <- limits.LargestBody)

            try
                let! status, reply = offerAll limits offer context

                if status = StatusCodes.Status429TooManyRequests then
                    context.Response.Headers.RetryAfter <- string (int limits.RetryAfter.TotalSeconds)

                do! answer context status reply
            with
            | :? OperationCanceledException
            | :? IOException when context.RequestAborted.IsCancellationRequested -> () // nobody is there to be answered
        }

    /// Adds the endpoint. Each line is offered once the one before it has its outcome; when all have theirs, the answer is
    /// 200 and counts them (`PostReply`). 429 with Retry-After: `offer` was busy; 413, 408, 400: the body was too large,
    /// too slow or broken; each says how many lines were taken. 401: there is a token, and it was not given. 403: a
    /// browser sent it on behalf of some page.
    let map
        (limits: PostLimits)
        (token: string option)
        (offer: Line -> CancellationToken -> Task<Outcome>)
        (routes: IEndpointRouteBuilder)
        =
        let handle (context: HttpContext) : Task =
            if not (mayPost token context) then
                context.Response.Headers.WWWAuthenticate <- "Bearer"

                answer
                    context
                    StatusCodes.Status401Unauthorized
                    (refusal "expected the bearer token of this controller")
            elif context.Request.Headers.Origin.Count > 0 then
                answer context StatusCodes.Status403Forbidden (refusal "metrics are not taken from pages in a browser")
            else
                receive limits offer context

        routes.MapPost("/v1/metrics", RequestDelegate handle) |> ignore

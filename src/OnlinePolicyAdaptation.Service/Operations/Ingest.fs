namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.IO.Compression
open System.IO.Pipelines
open System.Net.Http.Headers
open System.Security.Cryptography
open System.Text
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Http.Features
open Microsoft.AspNetCore.Routing
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.ControlCycle

/// A posted line that was quarantined.
type PostedFault =
    {
        /// From 1.
        Line: int64
        Reason: string
    }

/// Neighbouring lines of a post that had the same outcome.
type PostedLines =
    {
        /// From 1.
        First: int64
        Last: int64
        /// `accepted`, `alreadyKnown` or `quarantined`.
        Outcome: string
    }

/// The answer to a post of metrics, as JSON with names in camelCase.
type PostReply =
    {
        Accepted: int64
        AlreadyKnown: int64
        Quarantined: int64
        /// The first 100 quarantined lines.
        Faults: PostedFault list
        /// Where some lines were quarantined and some not: what became of each, until the outcomes have changed 1,000 times.
        Lines: PostedLines list option
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
        /// Of all lines of a request, in bytes, once they are unpacked.
        LargestBody: int64
        /// When to come back after a 429 or a 503; in whole seconds.
        RetryAfter: TimeSpan
    }

/// The intake of posted lines.
type Door =
    {
        Limits: PostLimits
        /// What those who post must have.
        Token: string option
        /// Why nothing is taken in now, none where it is.
        Refusal: unit -> string voption
        /// Takes a line; its outcome.
        Offer: Line -> CancellationToken -> Task<Outcome>
    }

/// Lines that were read, with their outcomes; faults and runs in reverse order.
type private Counted =
    {
        Reply: PostReply
        Runs: PostedLines list
        RunCount: int
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
    let private toldRuns = 1_000

    let private jsonOptions = StrictJson.WritingOptions()

    let private nothing: PostReply =
        {
            Accepted = 0L
            AlreadyKnown = 0L
            Quarantined = 0L
            Faults = []
            Lines = None
            Taken = None
            Error = None
        }

    let private refusal reason : PostReply = { nothing with Error = Some reason }

    let private answer (context: HttpContext) status (reply: PostReply) =
        context.Response.StatusCode <- status

        context.Response.WriteAsJsonAsync(reply, jsonOptions, context.RequestAborted)

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

    let private replied line (reply: PostReply) outcome : PostReply =
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

    let private word =
        function
        | Outcome.Accepted -> "accepted"
        | Outcome.AlreadyKnown -> "alreadyKnown"
        | Outcome.Quarantined _ -> "quarantined"
        | Outcome.Busy -> "busy"

    let private count line (counted: Counted) outcome =
        let counted =
            { counted with
                Reply = replied line counted.Reply outcome
            }

        let word = word outcome

        match counted.Runs with
        | run :: earlier when run.Last = line - 1L && run.Outcome = word ->
            { counted with
                Runs = { run with Last = line } :: earlier
            }
        | _ when counted.RunCount = toldRuns -> counted
        | runs ->
            { counted with
                Runs =
                    {
                        First = line
                        Last = line
                        Outcome = word
                    }
                    :: runs
                RunCount = counted.RunCount + 1
            }

    let private isSplit (reply: PostReply) =
        reply.Quarantined > 0L && reply.Accepted + reply.AlreadyKnown > 0L

    /// The status where all lines have been read.
    let private statusOf (reply: PostReply) =
        if isSplit reply then
            StatusCodes.Status207MultiStatus
        elif reply.Quarantined > 0L then
            StatusCodes.Status422UnprocessableEntity
        else
            StatusCodes.Status200OK

    let private told (counted: Counted) : PostReply =
        { counted.Reply with
            Faults = List.rev counted.Reply.Faults
            Lines =
                if isSplit counted.Reply then
                    Some(List.rev counted.Runs)
                else
                    None
        }

    let private isBlank =
        function
        | Line.Text text -> String.IsNullOrWhiteSpace text
        | Line.Unreadable _ -> false

    let private stopped taken error (counted: Counted) =
        { counted with
            Reply =
                { counted.Reply with
                    Taken = Some taken
                    Error = Some error
                }
        }

    /// Offers line after line, each once the one before has its outcome; the status to answer with, and the reply.
    let private offerAll door (body: PipeReader) (context: HttpContext) =
        task {
            let lines = Lines(body, door.Limits.LongestLine)

            let mutable counted =
                {
                    Reply = nothing
                    Runs = []
                    RunCount = 0
                }

            let mutable taken = 0L
            let mutable status = ValueNone

            let stop code error =
                counted <- stopped taken error counted
                status <- ValueSome code

            while status.IsNone do
                try
                    match! lines.Next context.RequestAborted with
                    | ValueNone -> status <- ValueSome(statusOf counted.Reply)
                    | ValueSome line when isBlank line -> taken <- taken + 1L
                    | ValueSome line ->
                        match door.Refusal() with
                        | ValueSome reason -> stop StatusCodes.Status503ServiceUnavailable reason
                        | ValueNone ->
                            match! door.Offer line context.RequestAborted with
                            | Outcome.Busy ->
                                stop
                                    StatusCodes.Status429TooManyRequests
                                    "no room for more now; go on after this many lines"
                            | outcome ->
                                taken <- taken + 1L
                                counted <- count taken counted outcome
                with
                | :? BadHttpRequestException as e -> stop e.StatusCode e.Message
                | TooMuch most ->
                    stop
                        StatusCodes.Status413PayloadTooLarge
                        $"more than {most} bytes once unpacked; go on after this many lines"
                | :? InvalidDataException as e ->
                    stop StatusCodes.Status400BadRequest $"the body is not gzip: {e.Message}"

            return ValueOption.defaultValue StatusCodes.Status200OK status, told counted
        }

    /// The lines of a body as they are or were packed; none where it is packed in a way that is not known here.
    let private unpacked limits (context: HttpContext) =
        match (string context.Request.Headers.ContentEncoding).Trim().ToLowerInvariant() with
        | ""
        | "identity" -> ValueSome context.Request.BodyReader
        | "gzip"
        | "x-gzip" ->
            let packed = new GZipStream(context.Request.Body, CompressionMode.Decompress)
            ValueSome(PipeReader.Create(new BoundedStream(packed, limits.LargestBody)))
        | _ -> ValueNone

    let private comeBack limits (context: HttpContext) =
        context.Response.Headers.RetryAfter <- string (int limits.RetryAfter.TotalSeconds)

    let private isForLater status =
        status = StatusCodes.Status429TooManyRequests
        || status = StatusCodes.Status503ServiceUnavailable

    let private receive door body (context: HttpContext) =
        task {
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()
            |> Option.ofObj
            |> Option.iter (fun feature -> feature.MaxRequestBodySize <- door.Limits.LargestBody)

            try
                let! status, reply = offerAll door body context

                if isForLater status then
                    comeBack door.Limits context

                do! answer context status reply
            with
            | :? OperationCanceledException
            | :? IOException when context.RequestAborted.IsCancellationRequested -> () // the client has gone
        }

    let private unknownPacking (context: HttpContext) =
        context.Response.Headers.AcceptEncoding <- "gzip"

        answer
            context
            StatusCodes.Status415UnsupportedMediaType
            (refusal $"Content-Encoding: {context.Request.Headers.ContentEncoding}; expected gzip, or none")

    let private closed limits reason (context: HttpContext) =
        comeBack limits context

        answer context StatusCodes.Status503ServiceUnavailable { refusal reason with Taken = Some 0L }

    /// Adds the endpoint. Each line is offered once the one before it has its outcome; when all have theirs, the answer counts
    /// them (`PostReply`): 200, 207 where some were quarantined, 422 where all were. 429 with Retry-After: `Offer` was busy;
    /// 503 with Retry-After: nothing is taken in now; 413, 408, 400: the body was too large, too slow or broken; each says how
    /// many lines were taken. 415: it is packed, and not with gzip. 401: there is a token, and it was not given. 403: a browser
    /// sent it on behalf of some page.
    let map (door: Door) (routes: IEndpointRouteBuilder) =
        let handle (context: HttpContext) : Task =
            if not (mayPost door.Token context) then
                context.Response.Headers.WWWAuthenticate <- "Bearer"

                answer
                    context
                    StatusCodes.Status401Unauthorized
                    (refusal "expected the bearer token of this controller")
            elif context.Request.Headers.Origin.Count > 0 then
                answer context StatusCodes.Status403Forbidden (refusal "metrics are not taken from pages in a browser")
            else
                match unpacked door.Limits context, door.Refusal() with
                | ValueNone, _ -> unknownPacking context
                | ValueSome _, ValueSome reason -> closed door.Limits reason context
                | ValueSome body, ValueNone -> receive door body context

        routes.MapPost("/v1/metrics", RequestDelegate handle) |> ignore

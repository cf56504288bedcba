namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.IO.Compression
open System.IO.Pipelines
open System.Net.Http.Headers
open System.Security.Cryptography
open System.Text
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Http.Features
open Microsoft.AspNetCore.Routing
open OnlinePolicyAdaptation.Domain

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

/// The intake of what is posted.
type Door =
    {
        Limits: PostLimits
        /// What those who post must have.
        Token: string option
        /// Why nothing is taken in now, none where it is.
        Refusal: unit -> string voption
    }

/// Why a body is not read, or not to its end.
type Refused =
    {
        /// Of HTTP.
        Status: int
        Reason: string
    }

/// Why a post has led to nothing, as JSON.
type ErrorReply = { Error: string }

/// What all posts have in common: who may post, how bodies may be packed, when to come back.
[<RequireQualifiedAccess>]
module Door =

    /// Lines of 1 MB, bodies of 256 MB, a second.
    let limits =
        {
            LongestLine = 1_048_576
            LargestBody = 268_435_456L
            RetryAfter = TimeSpan.FromSeconds 1.0
        }

    let private jsonOptions = StrictJson.WritingOptions()

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

    /// A body as it is or was packed; none where it is packed in a way that is not known here.
    let private unpacked limits (context: HttpContext) =
        match (string context.Request.Headers.ContentEncoding).Trim().ToLowerInvariant() with
        | ""
        | "identity" -> ValueSome context.Request.BodyReader
        | "gzip"
        | "x-gzip" ->
            let packed = new GZipStream(context.Request.Body, CompressionMode.Decompress)
            ValueSome(PipeReader.Create(new BoundedStream(packed, limits.LargestBody)))
        | _ -> ValueNone

    let private isForLater status =
        status = StatusCodes.Status429TooManyRequests
        || status = StatusCodes.Status503ServiceUnavailable

    /// What goes wrong while a body is read.
    let (|Broken|_|) (fault: exn) =
        let refused status reason =
            Some { Status = status; Reason = reason }

        match fault with
        | :? BadHttpRequestException as e -> refused e.StatusCode e.Message
        | TooMuch most -> refused StatusCodes.Status413PayloadTooLarge $"more than {most} bytes once unpacked"
        | :? InvalidDataException as e -> refused StatusCodes.Status400BadRequest $"the body is not gzip: {e.Message}"
        | _ -> None

    /// The body of a post, or why it is not read: 401: there is a token, and it was not given; 403: a browser sent it on behalf
    /// of some page; 415: it is packed, and not with gzip; 503: nothing is taken in now.
    let enter (door: Door) (context: HttpContext) : Result<PipeReader, Refused> =
        let refused status reason =
            Error { Status = status; Reason = reason }

        if not (mayPost door.Token context) then
            context.Response.Headers.WWWAuthenticate <- "Bearer"
            refused StatusCodes.Status401Unauthorized "expected the bearer token of this controller"
        elif context.Request.Headers.Origin.Count > 0 then
            refused StatusCodes.Status403Forbidden "metrics are not taken from pages in a browser"
        else
            match unpacked door.Limits context, door.Refusal() with
            | ValueNone, _ ->
                context.Response.Headers.AcceptEncoding <- "gzip"

                refused
                    StatusCodes.Status415UnsupportedMediaType
                    $"Content-Encoding: {context.Request.Headers.ContentEncoding}; expected gzip, or none"
            | ValueSome _, ValueSome reason -> refused StatusCodes.Status503ServiceUnavailable reason
            | ValueSome body, ValueNone ->
                context.Features.Get<IHttpMaxRequestBodySizeFeature>()
                |> Option.ofObj
                |> Option.iter (fun feature -> feature.MaxRequestBodySize <- door.Limits.LargestBody)

                Ok body

    /// Answers with a status and JSON, and says when to come back where that is of use. Who has gone gets no answer.
    let answer (door: Door) (context: HttpContext) (work: unit -> Task<struct (int * 'reply)>) : Task =
        task {
            try
                let! struct (status, reply) = work ()
                context.Response.StatusCode <- status

                if isForLater status then
                    context.Response.Headers.RetryAfter <- string (int door.Limits.RetryAfter.TotalSeconds)

                do! context.Response.WriteAsJsonAsync(reply, jsonOptions, context.RequestAborted)
            with
            | :? OperationCanceledException
            | :? IOException when context.RequestAborted.IsCancellationRequested -> ()
        }

    /// A status, and why a post has led to nothing.
    let refused status reason : struct (int * obj) =
        struct (status, { ErrorReply.Error = reason })

    /// Adds an endpoint for posts of one element each: `work` gives the status and the answer to the body, whatever line ends are
    /// in it. 413, 408, 400: it was too large, too slow or broken; else as `enter` says.
    let mapOne
        (door: Door)
        (path: string)
        (work: Line -> HttpContext -> Task<struct (int * obj)>)
        (routes: IEndpointRouteBuilder)
        =
        let reply (context: HttpContext) () =
            task {
                match enter door context with
                | Error found -> return refused found.Status found.Reason
                | Ok body ->
                    try
                        let! line = Lines(body, door.Limits.LongestLine).Rest context.RequestAborted
                        return! work line context
                    with Broken found ->
                        return refused found.Status found.Reason
            }

        let handle context = answer door context (reply context)
        routes.MapPost(path, RequestDelegate handle) |> ignore

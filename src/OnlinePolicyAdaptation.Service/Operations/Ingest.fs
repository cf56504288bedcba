namespace OnlinePolicyAdaptation.Service

open System
open System.IO.Pipelines
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Routing
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

    let private toldFaults = 100
    let private toldRuns = 1_000

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

    let private refusal (refused: Refused) : PostReply =
        { nothing with
            Error = Some refused.Reason
            Taken =
                if refused.Status = StatusCodes.Status503ServiceUnavailable then
                    Some 0L
                else
                    None
        }

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
    let private offerAll door offer (body: PipeReader) (context: HttpContext) =
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
                            let! (answer: Answer) = offer line context.RequestAborted

                            match answer.Outcome with
                            | Outcome.Busy ->
                                stop
                                    StatusCodes.Status429TooManyRequests
                                    "no room for more now; go on after this many lines"
                            | outcome ->
                                taken <- taken + 1L
                                counted <- count taken counted outcome
                with Door.Broken refused ->
                    stop refused.Status refused.Reason

            return struct (ValueOption.defaultValue StatusCodes.Status200OK status, told counted)
        }

    /// Adds the endpoint. Each line is offered once the one before it has its outcome; when all have theirs, the answer counts
    /// them (`PostReply`): 200, 207 where some were quarantined, 422 where all were. 429 with Retry-After: `offer` was busy;
    /// 503 with Retry-After: nothing is taken in now; 413, 408, 400: the body was too large, too slow or broken; each says how
    /// many lines were taken. Else as `Door.enter` says.
    let map (door: Door) offer (routes: IEndpointRouteBuilder) =
        let reply context () =
            match Door.enter door context with
            | Ok body -> offerAll door offer body context
            | Error refused -> Task.FromResult(struct (refused.Status, refusal refused))

        let handle context =
            Door.answer door context (reply context)

        routes.MapPost("/v1/metrics", RequestDelegate handle) |> ignore

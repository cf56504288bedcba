namespace OnlinePolicyAdaptation.Service

open System.IO.Pipelines
open System.Text.Json
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Routing
open OnlinePolicyAdaptation.ControlCycle

/// Why there is no decision, as JSON.
type NoDecision = { Error: string }

/// `POST /v1/decide`: one interval, answered with the decision on it.
[<RequireQualifiedAccess>]
module Decide =

    let private none status reason : struct (int * obj) =
        struct (status, { NoDecision.Error = reason })

    /// The decision as it goes out, or why there is none.
    let private replyTo (answer: Answer) =
        match answer with
        | { Decision = ValueSome decision } -> struct (StatusCodes.Status200OK, JsonElement.Parse decision.Value :> obj)
        | { Outcome = Outcome.Quarantined reason } -> none StatusCodes.Status422UnprocessableEntity reason
        | { Outcome = Outcome.Busy } -> none StatusCodes.Status429TooManyRequests "no room for more now"
        | {
              Outcome = Outcome.AlreadyKnown | Outcome.Accepted
          } ->
            none
                StatusCodes.Status409Conflict
                "an interval of this time, or of a later one, was decided on before; expected one that ends later"

    let private decide (door: Door) offer (body: PipeReader) (context: HttpContext) =
        task {
            try
                let! interval = Lines(body, door.Limits.LongestLine).Rest context.RequestAborted
                let! (answer: Answer) = offer interval context.RequestAborted
                return replyTo answer
            with Door.Broken refused ->
                return none refused.Status refused.Reason
        }

    /// Adds the endpoint. 200: the decision, as on standard output; also where the same interval is posted again before the next
    /// one. 422: the interval was quarantined; 409: it is known, and its decision not at hand any more; 429 with Retry-After:
    /// there is no room now; 413, 408, 400: the body was too large, too slow or broken. Else as `Door.enter` says.
    let map (door: Door) offer (routes: IEndpointRouteBuilder) =
        let reply context () =
            match Door.enter door context with
            | Ok body -> decide door offer body context
            | Error refused -> Task.FromResult(none refused.Status refused.Reason)

        let handle context =
            Door.answer door context (reply context)

        routes.MapPost("/v1/decide", RequestDelegate handle) |> ignore

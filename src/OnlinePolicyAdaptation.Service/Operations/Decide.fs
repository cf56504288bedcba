namespace OnlinePolicyAdaptation.Service

open System.Text.Json
open Microsoft.AspNetCore.Http
open OnlinePolicyAdaptation.ControlCycle

/// `POST /v1/decide`: one interval, answered with the decision on it.
[<RequireQualifiedAccess>]
module Decide =

    /// The decision as it goes out, or why there is none.
    let private replyTo (answer: Answer) =
        match answer with
        | { Decision = ValueSome decision } -> struct (StatusCodes.Status200OK, JsonElement.Parse decision.Value :> obj)
        | { Outcome = Outcome.Quarantined reason } -> Door.refused StatusCodes.Status422UnprocessableEntity reason
        | { Outcome = Outcome.Busy } -> Door.refused StatusCodes.Status429TooManyRequests "no room for more now"
        | {
              Outcome = Outcome.AlreadyKnown | Outcome.Accepted
          } ->
            Door.refused
                StatusCodes.Status409Conflict
                "an interval of this time, or of a later one, was decided on before; expected one that ends later"

    /// Adds the endpoint. 200: the decision, as on standard output; also where the same interval is posted again before the next
    /// one. 422: the interval was quarantined; 409: it is known, and its decision not at hand any more; 429 with Retry-After:
    /// there is no room now. Else as `Door.mapOne` says.
    let map (door: Door) offer routes =
        let decide interval (context: HttpContext) =
            task {
                let! (answer: Answer) = offer interval context.RequestAborted
                return replyTo answer
            }

        Door.mapOne door "/v1/decide" decide routes

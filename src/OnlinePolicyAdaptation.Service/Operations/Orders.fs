namespace OnlinePolicyAdaptation.Service

open System
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Routing
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.ControlCycle

/// Where operators give orders and look at what the controller does.
type OperatorsDoor =
    {
        Commands: PostedCommands
        Status: Status
        Clock: Clock
        Time: TimeProvider
    }

/// What comes with an order.
type private Asked =
    {
        Until: DateTimeOffset voption
        By: string voption
    }

/// `POST /v1/hold`, `POST /v1/resume` and `GET /v1/status`.
[<RequireQualifiedAccess>]
module Orders =

    let private longestName = 100

    let private text (name: string) (element: JsonElement) =
        if element.ValueKind = JsonValueKind.String then
            Ok(string (element.GetString()))
        else
            Error $"{name}: {Excerpt.Of(element.GetRawText(), 40)}; expected a text"

    let private who (element: JsonElement) =
        text "by" element
        |> Result.bind (fun name ->
            match name.Trim() with
            | name when name <> "" && name.Length <= longestName && not (Seq.exists Char.IsControl name) -> Ok name
            | name -> Error $"by: '{Excerpt.Of(name, 40)}'; expected a name of 1 to {longestName} characters")

    let private until (element: JsonElement) =
        text "until" element
        |> Result.bind (fun given ->
            TimeText.read given
            |> Result.mapError (fun reason -> $"until: '{Excerpt.Of(given, 40)}': {reason}"))

    let private field takesUntil (asked: Asked) (property: JsonProperty) =
        match property.Name with
        | "by" -> who property.Value |> Result.map (fun by -> { asked with By = ValueSome by })
        | "until" when takesUntil ->
            until property.Value
            |> Result.map (fun until -> { asked with Until = ValueSome until })
        | name ->
            let expected = if takesUntil then "until or by" else "by"
            Error $"{Excerpt.Of(name, 40)}: no field of this order; expected {expected}"

    /// What a body asks for; an empty one asks for nothing more than the order.
    let private read takesUntil (line: Line) =
        let nothing = { Until = ValueNone; By = ValueNone }

        match line with
        | Line.Unreadable(_, reason) -> Error reason
        | Line.Text text when String.IsNullOrWhiteSpace text -> Ok nothing
        | Line.Text text ->
            try
                use document = JsonDocument.Parse(text, StrictJson.DocumentOptions)

                match document.RootElement.ValueKind with
                | JsonValueKind.Object ->
                    (Ok nothing, document.RootElement.EnumerateObject())
                    ||> Seq.fold (fun asked property ->
                        asked |> Result.bind (fun asked -> field takesUntil asked property))
                | _ -> Error "the body is no JSON object"
            with :? JsonException as e ->
                Error $"the body is no JSON: {e.Message}"

    let private notOver operators (asked: Asked) =
        match asked.Until, operators.Clock with
        | ValueSome until, Clock.RealTime when until <= operators.Time.GetUtcNow() ->
            Error $"until: {until.UtcDateTime:O} is over; expected a time to come"
        | _ -> Ok asked

    let private command operators (context: HttpContext) order (asked: Asked) : Command =
        let name = asked.By |> ValueOption.defaultValue "an operator"

        {
            Order = order asked.Until
            By = $"{name} ({context.Connection.RemoteIpAddress})"
            Time = operators.Time.GetUtcNow()
        }

    let private give operators (command: Command) (cancellation: CancellationToken) =
        task {
            match operators.Commands.Give command cancellation with
            | ValueNone -> return Door.refused StatusCodes.Status429TooManyRequests "too many orders wait now"
            | ValueSome kept ->
                do! kept
                return struct (StatusCodes.Status200OK, OrderReply.ofCommand command :> obj)
        }

    let private obey operators takesUntil order (line: Line) (context: HttpContext) =
        match read takesUntil line |> Result.bind (notOver operators) with
        | Ok asked -> give operators (command operators context order asked) context.RequestAborted
        | Error reason -> Task.FromResult(Door.refused StatusCodes.Status422UnprocessableEntity reason)

    /// Adds the endpoints. 200: the order is in force and in the journal; 422: it is none, and why; 429 with Retry-After: too many
    /// wait. Else as `Door.mapOne` says.
    let map (door: Door) (operators: OperatorsDoor) (routes: IEndpointRouteBuilder) =
        Door.mapOne door "/v1/hold" (obey operators true Order.Hold) routes
        Door.mapOne door "/v1/resume" (obey operators false (fun _ -> Order.Resume)) routes

        let status context =
            Door.answer door context (fun () -> Task.FromResult(struct (StatusCodes.Status200OK, operators.Status.Now)))

        routes.MapGet("/v1/status", RequestDelegate status) |> ignore

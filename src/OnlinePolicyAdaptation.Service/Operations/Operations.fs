namespace OnlinePolicyAdaptation.Service

open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Routing

/// How operators and their machines look at the controller. Nobody needs a token for it.
[<RequireQualifiedAccess>]
module Operations =

    let private text status (message: string) (context: HttpContext) : Task =
        context.Response.StatusCode <- status
        context.Response.ContentType <- "text/plain; charset=utf-8"
        context.Response.WriteAsync(message + "\n", context.RequestAborted)

    let private ready (readiness: unit -> Readiness) (context: HttpContext) =
        match readiness () with
        | Readiness.Ready -> text StatusCodes.Status200OK "ready" context
        | Readiness.NotReady reason -> text StatusCodes.Status503ServiceUnavailable reason context

    let private metrics (measures: Measures) (context: HttpContext) =
        context.Response.ContentType <- "text/plain; version=0.0.4; charset=utf-8"
        measures.Write(context.Response.Body, context.RequestAborted)

    let private pages = [ "/healthz"; "/readyz"; "/metrics" ]

    /// Whether a request is for one of these pages, which are answered however many others there are.
    let isAskedFor (request: HttpRequest) =
        (HttpMethods.IsGet request.Method || HttpMethods.IsHead request.Method)
        && pages |> List.exists (fun page -> request.Path.Equals(PathString page))

    /// Adds `/healthz` (200: the process answers), `/readyz` (200, or 503 and the reasons) and `/metrics` (for Prometheus).
    /// `readiness` is asked from any thread and answers at once.
    let map (measures: Measures) (readiness: unit -> Readiness) (routes: IEndpointRouteBuilder) =
        let get pattern (handle: HttpContext -> Task) =
            routes.MapMethods(pattern, [ HttpMethods.Get; HttpMethods.Head ], RequestDelegate handle)
            |> ignore

        get "/healthz" (text StatusCodes.Status200OK "alive")
        get "/readyz" (ready readiness)
        get "/metrics" (metrics measures)

namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.Net.Sockets
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Hosting
open Microsoft.Extensions.DependencyInjection
open Microsoft.Extensions.Hosting
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.ControlCycle

/// What is served over HTTP.
type WebHostSettings =
    {
        Address: ListenAddress
        Limits: PostLimits
        /// Takes posted lines and tells their outcome; none where metrics come from elsewhere: `/v1/metrics` is not there
        /// then. Called by several requests at once.
        Offer: (Line -> CancellationToken -> Task<Outcome>) option
        Measures: Measures
        Readiness: unit -> Readiness
        Logs: ILoggerFactory
    }

/// A web server that runs. Disposing it stops it.
[<Sealed>]
type WebHost internal (app: WebApplication, address: Uri) =

    /// Where it listens, with the real port.
    member _.Address = address

    interface IAsyncDisposable with
        /// Requests that are under way have half a second to end, then they are cut off.
        member _.DisposeAsync() =
            ValueTask(
                task {
                    do! app.StopAsync(TimeSpan.FromSeconds 0.5)
                    do! app.DisposeAsync()
                }
            )

[<RequireQualifiedAccess>]
module WebHost =

    let private mostConnections = 256L

    /// Signals are the command's affair; the host's own lifetime would take them away from it.
    let private noSignals =
        { new IHostLifetime with
            member _.WaitForStartAsync _ = Task.CompletedTask
            member _.StopAsync _ = Task.CompletedTask
        }

    let private build settings =
        let builder = WebApplication.CreateEmptyBuilder(WebApplicationOptions())

        builder.WebHost
            .UseKestrelCore()
            .ConfigureKestrel(fun options ->
                options.AddServerHeader <- false
                options.Limits.MaxConcurrentConnections <- mostConnections
                options.Listen settings.Address.EndPoint)
        |> ignore

        builder.Services
            .AddRoutingCore()
            .AddSingleton<IHostLifetime>(noSignals)
            .AddSingleton<ILoggerFactory>(settings.Logs)
        |> ignore

        let app = builder.Build()
        Operations.map settings.Measures settings.Readiness app

        settings.Offer
        |> Option.iter (fun offer -> Ingest.map settings.Limits settings.Address.Token offer app)

        app

    /// Starts to listen; an address that is in use or not of this machine is an error.
    let start settings (cancellation: CancellationToken) : Task<Result<WebHost, string>> =
        task {
            let app = build settings

            try
                do! app.StartAsync cancellation
                return Ok(new WebHost(app, Uri(Seq.head app.Urls)))
            with
            | :? IOException
            | :? SocketException as e ->
                do! app.DisposeAsync()
                return Error $"{settings.Address.EndPoint}: {e.Message}"
        }

namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.IO.Compression
open System.Net
open System.Net.Sockets
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Connections
open Microsoft.AspNetCore.Hosting
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets
open Microsoft.Extensions.DependencyInjection
open Microsoft.Extensions.Hosting
open Microsoft.Extensions.Logging
open Microsoft.Extensions.Options
open OnlinePolicyAdaptation.ControlCycle

/// What is served over HTTP.
type WebHostSettings =
    {
        Address: ListenAddress
        Connections: ConnectionLimits
        Limits: PostLimits
        /// Takes what is posted and gives the answer to it; none where metrics come from elsewhere: `/v1/metrics` and
        /// `/v1/decide` are not there then. Called by several requests at once.
        Offer: (Line -> CancellationToken -> Task<Answer>) option
        Operators: OperatorsDoor
        /// Why no posts are taken now, none where they are; asked before each line, from any thread, and answers at once.
        Refusal: unit -> string voption
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

    /// 256 connections, 64 of one client and 32 more for probes; a minute and a quarter of silence, 10 s for headers.
    let connections =
        {
            Most = 256
            OfOneClient = 64
            ForProbes = 32
            Silence = TimeSpan.FromSeconds 75.0
            Headers = TimeSpan.FromSeconds 10.0
        }

    /// Descriptors that the program itself needs: two for each of some 110 assemblies, files, and connections of its own.
    let private forProgram = 300

    let private retryAfter = "1"

    /// No more than a process may have that can open so many files.
    let internal affordable (files: int option) (limits: ConnectionLimits) =
        match files with
        | None -> limits
        | Some files ->
            let affordable = max 4 (files - forProgram)
            let forProbes = max 1 (min limits.ForProbes (affordable / 4))

            { limits with
                ForProbes = forProbes
                Most = min limits.Most (affordable - forProbes)
            }

    /// Loads what is otherwise loaded with the first request that needs it, when there may be no descriptor left for its file;
    /// what could not be loaded once is never tried again.
    let private warmUp (measures: Measures) =
        task {
            do! measures.Write(Stream.Null, CancellationToken.None)
            use memory = new MemoryStream()

            do
                use packing = new GZipStream(memory, CompressionMode.Compress, leaveOpen = true)
                packing.WriteByte 0uy

            memory.Position <- 0L
            use unpacking = new GZipStream(memory, CompressionMode.Decompress)
            unpacking.CopyTo Stream.Null
        }

    let private clientOf (connection: ConnectionContext) =
        match connection.RemoteEndPoint with
        | :? IPEndPoint as client -> client.Address
        | _ -> IPAddress.None

    let private received (measures: Measures) (visits: Visits) (connection: ConnectionContext) =
        let visit = Visit(clientOf connection, connection.Abort)
        connection.Features.Set<Visit> visit

        visits.Enter visit
        |> ValueOption.iter (fun outgoing ->
            measures.TurnedAway TurnedAway.Idle
            outgoing.Cut())

        connection.ConnectionClosed.Register(fun () -> visits.Leave visit) |> ignore

    /// A listener whose connections are received one by one, so that there are never more than there may be.
    let private receiving measures visits (inner: IConnectionListener) =
        { new IConnectionListener with
            member _.EndPoint = inner.EndPoint

            member _.AcceptAsync cancellation =
                ValueTask<ConnectionContext | null>(
                    task {
                        let! accepted = inner.AcceptAsync cancellation

                        match accepted with
                        | null -> ()
                        | connection -> received measures visits connection

                        return accepted
                    }
                )

            member _.UnbindAsync cancellation = inner.UnbindAsync cancellation
            member _.DisposeAsync() = inner.DisposeAsync()
        }

    let private transport (settings: WebHostSettings) visits =
        let sockets =
            SocketTransportFactory(Options.Create(SocketTransportOptions()), settings.Logs)

        { new IConnectionListenerFactory with
            member _.BindAsync(endPoint, cancellation) =
                ValueTask<IConnectionListener>(
                    task {
                        let! inner = sockets.BindAsync(endPoint, cancellation)
                        return receiving settings.Measures visits inner
                    }
                )
        }

    /// On a connection for which there was no room, the operators' pages alone are served, and one only.
    let private attend (measures: Measures) (visits: Visits) (context: HttpContext) (next: RequestDelegate) : Task =
        task {
            match context.Features.Get<Visit>() with
            | null -> do! next.Invoke context
            | visit ->
                if visit.IsForProbes then
                    context.Response.Headers.Connection <- "close"

                if visit.IsForProbes && not (Operations.isAskedFor context.Request) then
                    measures.TurnedAway TurnedAway.ProbesOnly
                    context.Response.Headers.RetryAfter <- retryAfter
                    context.Response.StatusCode <- StatusCodes.Status503ServiceUnavailable
                else
                    visits.Serve visit

                    try
                        do! next.Invoke context
                    finally
                        visits.Rest visit
        }

    /// Signals are the command's affair; the host's own lifetime would take them away from it.
    let private noSignals =
        { new IHostLifetime with
            member _.WaitForStartAsync _ = Task.CompletedTask
            member _.StopAsync _ = Task.CompletedTask
        }

    let private counted (measures: Measures) offer (line: Line) (cancellation: CancellationToken) =
        task {
            let! (answer: Answer) = offer line cancellation

            if answer.Outcome = Outcome.Busy then
                measures.Offered answer.Outcome

            return answer
        }

    let private build settings =
        let limits = affordable (Descriptors.limit ()) settings.Connections
        let visits = Visits limits
        let builder = WebApplication.CreateEmptyBuilder(WebApplicationOptions())

        builder.WebHost
            .UseKestrelCore()
            .ConfigureKestrel(fun options ->
                options.AddServerHeader <- false
                options.Limits.KeepAliveTimeout <- limits.Silence
                options.Limits.RequestHeadersTimeout <- limits.Headers
                options.Listen settings.Address.EndPoint)
        |> ignore

        builder.Services
            .AddRoutingCore()
            .AddSingleton<IHostLifetime>(noSignals)
            .AddSingleton<ILoggerFactory>(settings.Logs)
            .AddSingleton<IConnectionListenerFactory>(transport settings visits)
        |> ignore

        let app = builder.Build()

        app.Use(fun (context: HttpContext) (next: RequestDelegate) -> attend settings.Measures visits context next)
        |> ignore

        Operations.map settings.Measures settings.Readiness app

        let door =
            {
                Limits = settings.Limits
                Token = settings.Address.Token
                Refusal = settings.Refusal
            }

        Orders.map door settings.Operators app

        settings.Offer
        |> Option.iter (fun offer ->
            let offer = counted settings.Measures offer
            Ingest.map door offer app
            Decide.map door offer app)

        app

    /// Starts to listen; an address that is in use or not of this machine is an error.
    let start settings (cancellation: CancellationToken) : Task<Result<WebHost, string>> =
        task {
            let app = build settings

            do! warmUp settings.Measures

            try
                do! app.StartAsync cancellation
                return Ok(new WebHost(app, Uri(Seq.head app.Urls)))
            with
            | :? IOException
            | :? SocketException as e ->
                do! app.DisposeAsync()
                return Error $"{settings.Address.EndPoint}: {e.Message}"
        }

/// HTTP servers of a test's own, on free loopback ports.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.StubServer

open System
open System.Net
open System.Net.Sockets
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Hosting
open Microsoft.AspNetCore.Http
open Microsoft.Extensions.Hosting

/// A port that nobody listens on.
let freePort () =
    use listener = new TcpListener(IPAddress.Loopback, 0)
    listener.Start()

    match listener.LocalEndpoint with
    | :? IPEndPoint as endpoint -> endpoint.Port
    | other -> invalidOp $"{other} has no port"

/// Runs a test with the address of a server that answers all requests like this.
let run (answer: HttpContext -> Task) (test: Uri -> Task<unit>) : Task<unit> =
    task {
        let builder = WebApplication.CreateEmptyBuilder(WebApplicationOptions())

        builder.WebHost.UseKestrelCore().ConfigureKestrel(fun options -> options.Listen(IPAddress.Loopback, 0))
        |> ignore

        use app = builder.Build()
        app.Run(RequestDelegate answer)
        do! app.StartAsync()

        try
            do! test (Uri(Seq.head app.Urls))
        finally
            app.StopAsync(TimeSpan.FromSeconds 1.0).Wait()
    }

/// Answers with this status and body.
let reply status (body: string) (context: HttpContext) : Task =
    context.Response.StatusCode <- status
    context.Response.WriteAsync body

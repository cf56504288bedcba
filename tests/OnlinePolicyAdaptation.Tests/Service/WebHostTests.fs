module OnlinePolicyAdaptation.Tests.Service.WebHost

open System
open System.Diagnostics
open System.IO
open System.Net.Http
open System.Net.Sockets
open System.Text
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private stop (host: WebHost) : Task<TimeSpan> =
    task {
        let clock = Stopwatch.StartNew()
        do! (host :> IAsyncDisposable).DisposeAsync()
        return clock.Elapsed
    }

/// Runs a test with a server that takes a posted line after this delay, once the line has arrived there.
let private whilePosting (delay: CancellationToken -> Task) (test: WebHost -> Task<HttpResponseMessage> -> Task<unit>) =
    task {
        let arrived = TaskCompletionSource()

        let offer (_: Line) cancellation =
            task {
                arrived.SetResult()
                do! delay cancellation
                return ServedController.answer Outcome.Accepted
            }

        let! (host: WebHost) =
            ServedController.start
                { ServedController.settings () with
                    Offer = Some offer
                }

        use client = Http.client ()
        let! _ = client.GetStringAsync(Uri(host.Address, "healthz"))
        use body = new StringContent "one"
        let posted = client.PostAsync(Uri(host.Address, "v1/metrics"), body)
        do! arrived.Task
        do! test host posted
    }

/// Connections on which this was sent and nothing else is.
let private connect (url: Uri) count (text: string) =
    task {
        let clients = ResizeArray<TcpClient>()

        for _ in 1..count do
            let client = new TcpClient()
            do! client.ConnectAsync(url.Host, url.Port)

            // The server may have closed it by then.
            try
                do! client.GetStream().WriteAsync(ReadOnlyMemory(Encoding.ASCII.GetBytes text))
            with :? IOException ->
                ()

            clients.Add client

        return clients
    }

let private closeAll (clients: TcpClient seq) =
    for client in clients do
        client.Dispose()

let private status (url: Uri) (method: HttpMethod) (path: string) =
    task {
        use client = Http.client ()
        use request = new HttpRequestMessage(method, Uri(url, path))

        if method = HttpMethod.Post then
            request.Content <- new StringContent "one"

        use limit = new CancellationTokenSource(TimeSpan.FromSeconds 5.0)
        use! response = client.SendAsync(request, limit.Token)
        return int response.StatusCode
    }

/// What is written to standard error while loggers of this factory are at work.
let private written (log: ILoggerFactory -> unit) =
    let before = Console.Error
    use writer = new StringWriter()
    Console.SetError(TextWriter.Synchronized writer)

    try
        use logs = Logs.toStandardError ()
        log logs
    finally
        Console.SetError before

    writer.ToString()

[<Tests>]
let tests =
    testList
        "Service.WebHost"
        [
            testTask "an address that is in use is an error" {
                do!
                    ServedController.run (ServedController.settings ()) (fun url ->
                        task {
                            match ListenAddress.create (string url) None with
                            | Error message -> failtest message
                            | Ok address ->
                                let settings =
                                    { ServedController.settings () with
                                        Address = address
                                    }

                                match! WebHost.start settings CancellationToken.None with
                                | Ok _ -> failtest "it listens twice"
                                | Error message ->
                                    Expect.stringContains message $"127.0.0.1:{url.Port}" "where"
                                    Expect.stringContains message "in use" "why"
                        })
            }

            testTask "an address of another machine is an error" {
                let settings =
                    ServedController.settings ()
                    |> ServedController.withTokenAt "http://192.0.2.1:0" "secret" // of a net that no machine is in

                match! WebHost.start settings CancellationToken.None with
                | Ok _ -> failtest "it listens there"
                | Error message -> Expect.stringContains message "192.0.2.1" "where"
            }

            testTask "it stops in time, with a request under way and a connection kept open" {
                let hangs (cancellation: CancellationToken) =
                    Task.Delay(Timeout.Infinite, cancellation)

                do!
                    whilePosting hangs (fun host posted ->
                        task {
                            let! elapsed = stop host
                            Expect.isLessThan elapsed.TotalSeconds 1.8 "seconds"
                            let! _ = Task.WhenAny posted
                            Expect.isTrue posted.IsFaulted "the request was cut off"
                        })
            }

            testTask "a request that can end in time does" {
                do!
                    whilePosting (fun _ -> Task.Delay 20) (fun host posted ->
                        task {
                            let! _ = stop host
                            let! response = posted
                            Expect.isTrue response.IsSuccessStatusCode "answered"
                        })
            }

            for text in [ ""; "GET /healthz HTTP/1.1\r\nHost: x\r\n" ] do
                testTask $"hundreds of connections of one client that say {text.Length} bytes keep nobody out" {
                    let settings =
                        { ServedController.settings () with
                            Offer = Some(fun _ _ -> Task.FromResult(ServedController.answer Outcome.Accepted))
                        }

                    do!
                        ServedController.run settings (fun url ->
                            task {
                                let! idle = connect url 300 text

                                for method, path in
                                    [
                                        HttpMethod.Get, "healthz"
                                        HttpMethod.Head, "readyz"
                                        HttpMethod.Get, "metrics"
                                        HttpMethod.Post, "v1/metrics"
                                    ] do
                                    let! status = status url method path
                                    Expect.equal status 200 $"{method} {path}"

                                closeAll idle
                            })
                }

            testTask "while a client's posts take all of its room, probes are answered, further posts turned away" {
                let settings =
                    { ServedController.settings () with
                        Offer =
                            Some(fun _ cancellation ->
                                task {
                                    do! Task.Delay(Timeout.Infinite, cancellation)
                                    return ServedController.answer Outcome.Accepted
                                })
                    }

                do!
                    ServedController.run settings (fun url ->
                        task {
                            let post = "POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\none\n"
                            let! posts = connect url WebHost.connections.OfOneClient post
                            do! Task.Delay 500

                            for method, path in
                                [
                                    HttpMethod.Get, "healthz"
                                    HttpMethod.Head, "readyz"
                                    HttpMethod.Get, "metrics"
                                ] do
                                let! status = status url method path
                                Expect.equal status 200 $"{method} {path}"

                            let! turnedAway = status url HttpMethod.Post "v1/metrics"
                            Expect.equal turnedAway 503 "one more post"
                            // Probes find room even where idle connections take what is kept for them.
                            let! idle = connect url 100 ""
                            let! probe = status url HttpMethod.Get "healthz"
                            Expect.equal probe 200 "probe"
                            use client = Http.client ()
                            let! page = client.GetStringAsync(Uri(url, "metrics"))

                            Expect.stringContains
                                page
                                "opar_connections_turned_away_total{reason=\"probes_only\"} 1\n"
                                "counted"

                            closeAll idle
                            closeAll posts
                        })
            }

            testTask "a connection that says nothing, or half a request, is closed in time" {
                let settings =
                    { ServedController.settings () with
                        Connections =
                            { WebHost.connections with
                                Silence = TimeSpan.FromSeconds 0.5
                                Headers = TimeSpan.FromSeconds 0.5
                            }
                    }

                do!
                    ServedController.run settings (fun url ->
                        task {
                            for text in [ ""; "GET /healthz HTTP/1.1\r\nHost" ] do
                                let! clients = connect url 1 text
                                use limit = new CancellationTokenSource(TimeSpan.FromSeconds 10.0)
                                use reader = new StreamReader(clients[0].GetStream())
                                let! answer = reader.ReadToEndAsync limit.Token

                                if text = "" then
                                    Expect.equal answer "" "nothing to say"
                                else
                                    Expect.stringStarts answer "HTTP/1.1 408" "too slow"

                                closeAll clients
                        })
            }

            testSequenced (
                test "logs are lines of JSON on standard error, without the chatter of the web server" {
                    let text =
                        written (fun logs ->
                            let log = logs.CreateLogger "opar.control"
                            log.LogInformation("decided in {Cycle}", 7)
                            logs.CreateLogger("Microsoft.AspNetCore").LogInformation "chatter"
                            logs.CreateLogger("Microsoft.AspNetCore").LogError "what is wrong")

                    let line (part: string) =
                        text.Split '\n' |> Array.find _.Contains(part)

                    use entry = JsonDocument.Parse(line "decided")
                    let field (name: string) = entry.RootElement.GetProperty name
                    Expect.equal (field("Message").GetString()) "decided in 7" "message"
                    Expect.equal (field("State").GetProperty("Cycle").GetInt32()) 7 "structured"
                    Expect.equal (field("Category").GetString()) "opar.control" "category"

                    let age = DateTimeOffset.UtcNow - field("Timestamp").GetDateTimeOffset()

                    Expect.isLessThan (abs age.TotalMinutes) 1.0 "time in UTC"
                    Expect.stringContains text "what is wrong" "errors of others"
                    Expect.isFalse (text.Contains "chatter") "no chatter"
                }
            )
        ]

module OnlinePolicyAdaptation.Tests.Service.WebHost

open System
open System.Diagnostics
open System.IO
open System.Net.Http
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open Microsoft.Extensions.Logging
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
                return Outcome.Accepted
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

module OnlinePolicyAdaptation.Tests.Service.Webhook

open System
open System.Collections.Concurrent
open System.IO
open System.Threading
open System.Threading.Tasks
open Expecto
open Microsoft.AspNetCore.Http
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// On `clock`, 500 s of these settings pass in a second.
let private settings url =
    { Webhook.defaults url with
        AttemptTimeout = TimeSpan.FromSeconds 10_000.0
        Budget = TimeSpan.FromSeconds 50_000.0
        FirstPause = TimeSpan.FromSeconds 4.0
        LongestPause = TimeSpan.FromSeconds 20.0
    }

let private clock () = FastClock 500.0

/// The waits between attempts: those for answers are longer.
let private pauses settings (clock: FastClock) =
    clock.Waits
    |> List.filter (fun wait -> wait > TimeSpan.Zero && wait <= settings.LongestPause)

let private deliverAs key settings clock =
    task {
        use client = Http.client ()
        return! Webhook.deliver client settings clock key """{"c1":3}""" (fun () -> Ok()) CancellationToken.None
    }

let private deliver settings clock = deliverAs "cycle-7" settings clock

type private Seen =
    {
        Method: string
        Key: string
        Authorization: string
        ContentType: string
        Body: string
    }

/// A receiver that answers the first requests like this, one after the other, and those after them with 204.
let private receiver (answers: (HttpContext -> Task) list) (test: Uri -> ConcurrentQueue<Seen> -> Task<unit>) =
    let seen = ConcurrentQueue<Seen>()

    StubServer.run
        (fun context ->
            task {
                use reader = new StreamReader(context.Request.Body)
                let! body = reader.ReadToEndAsync()

                let header (name: string) =
                    context.Request.Headers[name].ToString()

                let turn = seen.Count

                seen.Enqueue
                    {
                        Method = context.Request.Method
                        Key = header "Idempotency-Key"
                        Authorization = header "Authorization"
                        ContentType = header "Content-Type"
                        Body = body
                    }

                match List.tryItem turn answers with
                | Some answer -> do! answer context
                | None -> context.Response.StatusCode <- 204
            })
        (fun url -> test url seen)

let private status code (context: HttpContext) : Task =
    context.Response.StatusCode <- code
    Task.CompletedTask

let private breaks (context: HttpContext) : Task =
    context.Abort()
    Task.CompletedTask

let private asksFor (code: int) (retryAfter: string) (context: HttpContext) : Task =
    context.Response.Headers.RetryAfter <- retryAfter
    status code context

let private hangs (context: HttpContext) : Task =
    Task.Delay(Timeout.Infinite, context.RequestAborted)

[<Tests>]
let tests =
    testList
        "Service.Webhook"
        [
            testTask "a decision arrives as JSON under its key" {
                do!
                    receiver [] (fun url seen ->
                        task {
                            let! result = deliver (settings url) (clock ())
                            Expect.equal result Delivery.Delivered "delivered"

                            let expected =
                                {
                                    Method = "POST"
                                    Key = "cycle-7"
                                    Authorization = ""
                                    ContentType = "application/json; charset=utf-8"
                                    Body = """{"c1":3}"""
                                }

                            Expect.sequenceEqual seen [ expected ] "once"
                        })
            }

            testTask "a key that a header has no room for is percent-encoded" {
                do!
                    receiver [] (fun url seen ->
                        task {
                            let! result = deliverAs "gr\u00fcn\n/1" (settings url) (clock ())
                            Expect.equal result Delivery.Delivered "delivered"
                            Expect.equal (Seq.head seen).Key "gr%C3%BCn%0A%2F1" "key"
                        })
            }

            for name, failure in
                [
                    "500", status 500
                    "503", status 503
                    "429", status 429
                    "408", status 408
                    "a connection that breaks", breaks
                ] do
                testTask $"after {name} the same decision is sent again, under the same key" {
                    do!
                        receiver [ failure; failure ] (fun url seen ->
                            task {
                                let! result = deliver (settings url) (clock ())
                                Expect.equal result Delivery.Delivered "delivered"
                                Expect.equal seen.Count 3 "attempts"
                                Expect.allEqual seen (Seq.head seen) "the same each time"
                            })
                }

            for code in [ 301; 302; 307; 400; 401; 404; 409; 422 ] do
                testTask $"{code} is final" {
                    do!
                        receiver [ status code ] (fun url seen ->
                            task {
                                let! result = deliver (settings url) (clock ())
                                let reason = $"{url}: HTTP {code}; expected 2xx"
                                Expect.equal result (Delivery.Refused reason) "refused"
                                Expect.equal seen.Count 1 "attempts"
                            })
                }

            testTask "pauses grow up to the longest" {
                do!
                    receiver (List.replicate 8 (status 503)) (fun url _ ->
                        task {
                            let clock = clock ()
                            let settings = settings url
                            let! result = deliver settings clock
                            Expect.equal result Delivery.Delivered "delivered"

                            let pauses = pauses settings clock
                            Expect.equal pauses.Length 8 "one after each failure"
                            Expect.equal (List.max pauses) settings.LongestPause "the longest is reached"
                            Expect.isLessThan pauses[0] pauses[7] "growing"
                        })
            }

            testTask "the receiver's Retry-After is kept, even where it is longer than the longest pause" {
                do!
                    receiver [ asksFor 429 "77" ] (fun url _ ->
                        task {
                            let clock = clock ()
                            let! result = deliver (settings url) clock
                            Expect.equal result Delivery.Delivered "delivered"
                            Expect.contains clock.Waits (TimeSpan.FromSeconds 77.0) "waited"
                        })
            }

            for asked in [ "4294968"; "2147483647"; "-5"; "soon"; "Fri, 31 Dec 9999 23:59:59 GMT" ] do
                testTask $"a Retry-After of {asked} holds nobody up for longer than the budget" {
                    do!
                        receiver (List.replicate 1_000_000 (asksFor 429 asked)) (fun url _ ->
                            task {
                                let settings =
                                    { settings url with
                                        Budget = TimeSpan.FromSeconds 500.0
                                    }

                                match! deliver settings (clock ()) with
                                | Delivery.GaveUp reason -> Expect.stringContains reason "gave up after 500 s" "reason"
                                | other -> failtest $"{other}"
                            })
                }

            testTask "times beyond those of the retry library are held within them" {
                do!
                    receiver [] (fun url _ ->
                        task {
                            let settings =
                                { settings url with
                                    AttemptTimeout = TimeSpan.FromDays 30.0
                                    Budget = TimeSpan.FromDays 30.0
                                    FirstPause = TimeSpan.Zero
                                }

                            let! result = deliver settings (clock ())
                            Expect.equal result Delivery.Delivered "delivered"
                        })
            }

            testTask "a decision that is no longer wanted is not sent again" {
                do!
                    receiver [ status 503; status 503 ] (fun url seen ->
                        task {
                            use client = Http.client ()

                            let stillWanted () =
                                if seen.Count < 2 then Ok() else Error "a newer one came"

                            let! result =
                                Webhook.deliver
                                    client
                                    (settings url)
                                    (clock ())
                                    "k"
                                    "{}"
                                    stillWanted
                                    CancellationToken.None

                            Expect.equal result (Delivery.Withdrawn "a newer one came") "withdrawn"
                            Expect.equal seen.Count 2 "attempts"
                        })
            }

            testTask "secrets of the address are not told" {
                do!
                    receiver [ status 404 ] (fun url _ ->
                        task {
                            let secret = Uri $"http://user:password@{url.Authority}/act?key=secret"
                            let! result = deliver (settings secret) (clock ())

                            Expect.equal
                                result
                                (Delivery.Refused $"http://{url.Authority}/act: HTTP 404; expected 2xx")
                                "the address without them"
                        })
            }

            testTask "a Retry-After of 0 does not make it hammer" {
                do!
                    receiver [ asksFor 429 "0" ] (fun url _ ->
                        task {
                            let clock = clock ()
                            let settings = settings url
                            let! _ = deliver settings clock
                            Expect.equal (pauses settings clock).Length 1 "a pause of its own"
                        })
            }

            testTask "an attempt that takes too long is broken off and repeated" {
                do!
                    receiver [ hangs ] (fun url seen ->
                        task {
                            let settings =
                                { settings url with
                                    AttemptTimeout = TimeSpan.FromSeconds 300.0
                                }

                            let! result = deliver settings (clock ())
                            Expect.equal result Delivery.Delivered "delivered"
                            Expect.isGreaterThan seen.Count 1 "attempts"
                        })
            }

            testTask "when the time is over, it says what went wrong last" {
                do!
                    receiver (List.replicate 1_000_000 (status 503)) (fun url _ ->
                        task {
                            let settings =
                                { settings url with
                                    Budget = TimeSpan.FromSeconds 1500.0
                                }

                            match! deliver settings (clock ()) with
                            | Delivery.GaveUp reason ->
                                Expect.equal reason $"{url}: HTTP 503; gave up after 1500 s" "reason"
                            | other -> failtest $"{other}"
                        })
            }

            testTask "the time is over in the middle of an attempt, too" {
                do!
                    receiver [ hangs ] (fun url _ ->
                        task {
                            let settings =
                                { settings url with
                                    Budget = TimeSpan.FromSeconds 500.0
                                }

                            match! deliver settings (clock ()) with
                            | Delivery.GaveUp reason ->
                                Expect.equal reason $"{url}: no answer; gave up after 500 s" "reason"
                            | other -> failtest $"{other}"
                        })
            }

            testTask "nobody listens" {
                let url = Uri $"http://127.0.0.1:{StubServer.freePort ()}/"

                let settings =
                    { settings url with
                        Budget = TimeSpan.FromSeconds 1500.0
                    }

                match! deliver settings (clock ()) with
                | Delivery.GaveUp reason -> Expect.stringContains reason "refused" "reason"
                | other -> failtest $"{other}"
            }

            testTask "the token is read from its file, which may come late" {
                do!
                    receiver [ status 503 ] (fun url seen ->
                        task {
                            let folder = Directory.CreateTempSubdirectory("opar-").FullName

                            try
                                let path = Path.Combine(folder, "token")

                                let settings =
                                    { settings url with
                                        BearerTokenFile = Some path
                                    }

                                let delivery = deliver settings (clock ())
                                do! Task.Delay 20
                                Expect.isEmpty seen "nothing is sent without the token"
                                File.WriteAllText(path + ".new", "secret\n")
                                File.Move(path + ".new", path)
                                let! result = delivery
                                Expect.equal result Delivery.Delivered "delivered"

                                Expect.sequenceEqual
                                    (seen |> Seq.map _.Authorization)
                                    [ "Bearer secret"; "Bearer secret" ]
                                    "sent with each attempt"
                            finally
                                Directory.Delete(folder, true)
                        })
            }

            testTask "a caller that stops stops it" {
                do!
                    receiver [ hangs ] (fun url _ ->
                        task {
                            use client = Http.client ()
                            use stop = new CancellationTokenSource(TimeSpan.FromSeconds 0.05)

                            let delivery =
                                Webhook.deliver client (settings url) (clock ()) "k" "{}" (fun () -> Ok()) stop.Token

                            let! _ = Task.WhenAny delivery
                            Expect.isTrue delivery.IsCanceled "cancelled"
                        })
            }
        ]

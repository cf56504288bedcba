module OnlinePolicyAdaptation.Tests.Testbed.LoadGeneratorTests

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.Threading
open System.Threading.Tasks
open Expecto
open Microsoft.AspNetCore.Http
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Testbed
open OnlinePolicyAdaptation.Testbed.Collection
open OnlinePolicyAdaptation.Testbed.LoadGeneration
open OnlinePolicyAdaptation.Tests

let private load service group rate =
    ServiceLoad(RequestClass(service, group), LoadPattern.Constant(RequestRate rate))

let private collectorOf (loads: ServiceLoad list) =
    Collector(loads |> List.map _.Requests, TimeProvider.System)

let private key = RandomKey 3UL

let private generatorOf (loads: ServiceLoad list) send collector =
    LoadGenerator(loads, key, Func<_, _, _>(fun requests stop -> send requests stop), [ collector ])

/// Sends for some seconds to whom `send` is, and gives what was measured.
let private measure (loads: ServiceLoad list) seconds send : Task<MeasuredInterval> =
    task {
        let collector = collectorOf loads
        do! (generatorOf loads send collector).RunAsync(seconds, CancellationToken.None)
        return collector.Cut()
    }

let private carried = RequestResult(RequestOutcome.Carried, null, null)

let private scheduled (loads: ServiceLoad list) seconds =
    RequestSchedule(loads, key).Next seconds |> List.ofSeq

let private quantile (of': ResponseTimeStatistics -> Nullable<ResponseTime>) (measured: MeasuredRequests) =
    match measured.Statistics with
    | null -> failtest "nothing was measured"
    | statistics -> (of' statistics).Value.Seconds

/// Sends to a server of the test's own.
let private throughHttp loads seconds (answer: HttpContext -> Task) : Task<MeasuredInterval> =
    let measured = TaskCompletionSource<MeasuredInterval>()

    task {
        do!
            StubServer.run answer (fun address ->
                task {
                    use sender = new RequestSender(address, TimeSpan.FromSeconds 10.0)

                    let! interval =
                        measure loads seconds (fun requests stop -> sender.SendAsync(requests, stop))

                    measured.SetResult interval
                })

        return! measured.Task
    }

[<Tests>]
let tests =
    testList
        "Testbed.LoadGeneration.LoadGenerator"
        [
            testCaseTask "what is scheduled is sent, once each, to its service and for its clients" (fun () ->
                task {
                    let loads =
                        [ load "shop" null 60.0; load "shop" "premium" 30.0; load "search" null 40.0 ]

                    let received = ConcurrentBag()

                    let! measured =
                        throughHttp loads 1.5 (fun context ->
                            received.Add(
                                struct (string context.Request.Path,
                                        string context.Request.Headers[TestbedHeaders.ClientGroup])
                            )

                            context.Response.Headers[TestbedHeaders.Node] <- "n1"
                            Task.CompletedTask)

                    let expected =
                        scheduled loads 1.5
                        |> List.countBy _.Load
                        |> List.sort
                        |> List.map (snd >> int64)

                    Expect.sequenceEqual
                        [ for requests in measured.Classes -> requests.Offered ]
                        expected
                        "as scheduled"

                    Expect.sequenceEqual
                        [ for requests in measured.Classes -> requests.Carried ]
                        expected
                        "all carried"

                    Expect.sequenceEqual
                        [
                            for seen in [ struct ("/shop", ""); ("/shop", "premium"); ("/search", "") ] ->
                                received |> Seq.filter ((=) seen) |> Seq.length |> int64
                        ]
                        expected
                        "as the server has it"

                    Expect.equal measured.Services[0].Offered (expected[0] + expected[1]) "both groups"
                    Expect.equal measured.Services[1].Nodes[0].Node "n1" "the node"
                    Expect.equal measured.Services[1].Nodes[0].Carried expected[2] "at the node"
                    Expect.equal measured.Sending.Sent (List.sum expected) "sent"
                    Expect.equal measured.Sending.Unsent 0L "unsent"
                })

            testCaseTask "requests come to a server at gaps that are exponential" (fun () ->
                task {
                    let loads = [ load "shop" null 40.0 ]
                    let clock = Stopwatch.StartNew()
                    let arrivals = ConcurrentQueue()

                    let! _ =
                        throughHttp loads 3.0 (fun _ ->
                            arrivals.Enqueue clock.Elapsed.TotalSeconds
                            Task.CompletedTask)

                    let distance =
                        arrivals
                        |> Seq.sort
                        |> Seq.pairwise
                        |> Seq.map (fun (one, next) -> 40.0 * (next - one))
                        |> Exponential.distance

                    // Gaps all alike are at 0.63; those of a machine that is busy are some milliseconds off.
                    Expect.isLessThan distance 0.3 "distance from the exponential"
                })

            testCaseTask "response times are the server's own, and what the way there takes" (fun () ->
                task {
                    let loads = [ load "shop" null 50.0 ]
                    let own = ConcurrentBag()

                    let! measured =
                        throughHttp loads 1.5 (fun _ ->
                            task {
                                let clock = Stopwatch.StartNew()
                                do! Task.Delay 20
                                own.Add clock.Elapsed.TotalSeconds
                            })

                    let own = own |> Seq.sort |> Array.ofSeq
                    let median = quantile _.P50 measured.Services[0]
                    Expect.isGreaterThan median (own[own.Length / 4] * 0.999) "no shorter than the server's"
                    Expect.isLessThan median (own[own.Length - 1] + own[own.Length / 2]) "not twice as long"
                })

            testCaseTask "while a server stalls requests go on, and all of them have waited" (fun () ->
                task {
                    let loads = [ load "shop" null 50.0 ]
                    let clock = Stopwatch.StartNew()
                    let stall = lazy (task { do! Task.Delay 1000 } :> Task)

                    let! measured =
                        throughHttp loads 2.5 (fun _ ->
                            if clock.Elapsed.TotalSeconds > 0.7 then
                                stall.Force()
                            else
                                Task.CompletedTask)

                    // 40 % of the requests come in the second of the stall, and wait for half of it on average; by a generator that
                    // waits for answers, one would.
                    let shop = measured.Services[0]
                    Expect.isGreaterThan (quantile _.P90 shop) 0.4 "a tenth of all"
                    Expect.isGreaterThan (quantile _.P99 shop) 0.8 "the longest"
                    Expect.isGreaterThan shop.MeanResponseTime.Value.Seconds 0.12 "the mean"
                    Expect.equal shop.Offered (int64 (scheduled loads 2.5).Length) "all are sent"
                })

            testCaseTask "requests that the generator sends late count from when they were to be sent" (fun () ->
                task {
                    let loads = [ load "shop" null 100.0 ]
                    let isFirst = ref true

                    let! measured =
                        measure loads 1.0 (fun _ _ ->
                            if isFirst.Value then
                                isFirst.Value <- false
                                Thread.Sleep 500

                            Task.FromResult carried)

                    Expect.isGreaterThan (quantile _.P90 measured.Services[0]) 0.3 "response times"
                    Expect.isGreaterThan measured.Sending.P99LatenessSeconds 0.4 "lateness"
                    Expect.isFalse measured.Sending.KeptUp "the generator says so"
                    Expect.equal measured.Services[0].Offered (int64 (scheduled loads 1.0).Length) "all are sent"
                })

            testCaseTask "requests beyond those that may be in flight are not sent, and are counted" (fun () ->
                task {
                    let loads = [ load "shop" null 200.0 ]
                    let collector = collectorOf loads
                    let answer = TaskCompletionSource<RequestResult>()
                    let sent = ref 0

                    let send _ _ =
                        Interlocked.Increment sent |> ignore
                        answer.Task

                    let generator =
                        LoadGenerator(loads, key, Func<_, _, _>(send), [ collector ], MostInFlight = 5)

                    let run = generator.RunAsync(0.5, CancellationToken.None)
                    let all = int64 (scheduled loads 0.5).Length
                    let mutable offered = 0L
                    let mutable unsent = 0L

                    while offered < all do
                        do! Task.Delay 20
                        let measured = collector.Cut()
                        offered <- offered + measured.Services[0].Offered
                        unsent <- unsent + measured.Sending.Unsent
                        Expect.equal measured.Services[0].Failed measured.Sending.Unsent "what is not sent has failed"

                    Expect.equal offered all "each counts as offered"
                    Expect.equal unsent (all - 5L) "all but those in flight"
                    Expect.isFalse run.IsCompleted "answers are missing"
                    answer.SetResult carried
                    do! run
                    Expect.equal sent.Value 5 "sent"
                    Expect.equal (collector.Cut().Services[0].Carried) 5L "carried"
                })

            testCaseTask "a load factor takes effect while it runs" (fun () ->
                task {
                    let loads = [ load "shop" null 100.0 ]
                    let collector = collectorOf loads
                    let generator = generatorOf loads (fun _ _ -> Task.FromResult carried) collector
                    generator.LoadFactor <- 0.0
                    use stop = new CancellationTokenSource()
                    let run = generator.RunAsync(Double.PositiveInfinity, stop.Token)
                    do! Task.Delay 300
                    Expect.equal (collector.Cut().Services[0].Offered) 0L "nothing at 0"
                    generator.LoadFactor <- 5.0

                    while collector.Cut().Services[0].Offered = 0L do
                        do! Task.Delay 20

                    stop.Cancel()
                    do! run
                    Expect.throwsT<ArgumentOutOfRangeException> (fun () -> generator.LoadFactor <- -1.0) "below 0"
                })

            testCaseTask "each end of a request is told apart, and failures by their reason" (fun () ->
                task {
                    let loads =
                        [ "good"; "blocked"; "broken"; "moved"; "slow"; "cut" ]
                        |> List.map (fun service -> load service null 20.0)

                    let answer (context: HttpContext) : Task =
                        match string context.Request.Path with
                        | "/good" -> StubServer.reply 200 "yes" context
                        | "/blocked" -> StubServer.reply 429 "" context
                        | "/broken" ->
                            context.Response.Headers[TestbedHeaders.Node] <- "n2"
                            StubServer.reply 503 "" context
                        | "/moved" ->
                            context.Response.Headers.Location <- "/good"
                            StubServer.reply 302 "" context
                        | "/slow" -> Task.Delay 2000
                        | _ ->
                            context.Abort()
                            Task.CompletedTask

                    let measured = TaskCompletionSource<MeasuredInterval>()

                    do!
                        StubServer.run answer (fun address ->
                            task {
                                use sender = new RequestSender(address, TimeSpan.FromSeconds 0.5)

                                let! interval =
                                    measure loads 0.7 (fun requests stop -> sender.SendAsync(requests, stop))

                                measured.SetResult interval
                            })

                    let! measured = measured.Task

                    let of' service =
                        measured.Services |> Seq.find (fun found -> found.Name = service)

                    let reason service =
                        (Seq.head (of' service).Failures).Reason

                    for service in measured.Services do
                        Expect.equal
                            (service.Carried + service.Blocked + service.Failed)
                            service.Offered
                            $"{service.Name}: nothing is lost"

                    Expect.equal (of' "good").Failed 0L "good"
                    Expect.equal (of' "blocked").Blocked (of' "blocked").Offered "blocked"
                    Expect.equal (of' "broken").Failed (of' "broken").Offered "broken"
                    Expect.equal (of' "broken").Nodes[0].Failed (of' "broken").Offered "broken, at its node"
                    Expect.equal (reason "broken") "HTTP 503" "broken"
                    Expect.equal (reason "moved") "HTTP 302" "moved: not followed"
                    Expect.equal (reason "slow") "no answer within 0.5 s" "slow"
                    Expect.equal (of' "cut").Carried 0L "cut"
                })

            testCaseTask "with nobody there requests fail, and say why" (fun () ->
                task {
                    let loads = [ load "shop" null 50.0 ]

                    use sender =
                        new RequestSender(Uri $"http://127.0.0.1:{StubServer.freePort ()}", TimeSpan.FromSeconds 5.0)

                    let! measured =
                        measure loads 0.3 (fun requests stop -> sender.SendAsync(requests, stop))

                    Expect.equal measured.Services[0].Failures[0].Reason "ConnectionRefused" "reason"
                    Expect.equal measured.Services[0].Failed measured.Services[0].Offered "all"
                })

            testCaseTask "a run that is cancelled gives up what is in flight" (fun () ->
                task {
                    let loads = [ load "shop" null 200.0 ]
                    let collector = collectorOf loads
                    use stop = new CancellationTokenSource()

                    do!
                        StubServer.run (fun _ -> Task.Delay 3000) (fun address ->
                            task {
                                use sender = new RequestSender(address, TimeSpan.FromSeconds 60.0)

                                let run =
                                    (generatorOf
                                        loads
                                        (fun requests token -> sender.SendAsync(requests, token))
                                        collector)
                                        .RunAsync(Double.PositiveInfinity, stop.Token)

                                do! Task.Delay 300
                                stop.Cancel()
                                do! run
                            })

                    let shop = collector.Cut().Services[0]
                    Expect.equal shop.InFlight 0L "none is in flight"
                    Expect.equal shop.Failed shop.Offered "all were given up"
                    Expect.equal shop.Failures[0].Reason "given up when the load ended" "reason"
                })

            testCaseTask "a fault of the sending itself ends the run with it" (fun () ->
                task {
                    let loads = [ load "shop" null 200.0 ]

                    let! fault =
                        task {
                            try
                                let! _ =
                                    measure loads 0.2 (fun _ _ -> raise (InvalidOperationException "out of order"))

                                return ""
                            with :? InvalidOperationException as e ->
                                return e.Message
                        }

                    Expect.equal fault "out of order" "told to whoever awaits it"
                })

            testCaseTask "warming up ends, and at once where it is called off" (fun () ->
                task {
                    do! WarmUp.RunAsync CancellationToken.None
                    use stop = new CancellationTokenSource()
                    stop.Cancel()
                    do! WarmUp.RunAsync stop.Token
                })
        ]

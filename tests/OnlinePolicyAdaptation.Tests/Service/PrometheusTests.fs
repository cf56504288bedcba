module OnlinePolicyAdaptation.Tests.Service.Prometheus

open System
open System.Collections.Concurrent
open System.IO
open System.Threading
open System.Threading.Tasks
open Expecto
open Microsoft.AspNetCore.Http
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private system =
    {
        Grid = TwoNodes.grid
        Topology = Topology(TwoNodes.array [ "web" ], TwoNodes.array [ "n1"; "n2" ])
    }

let private settings url =
    {
        Url = url
        Controls = [ "weight"; "cores" ]
        Services =
            [
                {
                    OfferedLoad = "offered"
                    CarriedLoad = "carried"
                    MeanResponseTime = "mean"
                }
            ]
        Timeout = TimeSpan.FromSeconds 20.0
        BearerTokenFile = None
    }

let private interval = TimeSpan.FromSeconds 5.0
let private time = DateTimeOffset(2024, 5, 6, 9, 8, 9, 250, TimeSpan.FromHours 2.0)

let private vector samples =
    let sample (value: string) =
        $"{{\"metric\":{{}},\"value\":[1714979289.25,\"{value}\"]}}"

    let all = samples |> List.map sample |> String.concat ","
    $"{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{all}]}}}}"

let private scalar (value: string) =
    $"{{\"status\":\"success\",\"data\":{{\"resultType\":\"scalar\",\"result\":[1714979289.25,\"{value}\"]}}}}"

/// The answers of a server where all is well, by query.
let private good =
    Map
        [
            "weight", vector [ "0.6" ]
            "cores", scalar "3"
            "offered", vector [ "5.5" ]
            "carried", vector [ "5" ]
            "mean", vector [ "0.1" ]
            for query in [ "weight"; "cores"; "offered"; "carried"; "mean" ] do
                $"timestamp({query})", vector [ "1714979288" ]
        ]

/// An answer that was reported.
let private case name =
    File.ReadAllText(
        Path.Combine(Repository.folder, "tests", "OnlinePolicyAdaptation.Tests", "Cases", $"prometheus-{name}.json")
    )

let private queryOf (context: HttpContext) =
    context.Request.Query["query"].ToString()

let private ask settings =
    task {
        use client = Http.client ()
        return! Prometheus.query client settings system interval time CancellationToken.None
    }

/// What comes of a server that answers one query in this way and the others well.
let private withAnswer query (answer: HttpContext -> Task) (check: Result<Interval, QueryError> -> unit) =
    StubServer.run
        (fun context ->
            if queryOf context = query then
                answer context
            else
                StubServer.reply 200 good[queryOf context] context)
        (fun url ->
            task {
                let! result = ask (settings url)
                check result
            })

let private namesAll parts message =
    for part in parts do
        Expect.stringContains message part "names metric, query, value and what was expected"

let private unusable name query status body kind parts =
    testTask $"unusable: {name}" {
        do!
            withAnswer query (StubServer.reply status body) (function
                | Error(QueryError.Unusable fault) ->
                    Expect.equal fault.Kind kind "kind"
                    namesAll parts fault.Reason
                | other -> failtest $"{other}")
    }

let private unreachable name answer parts =
    testTask $"unreachable: {name}" {
        do!
            withAnswer "cores" answer (function
                | Error(QueryError.Unreachable message) -> namesAll parts message
                | other -> failtest $"{other}")
    }

let private responseTimeWhere carried mean (check: Result<Nullable<ResponseTime>, QueryError> -> unit) =
    StubServer.run
        (fun context ->
            let answers = good.Add("carried", carried).Add("mean", mean)
            StubServer.reply 200 answers[queryOf context] context)
        (fun url ->
            task {
                let! result = ask (settings url)

                result
                |> Result.map (fun interval -> interval.Services[0].MeanResponseTime)
                |> check
            })

[<Tests>]
let tests =
    testList
        "Service.Prometheus"
        [
            testTask "an interval has the levels of the controls and the metrics of the services" {
                do!
                    withAnswer "" (StubServer.reply 500 "") (fun result ->
                        let expected =
                            Interval(
                                time,
                                TwoNodes.configuration 0.6 3.0,
                                TwoNodes.array [ ServiceMetrics(RequestRate 5.5, RequestRate 5.0, ResponseTime 0.1) ]
                            )

                        Expect.equal result (Ok expected) "interval"

                        match result with
                        | Ok interval -> Expect.equal interval.Time.Offset TimeSpan.Zero "in UTC"
                        | Error _ -> ())
            }

            testTask "all queries are under way at once, and ask for the same moment" {
                let times = ConcurrentBag<string>()
                let lookbacks = ConcurrentBag<string>()
                let missing = ref 10
                let complete = TaskCompletionSource()

                do!
                    StubServer.run
                        (fun context ->
                            task {
                                times.Add(context.Request.Query["time"].ToString())
                                lookbacks.Add(context.Request.Query["lookback_delta"].ToString())
                                let path = context.Request.Path.Value

                                if Interlocked.Decrement missing = 0 then
                                    complete.SetResult()

                                // Nobody is answered before all five have asked, each for its time as well.
                                do! complete.Task.WaitAsync(TimeSpan.FromSeconds 20.0)
                                let status = if path = "/base/api/v1/query" then 200 else 404
                                do! StubServer.reply status good[queryOf context] context
                            })
                        (fun url ->
                            task {
                                let! result = ask (settings (Uri(url, "base/")))
                                Expect.isOk result "answered"
                                Expect.equal (List.ofSeq times) (List.replicate 10 "1714979289.25") "one moment"
                                Expect.equal (List.ofSeq lookbacks) (List.replicate 10 "5") "of this interval"
                            })
            }

            testTask "the token of the file is sent, as it is at that time" {
                let seen = ConcurrentQueue<string>()

                do!
                    StubServer.run
                        (fun context ->
                            seen.Enqueue(context.Request.Headers.Authorization.ToString())
                            StubServer.reply 200 good[queryOf context] context)
                        (fun url ->
                            task {
                                let path = Path.GetTempFileName()

                                try
                                    let settings =
                                        { settings url with
                                            BearerTokenFile = Some path
                                        }

                                    File.WriteAllText(path, "first\n")
                                    let! _ = ask settings
                                    File.WriteAllText(path, "second\n")
                                    let! _ = ask settings

                                    Expect.equal
                                        (List.ofSeq seen)
                                        (List.replicate 10 "Bearer first" @ List.replicate 10 "Bearer second")
                                        "sent"
                                finally
                                    File.Delete path
                            })
            }

            testTask "without the token's file nothing is asked" {
                let settings =
                    { settings (Uri "http://127.0.0.1:1/") with
                        BearerTokenFile = Some "no-such-token"
                    }

                match! ask settings with
                | Error(QueryError.Unreachable message) ->
                    Expect.stringContains message "no-such-token: no such file" "named"
                | other -> failtest $"{other}"
            }

            testTask "where nothing is carried there is no response time" {
                for mean in [ vector [ "NaN" ]; vector []; vector [ "0.2" ] ] do
                    do!
                        responseTimeWhere (vector [ "0" ]) mean (fun mean ->
                            Expect.equal mean (Ok(Nullable())) "nothing was served")
            }

            unusable
                "no response time where something is carried"
                "mean"
                200
                (vector [ "NaN" ])
                FaultKind.BadValue
                [ "mean response time of web"; "'mean'"; "NaN"; "finite number of seconds" ]

            unusable "no sample of the response time" "mean" 200 (vector []) FaultKind.BadValue [ "no sample" ]
            unusable
                "no sample"
                "offered"
                200
                (vector [])
                FaultKind.BadValue
                [ "offered load of web"; "'offered'"; "no sample"; "req/s" ]
            unusable
                "several samples"
                "weight"
                200
                (vector [ "0.2"; "0.4" ])
                FaultKind.BadValue
                [ "control p11"; "2 samples; expected one" ]
            unusable
                "off the grid"
                "weight"
                200
                (vector [ "0.55" ])
                FaultKind.ImpossibleConfiguration
                [ "control p11"; "0.55"; "0..1, 6 levels" ]
            unusable
                "beyond the grid"
                "cores"
                200
                (vector [ "6" ])
                FaultKind.ImpossibleConfiguration
                [ "control c1"; "6"; "1..5, 5 levels" ]
            unusable
                "an infinite load"
                "offered"
                200
                (vector [ "+Inf" ])
                FaultKind.BadValue
                [ "offered load of web"; "finite" ]
            unusable
                "a negative load"
                "carried"
                200
                (vector [ "-1" ])
                FaultKind.BadValue
                [ "carried load of web"; "-1"; "not negative" ]
            unusable "a word" "carried" 200 (vector [ "many" ]) FaultKind.BadValue [ "'many'; expected a number" ]
            unusable
                "a text"
                "carried"
                200
                ((scalar "x").Replace("scalar", "string"))
                FaultKind.Unparsable
                [ "type string" ]
            unusable
                "a matrix"
                "carried"
                200
                ((vector []).Replace("vector", "matrix"))
                FaultKind.Unparsable
                [ "type matrix" ]
            unusable
                "half a surrogate pair"
                "carried"
                200
                (vector [ "\\ud800" ])
                FaultKind.Unparsable
                [ "without a number" ]
            unusable "another API" "carried" 200 "{\"data\": 1}" FaultKind.Unparsable [ "not of the Prometheus API" ]
            unusable
                "an error beside data"
                "carried"
                200
                ((vector [ "5" ]).Replace("\"success\"", "\"error\",\"error\":\"query timed out\""))
                FaultKind.Unparsable
                [ "carried load of web"; "status error: query timed out" ]
            unusable
                "warnings"
                "carried"
                200
                ((vector [ "5" ]).Replace("\"success\"", "\"success\",\"warnings\":[\"store s-2 is down\"]"))
                FaultKind.BadValue
                [ "warnings: store s-2 is down" ]
            unusable
                "a part of the answer"
                "carried"
                200
                ((vector [ "5" ]).Replace("\"success\"", "\"success\",\"isPartial\":true"))
                FaultKind.BadValue
                [ "isPartial" ]
            unusable
                "two series"
                "carried"
                200
                """{"status":"success","data":{"resultType":"vector","result":[
                {"metric":{"job":"a","pod":"p1"},"value":[1,"5"]},{"metric":{"job":"a","pod":"p2"},"value":[1,"5"]}]}}"""
                FaultKind.BadValue
                [ "2 samples; expected one; they differ in pod" ]

            unusable
                "a series that was measured before the interval, whatever the time of its answer"
                "timestamp(carried)"
                200
                (vector [ "1714979284.2" ])
                FaultKind.BadValue
                [
                    "carried load of web, query 'carried': a stale sample, of 2024-05-06T07:08:04.2"
                ]

            testTask "what does not know the time of a series raises no doubt" {
                for status, answer in
                    [
                        400, ""
                        200, vector []
                        200, vector [ "4.9" ]
                        200, vector [ "1714979284.25" ]
                    ] do
                    do!
                        withAnswer "timestamp(carried)" (StubServer.reply status answer) (fun result ->
                            Expect.isOk result answer)
            }

            testTask "the time in an answer is the moment that was asked for, and no doubt of the sample" {
                let answer = (vector [ "5" ]).Replace("1714979289.25", "1714979204.25")
                do! withAnswer "carried" (StubServer.reply 200 answer) (fun result -> Expect.isOk result "used")
            }

            testTask "infos, no warnings and a whole answer are a measurement" {
                let answer =
                    (vector [ "5" ])
                        .Replace(
                            "\"success\"",
                            "\"success\",\"infos\":[\"no counter\"],\"warnings\":[],\"isPartial\":false"
                        )

                do! withAnswer "carried" (StubServer.reply 200 answer) (fun result -> Expect.isOk result "used")
            }

            unusable "no JSON" "carried" 200 "<html>" FaultKind.Unparsable [ "not JSON" ]
            unusable "a redirect" "carried" 302 "" FaultKind.Unparsable [ "HTTP 302" ]
            unusable "forbidden" "carried" 403 "no" FaultKind.Unparsable [ "HTTP 403" ]
            unusable
                "too much"
                "carried"
                200
                (String('x', 2_000_000))
                FaultKind.Unparsable
                [ "more than 1048576 bytes" ]

            unusable
                "an error of Prometheus"
                "carried"
                400
                """{"status":"error","errorType":"bad_data","error":"1:3: parse error"}"""
                FaultKind.Unparsable
                [ "carried load of web"; "HTTP 400: 1:3: parse error" ]

            for name, kind, part in
                [
                    "error-with-data", FaultKind.Unparsable, "query timed out"
                    "warnings", FaultKind.BadValue, "store s-2 did not answer"
                    "partial", FaultKind.BadValue, "isPartial"
                ] do
                unusable $"the case {name}" "carried" 200 (case name) kind [ "carried load of web"; "'carried'"; part ]

            testTask "infos are no doubt" {
                do!
                    withAnswer "carried" (StubServer.reply 200 (case "infos")) (function
                        | Ok interval -> Expect.equal interval.Services[0].CarriedLoad (RequestRate 4.9) "taken"
                        | other -> failtest $"{other}")
            }

            for status in [ 408; 429; 500; 503 ] do
                unreachable
                    $"HTTP {status}"
                    (StubServer.reply status """{"error":"later"}""")
                    [ "control c1"; "'cores'"; $"HTTP {status}: later" ]

            unreachable
                "a connection that breaks"
                (fun context ->
                    context.Abort()
                    Task.CompletedTask)
                [ "control c1"; "http://127.0.0.1" ]

            testTask "unreachable: nobody listens" {
                let port = StubServer.freePort ()

                match! ask (settings (Uri $"http://127.0.0.1:{port}/")) with
                | Error(QueryError.Unreachable message) -> namesAll [ "control p11"; $"127.0.0.1:{port}" ] message
                | other -> failtest $"{other}"
            }

            testTask "unreachable: an answer that takes too long" {
                do!
                    StubServer.run (fun context -> Task.Delay(Timeout.Infinite, context.RequestAborted)) (fun url ->
                        task {
                            let hasty =
                                { settings url with
                                    Timeout = TimeSpan.FromSeconds 0.05
                                }

                            match! ask hasty with
                            | Error(QueryError.Unreachable message) ->
                                Expect.stringContains message "no answer within 0.05 s" "named"
                            | other -> failtest $"{other}"
                        })
            }

            testTask "a caller that stops is no fault of the server" {
                do!
                    StubServer.run (fun context -> Task.Delay(Timeout.Infinite, context.RequestAborted)) (fun url ->
                        task {
                            use client = Http.client ()
                            use stop = new CancellationTokenSource(TimeSpan.FromSeconds 0.05)
                            let asked = Prometheus.query client (settings url) system interval time stop.Token
                            let! _ = Task.WhenAny asked
                            Expect.isTrue asked.IsCanceled "cancelled"
                        })
            }
        ]

module OnlinePolicyAdaptation.Tests.Service.Orders

open System
open System.Collections.Generic
open System.IO
open System.Net
open System.Net.Http
open System.Text
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private send (url: Uri) (path: string) (body: string) (change: HttpRequestMessage -> unit) =
    task {
        use client = Http.client ()
        use request = new HttpRequestMessage(HttpMethod.Post, Uri(url, path))
        request.Content <- new ByteArrayContent(Encoding.UTF8.GetBytes body)
        change request
        use! response = client.SendAsync request
        let! answer = response.Content.ReadAsStringAsync()
        return response.StatusCode, answer
    }

let private status (url: Uri) =
    task {
        use client = Http.client ()
        let! body = client.GetStringAsync(Uri(url, "v1/status"))
        return JsonElement.Parse body
    }

/// Runs a test with a server whose commands are all kept at once, and what was given.
let private obeyed change (test: Uri -> List<Command> -> Task<unit>) =
    task {
        let commands = PostedCommands ValueNone
        let given = List<Command>()
        use stop = new CancellationTokenSource()

        let keeping =
            task {
                while not stop.IsCancellationRequested do
                    let! command = commands.Next().WaitAsync stop.Token
                    given.Add command
                    commands.Kept command
            }

        let settings =
            { ServedController.settings () with
                Operators = ServedController.operators commands
            }

        do! ServedController.run (change settings) (fun url -> test url given)
        stop.Cancel()

        try
            do! keeping
        with :? OperationCanceledException ->
            ()
    }

let private refuses (path: string) (body: string) (parts: string list) =
    obeyed id (fun url given ->
        task {
            let! code, answer = send url path body ignore
            Expect.equal code HttpStatusCode.UnprocessableEntity answer

            let reason = string ((JsonElement.Parse answer).GetProperty("error").GetString())

            for part in parts do
                Expect.stringContains reason part "the reason"

            Expect.isEmpty given "nothing is ordered"
        })

let private takenBack () =
    obeyed id (fun url given ->
        task {
            let! code, answer =
                send url "v1/hold" """{"until":"2999-01-31T13:00:00+01:00","by":"anna"}""" ignore

            Expect.equal code HttpStatusCode.OK answer
            Expect.stringContains answer "\"until\":\"2999-01-31T12:00:00Z\"" "in UTC"
            let! now = status url
            let order = now.GetProperty "order"
            Expect.equal (order.GetProperty("order").GetString()) "hold" "it stands"
            Expect.stringStarts (string (order.GetProperty("by").GetString())) "anna (" "by whom"
            let! code, answer = send url "v1/resume" "" ignore
            Expect.equal code HttpStatusCode.OK answer
            let! now = status url
            Expect.isFalse (fst (now.TryGetProperty "order")) "it is taken back"

            Expect.equal
                [ for command in given -> command.Order ]
                [
                    Order.Hold(ValueSome(DateTimeOffset(2999, 1, 31, 12, 0, 0, TimeSpan.Zero)))
                    Order.Resume
                ]
                "what was given"
        })

/// Three intervals, an order, three more; then the process ends, and the next one goes on.
let private survives () =
    Scratch.withFolder (fun folder ->
        let path = Path.Combine(folder, "j.db")
        let intervals = Intervals.recorded 9 9
        let options = SmallController.options 1000

        let run first count (order: Command voption) =
            use journal = SmallController.openJournal path
            let cycle = SmallController.start options

            let state =
                match Replay.state cycle Intervals.system journal (journal.LastCycle + 1) with
                | Ok state -> Cycle.resume cycle state
                | Error message -> failtest message

            let commands = PostedCommands(Cycle.held cycle state)
            let standing = commands.Standing
            let decisions = List<Decision>()

            let service =
                { SmallController.service cycle [] with
                    Commands = ControlService.commands commands.Next
                }
                |> SmallController.withJournal journal
                |> SmallController.watched (fun watch ->
                    { watch with
                        Commanded = commands.Kept
                        Decided = fun decision _ _ -> decisions.Add decision
                    })

            let queue = Queue(intervals |> Array.skip first |> Array.truncate count)

            let pull: Pull =
                fun cancellation ->
                    task {
                        match order with
                        | ValueSome order when queue.Count = count - 3 ->
                            match commands.Give order cancellation with
                            | ValueSome kept -> do! kept
                            | ValueNone -> failtest "there is room"
                        | _ -> ()

                        return
                            match queue.TryDequeue() with
                            | true, interval ->
                                [| SmallController.arrival (int64 (first + count - queue.Count - 1)) interval |]
                            | false, _ -> [||]
                    }

            SmallController.runFrom service state pull |> ignore

            let isOrdered (decision: Decision) =
                decision.Rules |> List.exists (fun fired -> fired.Rule = "ordered")

            standing, [ for decision in decisions -> isOrdered decision ], journal.Commands(0, 100)

        let order =
            {
                Order = Order.Hold ValueNone
                By = "anna"
                Time = Intervals.beginning
            }

        let _, ordered, kept = run 0 6 (ValueSome order)
        Expect.equal (List.last ordered) true "it holds"
        Expect.equal (List.head ordered) false "from then on"
        Expect.equal [ for command in kept -> command.Command ] [ order ] "in the journal"

        Expect.equal
            kept.Head.Cycle
            (List.findIndex id ordered)
            "before the cycle that was the first to be decided on after it"

        let standing, ordered, _ = run 6 3 ValueNone
        Expect.equal standing (Some order) "the next process knows it"
        Expect.equal ordered [ true; true; true ] "and holds")

[<Tests>]
let tests =
    testList
        "Service.Orders"
        [
            testTask "an order holds until it is taken back, and the status shows it" { do! takenBack () }

            testTask "an empty order holds for good" {
                do!
                    obeyed id (fun url given ->
                        task {
                            let! code, answer = send url "v1/hold" "" ignore
                            Expect.equal code HttpStatusCode.OK answer
                            Expect.equal given[0].Order (Order.Hold ValueNone) "without end"
                            Expect.stringStarts given[0].By "an operator (" "nobody in particular"
                        })
            }

            for path, body, parts in
                [
                    "v1/hold", "hold", [ "no JSON" ]
                    "v1/hold", "[]", [ "no JSON object" ]
                    "v1/hold", """{"till":"x"}""", [ "till"; "until or by" ]
                    "v1/hold", """{"until":"tomorrow"}""", [ "until: 'tomorrow'"; "RFC 3339" ]
                    "v1/hold", """{"until":"2999-01-31T12:00:00"}""", [ "until"; "offset" ]
                    "v1/hold", """{"until":"2001-01-31T12:00:00Z"}""", [ "until"; "is over" ]
                    "v1/hold", """{"until":5}""", [ "until: 5"; "a text" ]
                    "v1/hold", """{"by":" "}""", [ "by: ''"; "a name" ]
                    "v1/hold", """{"by":"a","by":"b"}""", [ "no JSON" ]
                    "v1/resume", """{"until":"2999-01-31T12:00:00Z"}""", [ "until"; "expected by" ]
                ] do
                testTask $"{path} refuses {body}" { do! refuses path body parts }

            testTask "orders take the token that posts take, and no page of a browser gives one" {
                do!
                    obeyed (ServedController.withToken "secret") (fun url given ->
                        task {
                            let! code, answer = send url "v1/hold" "" ignore
                            Expect.equal code HttpStatusCode.Unauthorized answer
                            Expect.isEmpty given "nothing is ordered"
                        })

                do!
                    obeyed id (fun url given ->
                        task {
                            let! code, answer =
                                send url "v1/hold" "" (fun request -> request.Headers.Add("Origin", "http://evil"))

                            Expect.equal code HttpStatusCode.Forbidden answer
                            Expect.isEmpty given "nothing is ordered"
                        })
            }

            testCase "an order is in the journal, and the next process holds too" survives
        ]

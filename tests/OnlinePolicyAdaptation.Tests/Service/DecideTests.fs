module OnlinePolicyAdaptation.Tests.Service.Decide

open System
open System.Net
open System.Net.Http
open System.Text
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private decision = """{"time":"2026-01-31T12:00:05Z","by":"rollout"}"""

/// What a controller says to these texts.
let private answer line =
    let decided outcome =
        {
            Outcome = outcome
            Decision = ValueSome(lazy decision)
        }

    match line with
    | Line.Text "again" -> decided Outcome.AlreadyKnown
    | Line.Text "old" -> ServedController.answer Outcome.AlreadyKnown
    | Line.Text "bad" -> ServedController.answer (Outcome.Quarantined "no good")
    | Line.Text "full" -> ServedController.answer Outcome.Busy
    | Line.Text text when text.Contains "two" ->
        ServedController.answer (Outcome.Quarantined $"{text.Length} characters")
    | Line.Text _ -> decided Outcome.Accepted
    | Line.Unreadable(_, reason) -> ServedController.answer (Outcome.Quarantined reason)

let private settings () =
    { ServedController.settings () with
        Limits =
            { Door.limits with
                LongestLine = 1_000
                RetryAfter = TimeSpan.FromSeconds 7.0
            }
        Offer = Some(fun line _ -> Task.FromResult(answer line))
    }

let private post change (text: string) (check: HttpResponseMessage -> string -> unit) =
    ServedController.run (change (settings ())) (fun url ->
        task {
            use client = Http.client ()
            use content = new ByteArrayContent(Encoding.UTF8.GetBytes text)
            use! response = client.PostAsync(Uri(url, "v1/decide"), content)
            let! body = response.Content.ReadAsStringAsync()
            check response body
        })

let private answers name text (status: HttpStatusCode) expected =
    testTask name {
        do! post id text (fun response body -> Expect.equal (response.StatusCode, body) (status, expected) "answer")
    }

/// A whole controller, which is posted intervals.
let private real () =
    task {
        use stop = new CancellationTokenSource()
        let posted = PostedSource(Intervals.system, 16, TimeProvider.System)
        let cycle = SmallController.start (SmallController.options 4)

        let running =
            SmallController.runUntil stop.Token (SmallController.service cycle []) (Cycle.start cycle) posted.Pull

        let line n =
            Intervals.line (Intervals.at n (TwoNodes.configuration 0.6 3.0) 0.09)

        let settings =
            { ServedController.settings () with
                Offer = Some posted.Offer
            }

        do!
            ServedController.run settings (fun url ->
                task {
                    use client = Http.client ()

                    let ask text =
                        task {
                            use content = new StringContent(text)
                            use! response = client.PostAsync(Uri(url, "v1/decide"), content)
                            let! body = response.Content.ReadAsStringAsync()
                            return response.StatusCode, body
                        }

                    let! first = ask (line 0)
                    Expect.equal (fst first) HttpStatusCode.OK (snd first)
                    let! again = ask (line 0)
                    Expect.equal again first "the same answer to the same interval"
                    let! second = ask (line 1)
                    Expect.notEqual second first "the next interval has its own"
                    let! old = ask (line 0)
                    Expect.equal (fst old) HttpStatusCode.Conflict "it is not the last one any more"
                    let! bad = ask ((line 2).Replace("\"c1\":3", "\"c1\":3.5"))
                    Expect.equal (fst bad) HttpStatusCode.UnprocessableEntity (snd bad)
                    Expect.stringContains (snd bad) "controls.c1: 3.5" "the reason"

                    match Kept.outgoingOf Intervals.system 0 (snd first) with
                    | Ok sent -> Expect.equal sent.Time (Intervals.beginning) "a decision on it"
                    | Error message -> failtest message
                })

        stop.Cancel()
        let! counts = running
        Expect.equal counts.Decisions 2L "each interval once"
    }

[<Tests>]
let tests =
    testList
        "Service.Decide"
        [
            answers "the answer is the decision" "one" HttpStatusCode.OK decision
            answers "of an interval that is posted again too" "again" HttpStatusCode.OK decision
            answers "what is quarantined is told why" "bad" HttpStatusCode.UnprocessableEntity """{"error":"no good"}"""

            answers
                "line ends within an interval are part of it"
                "one\r\ntwo\nthree\n"
                HttpStatusCode.UnprocessableEntity
                """{"error":"15 characters"}"""

            answers
                "a body that is too long is no interval"
                (String('x', 1_001))
                HttpStatusCode.UnprocessableEntity
                """{"error":"a line of more than 1000 bytes"}"""

            testTask "an old interval has no decision any more" {
                do!
                    post id "old" (fun response body ->
                        Expect.equal response.StatusCode HttpStatusCode.Conflict body
                        Expect.stringContains body "ends later" "what is expected")
            }

            testTask "a busy controller says when to come back" {
                do!
                    post id "full" (fun response body ->
                        Expect.equal response.StatusCode HttpStatusCode.TooManyRequests body

                        Expect.equal
                            (response.Headers.RetryAfter |> Option.ofObj |> Option.map string)
                            (Some "7")
                            "seconds")
            }

            testTask "a controller that takes nothing in says why" {
                let closed (settings: WebHostSettings) =
                    { settings with
                        Refusal = fun () -> ValueSome "disk full"
                    }

                do!
                    post closed "one" (fun response body ->
                        Expect.equal
                            (response.StatusCode, body)
                            (HttpStatusCode.ServiceUnavailable, """{"error":"disk full"}""")
                            "refused")
            }

            testTask "it takes the token that posts take" {
                do!
                    post (ServedController.withToken "secret") "one" (fun response body ->
                        Expect.equal response.StatusCode HttpStatusCode.Unauthorized body)
            }

            testTask "a controller answers each interval with its decision, and a repeated one with the same" {
                do! real ()
            }
        ]

module OnlinePolicyAdaptation.Tests.Service.Ingest

open System
open System.Collections.Concurrent
open System.IO
open System.IO.Compression
open System.Net
open System.Net.Http
open System.Net.Http.Headers
open System.Net.Sockets
open System.Text
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private outcome line =
    match line with
    | Line.Text "known" -> Outcome.AlreadyKnown
    | Line.Text "bad" -> Outcome.Quarantined "no good"
    | Line.Text "full" -> Outcome.Busy
    | Line.Text _ -> Outcome.Accepted
    | Line.Unreadable(_, reason) -> Outcome.Quarantined reason

let private limits =
    { Door.limits with
        LongestLine = 1_000
        LargestBody = 3_000_000L
        RetryAfter = TimeSpan.FromSeconds 7.0
    }

/// Runs a test with a server that takes these lines, and the lines it was offered.
let private served change (test: Uri -> ConcurrentQueue<Line> -> Task<unit>) =
    let offered = ConcurrentQueue<Line>()

    let offer line (_: CancellationToken) =
        offered.Enqueue line
        Task.FromResult(ServedController.answer (outcome line))

    let settings =
        { ServedController.settings () with
            Limits = limits
            Offer = Some offer
        }

    ServedController.run (change settings) (fun url -> test (Uri(url, "v1/metrics")) offered)

let private send (url: Uri) (content: HttpContent) (change: HttpRequestMessage -> unit) =
    task {
        use client = Http.client ()
        use request = new HttpRequestMessage(HttpMethod.Post, url, Content = content)
        change request
        use! response = client.SendAsync request
        let! body = response.Content.ReadAsStringAsync()
        return response.StatusCode, body, response.Headers
    }

let private body (text: string) =
    new ByteArrayContent(Encoding.UTF8.GetBytes text)

let private gzip (bytes: byte[]) =
    use memory = new MemoryStream()

    do
        use gzip = new GZipStream(memory, CompressionMode.Compress)
        gzip.Write(bytes, 0, bytes.Length)

    memory.ToArray()

let private packed (encoding: string) (bytes: byte[]) =
    let content = new ByteArrayContent(bytes)
    content.Headers.TryAddWithoutValidation("Content-Encoding", encoding) |> ignore
    content

let private ask content change expectedStatus expectedBody =
    served id (fun url _ ->
        task {
            let! status, body, _ = send url content change
            Expect.equal (status, body) (expectedStatus, expectedBody) "answer"
        })

let private answers name text status expected =
    testTask name { do! ask (body text) ignore status expected }

let private withAuthorization (header: string) (request: HttpRequestMessage) =
    request.Headers.TryAddWithoutValidation("Authorization", header) |> ignore

/// What is cut off may be cut off before the answer is read: then it is sent again.
let rec private sentWhole tries (offered: ConcurrentQueue<Line>) (send: unit -> Task<'answer>) : Task<'answer> =
    task {
        offered.Clear()

        try
            return! send ()
        with :? HttpRequestException when tries > 1 ->
            return! sentWhole (tries - 1) offered send
    }

[<Tests>]
let tests =
    testList
        "Service.Ingest"
        [
            answers
                "lines are counted by what became of them, blank ones are skipped"
                "one\n\n  \r\nknown\r\nbad\ntwo"
                HttpStatusCode.MultiStatus
                """{"accepted":2,"alreadyKnown":1,"quarantined":1,"faults":[{"line":5,"reason":"no good"}],"lines":[{"first":1,"last":1,"outcome":"accepted"},{"first":4,"last":4,"outcome":"alreadyKnown"},{"first":5,"last":5,"outcome":"quarantined"},{"first":6,"last":6,"outcome":"accepted"}]}"""

            answers
                "neighbours of the same outcome are told together"
                "one\ntwo\nbad\nbad\nbad"
                HttpStatusCode.MultiStatus
                """{"accepted":2,"alreadyKnown":0,"quarantined":3,"faults":[{"line":3,"reason":"no good"},{"line":4,"reason":"no good"},{"line":5,"reason":"no good"}],"lines":[{"first":1,"last":2,"outcome":"accepted"},{"first":3,"last":5,"outcome":"quarantined"}]}"""

            answers
                "lines that are all known are fine"
                "known\nknown"
                HttpStatusCode.OK
                """{"accepted":0,"alreadyKnown":2,"quarantined":0,"faults":[]}"""

            answers
                "known and bad lines are told apart"
                "known\nbad"
                HttpStatusCode.MultiStatus
                """{"accepted":0,"alreadyKnown":1,"quarantined":1,"faults":[{"line":2,"reason":"no good"}],"lines":[{"first":1,"last":1,"outcome":"alreadyKnown"},{"first":2,"last":2,"outcome":"quarantined"}]}"""

            answers
                "where no line is any good, the post is not"
                "bad\n\nbad"
                HttpStatusCode.UnprocessableEntity
                """{"accepted":0,"alreadyKnown":0,"quarantined":2,"faults":[{"line":1,"reason":"no good"},{"line":3,"reason":"no good"}]}"""

            answers
                "nothing posted is nothing taken"
                ""
                HttpStatusCode.OK
                """{"accepted":0,"alreadyKnown":0,"quarantined":0,"faults":[]}"""

            answers
                "a line that is too long is a fault of its own"
                ("one\n" + String('x', 1_001) + "\n" + String('x', 1_000) + "\ntwo")
                HttpStatusCode.MultiStatus
                """{"accepted":3,"alreadyKnown":0,"quarantined":1,"faults":[{"line":2,"reason":"a line of more than 1000 bytes"}],"lines":[{"first":1,"last":1,"outcome":"accepted"},{"first":2,"last":2,"outcome":"quarantined"},{"first":3,"last":4,"outcome":"accepted"}]}"""

            answers
                "where there is no room, it is told what was taken"
                "one\n\nbad\nfull\nnever"
                HttpStatusCode.TooManyRequests
                """{"accepted":1,"alreadyKnown":0,"quarantined":1,"faults":[{"line":3,"reason":"no good"}],"lines":[{"first":1,"last":1,"outcome":"accepted"},{"first":3,"last":3,"outcome":"quarantined"}],"taken":3,"error":"no room for more now; go on after this many lines"}"""

            testTask "a line that is not UTF-8 is a fault of its own" {
                do!
                    ask
                        (new ByteArrayContent(Array.concat [ "one\n"B; [| 0xFFuy; 0xFEuy |]; "\ntwo\n"B ]))
                        ignore
                        HttpStatusCode.MultiStatus
                        """{"accepted":2,"alreadyKnown":0,"quarantined":1,"faults":[{"line":2,"reason":"a line that is not UTF-8"}],"lines":[{"first":1,"last":1,"outcome":"accepted"},{"first":2,"last":2,"outcome":"quarantined"},{"first":3,"last":3,"outcome":"accepted"}]}"""
            }

            testTask "lines are offered in their order, also of a body in chunks" {
                do!
                    served id (fun url offered ->
                        task {
                            let lines = [ for i in 1..5_000 -> $"line {i}" ]

                            let chunked (request: HttpRequestMessage) =
                                request.Headers.TransferEncodingChunked <- true

                            let! status, reply, _ = send url (body (String.concat "\n" lines)) chunked
                            Expect.equal status HttpStatusCode.OK reply
                            Expect.equal (List.ofSeq offered) (lines |> List.map Line.Text) "offered"
                        })
            }

            testTask "at most 100 faults are told, and all are counted" {
                do!
                    served id (fun url _ ->
                        task {
                            let! _, reply, _ = send url (body (String.replicate 150 "bad\n")) ignore
                            Expect.stringContains reply "\"quarantined\":150" "all counted"
                            Expect.equal (reply.Split("\"line\"").Length - 1) 100 "told"
                            Expect.stringContains reply "{\"line\":100," "the first ones"
                        })
            }

            testTask "at most 1,000 changes of outcome are told" {
                do!
                    served id (fun url _ ->
                        task {
                            let! status, reply, _ = send url (body (String.replicate 600 "one\nbad\n")) ignore
                            Expect.equal status HttpStatusCode.MultiStatus "status"
                            Expect.equal (reply.Split("\"outcome\"").Length - 1) 1_000 "told"
                            Expect.stringContains reply "{\"first\":1000,\"last\":1000," "the first ones"
                        })
            }

            testTask "a byte-order mark before the first line is no part of it" {
                do!
                    served id (fun url offered ->
                        task {
                            let! _ = send url (body "\uFEFFone\ntwo") ignore
                            Expect.equal (List.ofSeq offered) [ Line.Text "one"; Line.Text "two" ] "offered"
                        })
            }

            for name in [ "gzip"; "x-gzip"; "GZIP" ] do
                testTask $"a body in {name} is unpacked" {
                    do!
                        served id (fun url offered ->
                            task {
                                let! status, reply, _ = send url (packed name (gzip "one\ntwo\n"B)) ignore
                                Expect.equal status HttpStatusCode.OK reply
                                Expect.equal (List.ofSeq offered) [ Line.Text "one"; Line.Text "two" ] "offered"
                            })
                }

            for name in [ "br"; "deflate"; "zstd"; "gzip, gzip"; "nonsense" ] do
                testTask $"a body in {name} is refused, and it is told what is taken" {
                    do!
                        served id (fun url offered ->
                            task {
                                use client = Http.client ()
                                use! response = client.PostAsync(url, packed name "one"B)
                                let! reply = response.Content.ReadAsStringAsync()
                                Expect.equal response.StatusCode HttpStatusCode.UnsupportedMediaType reply
                                Expect.stringContains reply $"Content-Encoding: {name}; expected gzip" "reason"

                                Expect.equal
                                    (response.Headers.GetValues "Accept-Encoding" |> String.concat ",")
                                    "gzip"
                                    "what is taken"

                                Expect.isEmpty offered "nothing taken"
                            })
                }

            testTask "a body of identity is as it is" {
                do!
                    served id (fun url offered ->
                        task {
                            let! status, reply, _ = send url (packed "identity" "one"B) ignore
                            Expect.equal status HttpStatusCode.OK reply
                            Expect.equal (List.ofSeq offered) [ Line.Text "one" ] "offered"
                        })
            }

            for name, content in
                [
                    "not packed at all", "one\ntwo\n"B
                    "cut off", (gzip (String.replicate 500 "one\n" |> Encoding.ASCII.GetBytes))[..19]
                ] do
                testTask $"a body that says it is gzip and is {name} is a bad request" {
                    do!
                        served id (fun url _ ->
                            task {
                                let! status, reply, _ = send url (packed "gzip" content) ignore
                                Expect.equal status HttpStatusCode.BadRequest reply
                                Expect.stringContains reply "not gzip" "reason"
                            })
                }

            testTask "a body that unpacks to more than a body may be is cut off" {
                do!
                    served id (fun url offered ->
                        task {
                            let line = Array.append (Array.create 999 (byte 'x')) "\n"B

                            let! status, reply, _ =
                                send url (packed "gzip" (gzip (Array.concat (Array.replicate 6_000 line)))) ignore

                            Expect.equal status HttpStatusCode.RequestEntityTooLarge reply
                            Expect.stringContains reply $"\"taken\":{offered.Count}," "taken"
                            Expect.isTrue (offered.Count > 0 && offered.Count <= 3_000) "lines before the end"

                            let! status, reply, _ =
                                send url (packed "gzip" (gzip (Array.zeroCreate 100_000_000))) ignore

                            Expect.equal status HttpStatusCode.RequestEntityTooLarge reply
                        })
            }

            testTask "while nothing is taken in, posts are to come back later" {
                let refusal = ref (ValueSome "nothing is taken in: disk full")

                let refusing (settings: WebHostSettings) =
                    { settings with
                        Refusal = fun () -> refusal.Value
                    }

                do!
                    served refusing (fun url offered ->
                        task {
                            let! status, reply, headers = send url (body "one") ignore
                            Expect.equal status HttpStatusCode.ServiceUnavailable reply

                            Expect.stringContains
                                reply
                                "\"taken\":0,\"error\":\"nothing is taken in: disk full\""
                                "reply"

                            Expect.equal (headers.RetryAfter |> Option.ofObj |> Option.map string) (Some "7") "seconds"
                            Expect.isEmpty offered "nothing taken"
                            refusal.Value <- ValueNone
                            let! status, _, _ = send url (body "one") ignore
                            Expect.equal status HttpStatusCode.OK "later"
                        })
            }

            testTask "where that begins amid a post, it is told what was taken" {
                let offered = ref 0

                let settings =
                    { ServedController.settings () with
                        Offer =
                            Some(fun _ _ ->
                                offered.Value <- offered.Value + 1
                                Task.FromResult(ServedController.answer Outcome.Accepted))
                        Refusal = fun () -> if offered.Value = 2 then ValueSome "full" else ValueNone
                    }

                do!
                    ServedController.run settings (fun url ->
                        task {
                            let! status, reply, _ = send (Uri(url, "v1/metrics")) (body "1\n2\n3\n") ignore
                            Expect.equal status HttpStatusCode.ServiceUnavailable reply
                            Expect.stringContains reply "\"accepted\":2" "accepted"
                            Expect.stringContains reply "\"taken\":2,\"error\":\"full\"" "taken"
                        })
            }

            testTask "posts that find no room are counted" {
                let settings = ServedController.settings ()

                do!
                    ServedController.run
                        { settings with
                            Offer = Some(fun _ _ -> Task.FromResult(ServedController.answer Outcome.Busy))
                        }
                        (fun url ->
                            task {
                                for _ in 1..2 do
                                    let! _ = send (Uri(url, "v1/metrics")) (body "one") ignore
                                    ()

                                use client = Http.client ()
                                let! page = client.GetStringAsync(Uri(url, "metrics"))
                                Expect.stringContains page "opar_intervals_total{outcome=\"busy\"} 2\n" "counted"
                            })
            }

            testTask "a busy controller says when to come back" {
                do!
                    served id (fun url _ ->
                        task {
                            let! status, _, headers = send url (body "full") ignore
                            Expect.equal status HttpStatusCode.TooManyRequests "status"

                            Expect.equal (headers.RetryAfter |> Option.ofObj |> Option.map string) (Some "7") "seconds"
                        })
            }

            testTask "the answer comes once every line has its outcome" {
                let journaled = TaskCompletionSource<Answer>()

                let settings =
                    { ServedController.settings () with
                        Offer = Some(fun _ _ -> journaled.Task)
                    }

                do!
                    ServedController.run settings (fun url ->
                        task {
                            let answer = send (Uri(url, "v1/metrics")) (body "one") ignore
                            do! Task.Delay 100
                            Expect.isFalse answer.IsCompleted "it waits"
                            journaled.SetResult(ServedController.answer Outcome.Accepted)
                            let! status, _, _ = answer
                            Expect.equal status HttpStatusCode.OK "answered"
                        })
            }

            for chunked in [ false; true ] do
                let kind = if chunked then "in chunks" else "of declared length"

                testTask $"a body {kind} that is too large is cut off, and it is told what was taken" {
                    do!
                        served id (fun url offered ->
                            task {
                                let text = String.replicate 6_000 (String('x', 999) + "\n")

                                let! status, reply, _ =
                                    sentWhole 5 offered (fun () ->
                                        send url (body text) (fun request ->
                                            request.Headers.TransferEncodingChunked <- chunked
                                            request.Headers.ExpectContinue <- true))

                                Expect.equal status HttpStatusCode.RequestEntityTooLarge reply
                                Expect.stringContains reply $"\"taken\":{offered.Count}," "taken"
                                Expect.equal (offered.Count > 0) chunked "lines before the end"
                            })
                }

            testTask "half a line of a connection that breaks is not offered" {
                do!
                    served id (fun url offered ->
                        task {
                            use client = new TcpClient()
                            do! client.ConnectAsync(url.Host, url.Port)

                            do!
                                client
                                    .GetStream()
                                    .WriteAsync(
                                        ReadOnlyMemory
                                            "POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nwhole\nhal"B
                                    )

                            while offered.IsEmpty do
                                do! Task.Delay 5

                            client.Close()
                            do! Task.Delay 50
                            Expect.equal (List.ofSeq offered) [ Line.Text "whole" ] "offered"
                        })
            }

            testTask "a page in a browser cannot post" {
                do!
                    served id (fun url offered ->
                        task {
                            let! status, _, _ =
                                send url (body "one") (fun request ->
                                    request.Headers.Add("Origin", "http://example.org"))

                            Expect.equal status HttpStatusCode.Forbidden "refused"
                            Expect.isEmpty offered "nothing taken"
                        })
            }

            for header in
                [
                    None
                    Some ""
                    Some "Bearer"
                    Some "Bearer wrong"
                    Some "Bearer secre"
                    Some "Bearer secret2"
                    Some "Basic secret"
                    Some "secret"
                ] do
                let shown = header |> Option.defaultValue "no header"

                testTask $"with a token, '{shown}' is not let in" {
                    do!
                        served (ServedController.withToken "secret\n") (fun url offered ->
                            task {
                                let! status, reply, headers =
                                    send url (body "one") (fun request ->
                                        header |> Option.iter (fun header -> withAuthorization header request))

                                Expect.equal status HttpStatusCode.Unauthorized reply
                                Expect.equal (string headers.WwwAuthenticate) "Bearer" "says how"
                                Expect.isEmpty offered "nothing taken"
                            })
                }

            for header in [ "Bearer secret"; "bearer secret" ] do
                testTask $"with a token, '{header}' is let in" {
                    do!
                        served (ServedController.withToken "secret\n") (fun url offered ->
                            task {
                                let! status, reply, _ = send url (body "one") (withAuthorization header)
                                Expect.equal status HttpStatusCode.OK reply
                                Expect.equal offered.Count 1 "taken"
                            })
                }

            testTask "it is for posting, and not there where metrics come from elsewhere" {
                do!
                    served id (fun url _ ->
                        task {
                            use client = Http.client ()
                            let! response = client.GetAsync url
                            Expect.equal response.StatusCode HttpStatusCode.MethodNotAllowed "GET"
                        })

                do!
                    ServedController.run (ServedController.settings ()) (fun url ->
                        task {
                            let! status, _, _ = send (Uri(url, "v1/metrics")) (body "one") ignore
                            Expect.equal status HttpStatusCode.NotFound "no intake"
                        })
            }
        ]

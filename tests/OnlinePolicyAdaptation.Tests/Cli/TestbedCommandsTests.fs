module OnlinePolicyAdaptation.Tests.Cli.TestbedCommands

open System
open System.IO
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Testbed
open OnlinePolicyAdaptation.Testbed.LoadGeneration
open OnlinePolicyAdaptation.Tests

let private key = RandomKey 1UL

let private rates (values: float list) =
    TwoNodes.array (List.map RequestRate values)

let private means text (requests: RequestClass) (pattern: LoadPattern) =
    Expect.equal (LoadText.parse key text) (Ok(ServiceLoad(requests, pattern))) text

let private refuses (text: string) (parts: string list) =
    match LoadText.parse key text with
    | Ok load -> failtest $"{text}: {load}"
    | Error message ->
        Expect.stringStarts message $"--service {text}: " "the place"

        for part in parts do
            Expect.stringContains message part "value and what was expected"

let private answer (context: Microsoft.AspNetCore.Http.HttpContext) : Task =
    match string context.Request.Path with
    | "/shop" ->
        context.Response.Headers[TestbedHeaders.Node] <- "n1"
        StubServer.reply 200 "yes" context
    | "/blocked" -> StubServer.reply 429 "" context
    | _ -> StubServer.reply 503 "" context

[<Tests>]
let tests =
    testList
        "Cli.TestbedCommands"
        [
            test "a load is a service, perhaps clients, and a rate or how it varies" {
                let shop = RequestClass "shop"
                means "shop=50" shop (LoadPattern.Constant(RequestRate 50.0))
                means "shop@premium=0.5" (RequestClass("shop", "premium")) (LoadPattern.Constant(RequestRate 0.5))

                means "shop=sine:60:40:120" shop (LoadPattern.Sine(RequestRate 60.0, RequestRate 40.0, 120.0, 0.0))

                means "shop=steps:20,50,80:30" shop (LoadPattern.RandomSteps(rates [ 20.0; 50.0; 80.0 ], 30.0, key))

                Scratch.withFolder (fun folder ->
                    let path = Path.Combine(folder, "a:b.csv")
                    File.WriteAllText(path, "time,load\n1,20\n2,35.5\n")
                    means $"shop=file:{path}:load:5" shop (LoadPattern.Recorded(rates [ 20.0; 35.5 ], 5.0))
                    File.WriteAllText(path, "load\n-1\n")
                    refuses $"shop=file:{path}:load:5" [ "a:b.csv:2"; "column load"; "'-1'"; "at least 0" ]
                    File.WriteAllText(path, "load\n")
                    refuses $"shop=file:{path}:load:5" [ "no row" ])
            }

            test "what is wrong with a load is said with place, value and what was expected" {
                refuses "shop" [ "expected SERVICE=RATE" ]
                refuses "=5" [ "''"; "expected a service" ]
                refuses "shop@=5" [ "'shop@'"; "client group" ]
                refuses "shop@a b=5" [ "'shop@a b'"; "client group" ]
                refuses "shop=fast" [ "'fast'"; "at least 0" ]
                refuses "shop=-1" [ "'-1'"; "at least 0" ]
                refuses "shop=NaN" [ "'NaN'" ]
                refuses "shop=steps:20,x:30" [ "'x'" ]
                refuses "shop=steps:20:0" [ "'0'"; "seconds above 0" ]
                refuses "shop=sine:60:40" [ "sine:MEAN:AMPLITUDE:PERIOD" ]
                refuses "shop=file:a.csv" [ "file:CSV:COLUMN:SECONDS" ]
            }

            testCaseTask "load is sent, with progress, and a table says how it was answered" (fun () ->
                task {
                    do!
                        StubServer.run answer (fun address ->
                            task {
                                let outcome =
                                    Scratch.withFolder (fun folder ->
                                        Opar.run
                                            folder
                                            [
                                                "testbed"
                                                "load"
                                                string address
                                                "--service"
                                                "shop=50"
                                                "--service"
                                                "blocked@premium=30"
                                                "--service"
                                                "broken=20"
                                                "--seconds"
                                                "1.5"
                                            ])

                                Expect.equal outcome.ExitCode 0 outcome.Errors
                                Expect.stringContains outcome.Errors "100 % of 15" "progress"

                                for part in
                                    [
                                        "shop at n1"
                                        "blocked@premium"
                                        "p99"
                                        "failed: HTTP 503"
                                        "late at the median"
                                    ] do
                                    Expect.stringContains outcome.Output part "table"
                            })
                })

            test "an address at which nobody answers is an error that says so" {
                Scratch.withFolder (fun folder ->
                    let address = $"http://127.0.0.1:{StubServer.freePort ()}"

                    let outcome =
                        Opar.run folder [ "testbed"; "load"; address; "--service"; "shop=50"; "--seconds"; "0.3" ]

                    Expect.equal outcome.ExitCode 1 outcome.Output
                    Expect.stringContains outcome.Errors "was answered: ConnectionRefused" "reason")
            }

            test "options that cannot be used are refused before anything is sent" {
                Scratch.withFolder (fun folder ->
                    let load arguments =
                        let outcome = Opar.run folder ([ "testbed"; "load" ] @ arguments)
                        Expect.equal outcome.ExitCode 1 outcome.Output
                        outcome.Errors

                    Expect.stringContains
                        (load [ "localhost"; "--service"; "shop=5" ])
                        "'localhost'; expected"
                        "address"

                    Expect.stringContains
                        (load [ "http://localhost"; "--service"; "shop=5"; "--service"; "shop=6" ])
                        "shop: given 2 times"
                        "services"

                    Expect.stringContains
                        (load [ "http://localhost"; "--service"; "shop=5"; "--seconds"; "-1" ])
                        "--seconds -1"
                        "seconds")
            }
        ]

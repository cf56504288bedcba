module OnlinePolicyAdaptation.Tests.Cli.OrderCommands

open System.Text.Json
open Expecto
open OnlinePolicyAdaptation.Tests

let private listening (line: string) =
    let message = (JsonElement.Parse line).GetProperty("State").GetProperty "Address"
    string (message.GetString())

/// The address of a controller, once it listens.
let rec private address (controller: System.Diagnostics.Process) =
    match controller.StandardError.ReadLine() with
    | null -> failtest "it ended"
    | line when line.Contains "listening on" -> listening line
    | _ -> address controller

let private around () =
    SmallScenario.withScenario (fun folder _ ->
        use controller =
            Opar.start
                folder
                [
                    "control"
                    "."
                    "--post"
                    "--listen"
                    "http://127.0.0.1:0"
                    "--journal"
                    "j.db"
                ]

        try
            let url = address controller

            let succeeds arguments (parts: string list) =
                let outcome = Opar.run folder (arguments @ [ "--url"; url ])
                Expect.equal outcome.ExitCode 0 outcome.Errors

                for part in parts do
                    Expect.stringContains outcome.Output part "told"

                outcome.Output

            succeeds
                [ "hold"; "--until"; "2999-01-31T12:00:00Z"; "--by"; "anna" ]
                [ "held until 2999-01-31T12:00:00Z" ]
            |> ignore

            succeeds [ "status" ] [ "small"; "until 2999-01-31T12:00:00Z"; "anna (127.0.0.1)"; "none yet" ]
            |> ignore

            succeeds [ "status"; "--json" ] [ "\"order\":{\"order\":\"hold\"" ] |> ignore
            succeeds [ "resume" ] [ "goes on" ] |> ignore
            let status = succeeds [ "status" ] [ "small" ]
            Expect.isFalse (status.Contains "anna") "taken back"

            for arguments, part in
                [
                    [ "hold"; "--until"; "tomorrow"; "--url"; url ], "until: 'tomorrow'"
                    [ "hold"; "--until"; "2999-01-31T12:00:00Z"; "--minutes"; "5"; "--url"; url ], "--minutes"
                    [ "hold"; "--minutes"; "-1"; "--url"; url ], "--minutes: -1"
                    [ "hold"; "--url"; "ftp://user:secret@host" ], "--url: 'ftp://***@host'"
                    [ "hold"; "--url"; url; "--token-file"; "missing" ], "--token-file: missing"
                    [ "status"; "--url"; "http://127.0.0.1:1" ], "http://127.0.0.1:1/v1/status: "
                ] do
                let outcome = Opar.run folder arguments
                Expect.equal outcome.ExitCode 1 $"{arguments}"
                Expect.stringContains outcome.Errors part $"{arguments}"
                Expect.isFalse (outcome.Errors.Contains "secret") outcome.Errors
        finally
            controller.Kill())

[<Tests>]
let tests =
    testList
        "Cli.OrderCommands"
        [
            testCase "a controller that listens is told to hold and to go on, and says how it is" around
        ]

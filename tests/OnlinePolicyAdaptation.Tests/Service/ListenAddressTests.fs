module OnlinePolicyAdaptation.Tests.Service.ListenAddress

open Expecto
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private refuses address tokenFile parts =
    match ListenAddress.create address tokenFile with
    | Ok _ -> failtest $"{address} accepted"
    | Error message ->
        for part in address :: parts do
            Expect.stringContains message part "says why"

[<Tests>]
let tests =
    testList
        "Service.ListenAddress"
        [
            for address in
                [
                    "http://127.0.0.1:8080"
                    "http://127.1.2.3:0"
                    "http://[::1]:8080"
                    "http://localhost:8080/"
                ] do
                test $"{address} needs no token" {
                    Expect.isOk (ListenAddress.create address None) "only this machine reaches it"
                }

            for address in [ "http://0.0.0.0:8080"; "http://[::]:8080"; "http://10.0.0.7:8080" ] do
                test $"{address} needs a token" {
                    refuses address None [ "bearer token" ]

                    Scratch.withFile "token" "secret\n" (fun path ->
                        Expect.isOk (ListenAddress.create address (Some path)) "with a token")
                }

            for address in
                [
                    "127.0.0.1:8080"
                    "https://127.0.0.1:8080"
                    "http://example.org:8080"
                    "http://*:8080"
                    "http://127.0.0.1:8080/metrics"
                    "http://127.0.0.1:80800"
                    ""
                ] do
                test $"'{address}' is none" { refuses address None [ "http://127.0.0.1:8080" ] }

            for name, text, part in
                [
                    "empty", " \n", "empty"
                    "of two words", "qqq qqq", "without blanks"
                    "of other letters", "qqq\u00df", "ASCII"
                    "too long", String.replicate 9_000 "q", "9000 bytes"
                ] do
                test $"a token that is {name} is an error" {
                    Scratch.withFile "token" text (fun path ->
                        match ListenAddress.create "http://127.0.0.1:0" (Some path) with
                        | Ok _ -> failtest "accepted"
                        | Error message ->
                            Expect.stringContains message path "file"
                            Expect.stringContains message part "reason"
                            Expect.isFalse (message.Contains "qqq") "tells no secret")
                }

            test "a token file that is not there is an error, also where no token is needed" {
                match ListenAddress.create "http://127.0.0.1:0" (Some "no-such-token") with
                | Ok _ -> failtest "accepted"
                | Error message -> Expect.stringContains message "no-such-token: no such file" "named"
            }
        ]

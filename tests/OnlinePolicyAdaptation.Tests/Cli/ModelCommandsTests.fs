module OnlinePolicyAdaptation.Tests.Cli.ModelCommands

open System.IO
open Expecto
open OnlinePolicyAdaptation.Tests

let private case name =
    Path.Combine(Repository.folder, "tests", "OnlinePolicyAdaptation.Tests", "Cases", name)

/// Fits a file, in a folder of its own.
let private fit file check =
    Scratch.withFolder (fun folder ->
        Opar.run folder [ "fit"; file; "--out"; "model.forest"; "--trees"; "5" ]
        |> check (File.Exists(Path.Combine(folder, "model.forest"))))

let private expectFit file (rows: int, leftOut: int) =
    fit file (fun isThere outcome ->
        Expect.equal outcome.ExitCode 0 outcome.Errors
        Expect.stringContains outcome.Output $"{rows} rows, and {leftOut} left out" "counted"
        Expect.isTrue isThere "written")

let private expectRefusal file (parts: string list) =
    fit file (fun isThere outcome ->
        Expect.equal outcome.ExitCode 1 outcome.Errors
        Expect.hasLength (outcome.Errors.TrimEnd().Split '\n') 1 "one line"

        for part in file :: parts do
            Expect.stringContains outcome.Errors part "names place and value"

        Expect.isFalse isThere "nothing written")

let private fits name file expected =
    testCase name (fun () -> expectFit (case file) expected)

let private refuses name file parts =
    testCase name (fun () -> expectRefusal (case file) parts)

let private withText name (lines: string list) test =
    testCase name (fun () -> Scratch.withFile "trace.csv" (String.concat "\n" lines) test)

let private fitsText name lines expected =
    withText name lines (fun path -> expectFit path expected)

let private refusesText name lines parts =
    withText name lines (fun path -> expectRefusal path parts)

let private header = "l1,c1,cl1,d1,l2,c2,cl2,d2"
let private row = "5,1,5,0.1,7,1,7,0.2"

[<Tests>]
let tests =
    testList
        "Cli.ModelCommands"
        [
            fits "rows in which nothing was served are left out" "nothing-served.csv" (57, 3)
            fits "a long cell in another column does not matter" "long-field.csv" (60, 0)
            fits "blank lines are passed over" "blank-lines.csv" (60, 0)
            fits "a first line may say the separator" "sep-line.csv" (60, 0)
            refuses "a longer row" "row-longer-than-header.csv" [ ":9:"; "16 cells"; "expected 15"; "comma" ]
            refuses "decimal commas between commas" "decimal-comma.csv" [ ":2:"; "23 cells"; "expected 15"; "comma" ]

            fitsText
                "a row is left out where one service is silent, whatever stands for its response time"
                [
                    header
                    for silent in [ ""; "NaN"; "0"; "nan"; "NA"; "null"; "-" ] do
                        row
                        $"5,1,0,{silent},7,1,7,0.2"
                ]
                (7, 7)

            refusesText
                "a response time that is missing though something was served"
                [ header; row; "5,1,5,0.1,7,1,7,NaN" ]
                [ ":3: column d2: 'NaN' is not a number, though cl2 is 7" ]

            refusesText "a header alone" [ header ] [ "a header and no row" ]
            for name, options, parts in
                [
                    "a feature that is named twice",
                    [ "--features"; "c1,p11,c1" ],
                    [ "--features: c1 is named 2 times"; "expected each column once" ]
                    "a target that is named twice",
                    [ "--targets"; "d1,d1" ],
                    [ "--targets: d1 is named 2 times"; "expected each column once" ]
                    "more trees than there may be",
                    [ "--trees"; "100000" ],
                    [ "--trees: 100000; expected at most 10000" ]
                ] do
                testCase name (fun () ->
                    Scratch.withFolder (fun folder ->
                        SmallScenario.write folder

                        let outcome =
                            Opar.run folder ([ "fit"; "before.csv"; "--out"; "model.forest" ] @ options)

                        Expect.equal outcome.ExitCode 1 outcome.Errors

                        for part in parts do
                            Expect.stringContains outcome.Errors part "names place and value"

                        Expect.isFalse (File.Exists(Path.Combine(folder, "model.forest"))) "nothing written"))

            testCase "response times that are all 0 are not too few samples" (fun () ->
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder

                    let zeros =
                        File.ReadAllLines(Path.Combine(folder, "before.csv"))
                        |> Array.mapi (fun i line ->
                            if i = 0 then
                                line
                            else
                                line.Substring(0, line.LastIndexOf ',' + 1) + "0")

                    File.WriteAllLines(Path.Combine(folder, "zero.csv"), zeros)
                    let outcome = Opar.run folder [ "evaluate"; "zero.csv" ]
                    Expect.equal outcome.ExitCode 0 outcome.Errors

                    Expect.stringContains
                        outcome.Output
                        "all response times that were measured of the"
                        "what is wrong with them"))

            refusesText "a single row" [ header; row ] [ "one row"; "expected two" ]
            refusesText "rows without service alone" [ header; "5,1,0,,7,1,0," ] [ "no row in which every service" ]
            refusesText "a column twice" [ "l1,c1,d1,d1"; "1,1,1,1" ] [ ":1:"; "'d1'"; "cells 3 and 4" ]

            test "of another service than the target's, silence does not matter" {
                Scratch.withFile
                    "trace.csv"
                    (String.concat "\n" [ header; row; row; "5,1,5,0.1,7,1,0,"; "" ])
                    (fun path ->
                        let fitted (targets: string) =
                            Scratch.withFolder (fun folder ->
                                Opar.run
                                    folder
                                    [
                                        "fit"
                                        path
                                        "--out"
                                        "m"
                                        "--trees"
                                        "5"
                                        "--features"
                                        "c1,l1"
                                        "--targets"
                                        targets
                                    ])

                        Expect.stringContains (fitted "d1").Output "3 rows, and 0 left out" "the first service's"
                        Expect.stringContains (fitted "d2").Output "2 rows, and 1 left out" "the second service's")
            }

            test "where the model cannot be written, that is said before it is fitted" {
                Scratch.withFolder (fun folder ->
                    let outcome =
                        Opar.run folder [ "fit"; case "blank-lines.csv"; "--out"; "no/such/model" ]

                    Expect.equal outcome.ExitCode 1 outcome.Errors
                    Expect.isEmpty outcome.Output "nothing said of a fit"
                    Expect.stringContains outcome.Errors "no/such/model" "named")
            }
        ]

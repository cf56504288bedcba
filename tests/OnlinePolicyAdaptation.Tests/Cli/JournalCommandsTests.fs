module OnlinePolicyAdaptation.Tests.Cli.JournalCommands

open System
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open Expecto
open OnlinePolicyAdaptation.Tests

let private succeeds folder arguments =
    let outcome = Opar.run folder arguments
    Expect.equal outcome.ExitCode 0 $"{outcome.Output}{outcome.Errors}"
    outcome.Output

let private lines (text: string) =
    text.Split('\n', StringSplitOptions.RemoveEmptyEntries)

/// A folder in which a controller has gone through the small system's trace after its change, in shadow mode.
let private withJournal test =
    SmallScenario.withScenario (fun folder _ ->
        succeeds
            folder
            [
                "control"
                folder
                "--trace"
                Path.Combine(folder, "after.csv")
                "--mode"
                "shadow"
                "--journal"
                "journal.db"
                "--quiet"
            ]
        |> ignore

        test folder)

[<Tests>]
let tests =
    testList
        "Cli.JournalCommands"
        [
            test "a journal's decisions are those of its intervals, replayed" {
                withJournal (fun folder ->
                    let export format =
                        succeeds folder [ "journal"; "export"; "journal.db"; "--format"; format ]

                    let input = Path.Combine(folder, "intervals.ndjson")
                    File.WriteAllText(input, export "intervals")
                    let decisions = export "decisions" |> lines
                    Expect.equal decisions.Length 120 "one per row of the trace"

                    let replayed =
                        Opar.runOn input folder [ "control"; folder; "--stdin"; "--mode"; "shadow" ]

                    Expect.equal (lines replayed.Output) decisions "bit for bit")
            }

            test "as CSV it is a trace that other commands read" {
                withJournal (fun folder ->
                    succeeds folder [ "journal"; "export"; "journal.db"; "--out"; "cycles.csv" ]
                    |> ignore

                    let rows = File.ReadAllLines(Path.Combine(folder, "cycles.csv"))
                    Expect.stringStarts rows[0] "cycle,time,p11,c1,l1,cl1,d1,mode,by,move_p11" "columns"
                    Expect.equal rows.Length 121 "a header and a row per cycle"
                    Expect.stringContains (succeeds folder [ "fit"; "cycles.csv"; "--out"; "m.forest" ]) "d1" "fits")
            }

            test "its summary says what would have been done, and the page shows it" {
                withJournal (fun folder ->
                    let shown =
                        succeeds folder [ "journal"; "show"; "journal.db"; "--report"; "page.html" ]

                    Expect.stringContains shown "would have departed from the base policy" "the answer"
                    let page = File.ReadAllText(Path.Combine(folder, "page.html"))
                    Expect.equal (Regex.Matches(page, "class=\"chart\"").Count) 5 "charts"
                    Expect.isFalse (page.Contains "<script src") "works offline")
            }

            test "the action that is explained is the one that was decided on, and has the largest Q-factor" {
                withJournal (fun folder ->
                    let decisions =
                        succeeds folder [ "journal"; "export"; "journal.db"; "--format"; "decisions" ]
                        |> lines

                    for cycle in [ 1; 119 ] do
                        use decision = JsonDocument.Parse decisions[cycle]
                        let q = decision.RootElement.GetProperty("qFactor").GetDouble()

                        let explained =
                            succeeds folder [ "explain"; "--journal"; "journal.db"; "--cycle"; string<int> cycle ]

                        let decided =
                            lines explained
                            |> Array.filter (fun line -> line.Contains "decided" && line.Contains "p11=")

                        let best =
                            lines explained |> Array.find (fun line -> line.TrimStart().StartsWith "p11")

                        Expect.equal decided.Length 1 explained
                        let text = q.ToString("0.######", Globalization.CultureInfo.InvariantCulture)
                        Expect.stringContains decided[0] text "the Q-factor it was decided on"
                        Expect.stringContains best text "none is larger")
            }

            test "of a scenario that was edited since, it is said what differs, and nothing explained unless anyway" {
                withJournal (fun folder ->
                    let file = Path.Combine(folder, "scenario.json")
                    let text = File.ReadAllText file
                    File.WriteAllText(file, text.Replace("\"discount\": 0.99", "\"discount\": 0.9"))
                    let explain = [ "explain"; "--journal"; "journal.db"; "--cycle"; "1" ]
                    let refused = Opar.run folder explain
                    Expect.equal refused.ExitCode 1 refused.Output
                    Expect.equal refused.Output "" "nothing is explained"

                    Expect.stringContains
                        refused.Errors
                        "scenario.json: goal.discount 0.9 instead of 0.99"
                        "what, and where"

                    let anyway = Opar.run folder (explain @ [ "--anyway" ])
                    Expect.equal anyway.ExitCode 0 anyway.Errors
                    Expect.stringContains anyway.Errors "discount 0.9 instead of 0.99" "said all the same"
                    let shown = Opar.run folder [ "journal"; "show"; "journal.db" ]
                    Expect.equal shown.ExitCode 0 shown.Errors
                    Expect.stringContains shown.Errors "discount 0.9 instead of 0.99" "said here too"
                    File.WriteAllText(file, text)
                    File.AppendAllText(Path.Combine(folder, "before.csv"), "5,1,5,5,0.1\n")
                    Expect.stringContains (Opar.run folder explain).Errors "before.csv has changed" "its trace")
            }

            test "the last intervals are taken back, and come again" {
                withJournal (fun folder ->
                    let show () =
                        succeeds folder [ "journal"; "show"; "journal.db" ]

                    let export () =
                        succeeds folder [ "journal"; "export"; "journal.db"; "--format"; "decisions" ]
                        |> lines

                    let before = export ()
                    use at = JsonDocument.Parse before[99]
                    let time = string (at.RootElement.GetProperty("time").GetString())

                    let undo time =
                        Opar.run folder [ "journal"; "undo"; "journal.db"; "--to"; time ]

                    let naive = undo (time.TrimEnd 'Z')
                    Expect.equal naive.ExitCode 1 naive.Output
                    Expect.stringContains naive.Errors "offset" "what is missing"
                    Expect.stringContains (undo time).Output "20 intervals taken back, from cycle 100 on" "says so"
                    Expect.stringContains (undo time).Output "nothing after" "once"
                    Expect.equal (export ()) before[..99] "the others stay"
                    Expect.stringContains (show ()) "20 intervals, from cycle 100 on" "so does the summary"

                    succeeds
                        folder
                        [
                            "control"
                            "."
                            "--trace"
                            "after.csv"
                            "--mode"
                            "shadow"
                            "--journal"
                            "journal.db"
                            "--quiet"
                        ]
                    |> ignore

                    Expect.equal (export ()) before "the same as before")
            }

            test "what cannot be answered is said" {
                withJournal (fun folder ->
                    File.WriteAllText(
                        Path.Combine(folder, "text.db"),
                        "no database, and long enough for a header of one"
                    )

                    for arguments, said in
                        [
                            [ "explain"; "--journal"; "journal.db"; "--cycle"; "120" ], "--cycle: 120"
                            [ "explain"; "--journal"; "nowhere.db"; "--cycle"; "1" ], "nowhere.db: no such file"
                            [ "journal"; "show"; "text.db" ], "text.db"
                            [ "journal"; "export"; "journal.db"; "--format"; "xml" ], "--format: 'xml'"
                            [ "journal"; "show"; "journal.db"; "--scenario"; "nowhere" ], "nowhere"
                        ] do
                        let outcome = Opar.run folder arguments
                        Expect.equal outcome.ExitCode 1 said
                        Expect.stringContains outcome.Errors said "what and where"
                        Expect.equal (lines outcome.Errors).Length 1 "one line")
            }
        ]

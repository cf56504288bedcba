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

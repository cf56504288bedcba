module OnlinePolicyAdaptation.Tests.Cli.LiveTestbed

open System
open System.Diagnostics
open System.IO
open System.Net.Http
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Tests

/// Two services on two nodes, half a second per cycle, four configurations.
let private scenario =
    """{
  "name": "small-testbed",
  "formatVersion": 2,
  "system": {
    "services": [{ "name": "shop" }, { "name": "mail" }],
    "nodes": ["node-1", "node-2"],
    "controls": [
      { "name": "p11", "routingWeight": { "service": "shop", "node": "node-1" }, "lowest": 0, "highest": 1, "levels": 2 },
      { "name": "c1", "cpuCores": { "nodes": ["node-1", "node-2"] }, "lowest": 5, "highest": 10, "levels": 2 }
    ],
    "start": { "p11": 1, "c1": 5 }
  },
  "goal": {
    "services": [{ "name": "shop", "sloSeconds": 1 }, { "name": "mail", "sloSeconds": 1 }],
    "reward": { "saves": [["c1"]] },
    "discount": 0.9
  },
  "controller": { "basePolicy": { "static": {} }, "estimation": { "trees": 5, "minimumSamples": 4, "loadStep": 40 } },
  "live": {
    "intervalSeconds": 0.4,
    "testbed": {
      "settlingSeconds": 0.1,
      "services": [{ "kind": "compute", "workMilliseconds": 0.5 }, { "kind": "information", "workMilliseconds": 0.5 }],
      "recording": { "intervals": 2 }
    }
  },
  "experiment": {
    "cycles": 4,
    "seeds": 1,
    "loads": [{ "requestsPerSecond": 40 }, { "requestsPerSecond": 40 }],
    "changes": [{ "atCycle": 2, "trace": "after.csv", "testbed": [{ "slowdown": { "node": "node-2", "factor": 5 } }] }],
    "compared": { "horizons": [1] },
    "traces": {
      "before": "before.csv",
      "columns": {
        "controls": [{ "column": "p11", "unit": "fraction" }, { "column": "c1", "unit": "cores" }],
        "services": [
          { "loadLevel": { "column": "expected_l1", "unit": "req/s" }, "offeredLoad": { "column": "l1", "unit": "req/s" }, "carriedLoad": { "column": "cl1", "unit": "req/s" }, "meanResponseTime": { "column": "d1", "unit": "s" } },
          { "loadLevel": { "column": "expected_l2", "unit": "req/s" }, "offeredLoad": { "column": "l2", "unit": "req/s" }, "carriedLoad": { "column": "cl2", "unit": "req/s" }, "meanResponseTime": { "column": "d2", "unit": "s" } }
        ]
      }
    }
  }
}"""

let private withScenario test =
    Scratch.withFolder (fun folder ->
        File.WriteAllText(Path.Combine(folder, "scenario.json"), scenario)
        test folder)

let private succeeds folder arguments =
    let outcome = Opar.run folder arguments
    Expect.equal outcome.ExitCode 0 $"{arguments}\n{outcome.Output}{outcome.Errors}"
    outcome

let private answers (client: HttpClient) (address: Uri) =
    try
        use response = client.GetAsync(address).GetAwaiter().GetResult()
        Some(int response.StatusCode)
    with :? HttpRequestException ->
        None

[<Tests>]
let tests =
    testList
        "Cli.LiveTestbed"
        [
            test "a testbed is recorded, in two goes, policies are run on it, and it is controlled" {
                withScenario (fun folder ->
                    let record more =
                        succeeds folder ([ "testbed"; "record"; "."; "--out"; "before.csv" ] @ more)

                    let rows file =
                        File.ReadAllLines(Path.Combine(folder, file)).Length - 1

                    record [ "--configurations"; "1" ] |> ignore
                    Expect.equal (rows "before.csv") 2 "a part of the grid"
                    let again = record []
                    Expect.equal (rows "before.csv") 8 "the whole of it"
                    Expect.stringContains again.Errors " rows already" "it goes on"

                    succeeds folder [ "testbed"; "record"; "."; "--out"; "after.csv"; "--after-change" ]
                    |> ignore

                    let run = succeeds folder [ "testbed"; "run"; "."; "--quick"; "--out"; "run" ]
                    Expect.stringContains run.Output "rollout" "a table"

                    let results = File.ReadAllLines(Path.Combine(folder, "run", "results.csv"))
                    Expect.equal (results.Length - 1) (3 * 4) "base, rollout and optimum, four cycles each"

                    Expect.stringContains
                        (File.ReadAllText(Path.Combine(folder, "run", "report.html")))
                        "testbed, real requests on one machine"
                        "the report says what was run on"

                    let control =
                        succeeds folder [ "control"; "."; "--testbed"; "--cycles"; "4"; "--journal"; "journal.db" ]

                    Expect.equal
                        (control.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Length
                        4
                        "a decision on each interval"

                    let intervals =
                        (succeeds folder [ "journal"; "export"; "journal.db"; "--format"; "intervals" ]).Output

                    Expect.stringContains intervals "utilisation" "of nodes")
            }

            test "a testbed that is up takes changes, and leaves nothing behind when it is killed" {
                withScenario (fun folder ->
                    use up = Opar.start folder [ "testbed"; "up"; "." ]
                    use client = new HttpClient()

                    let addresses =
                        [
                            for _ in 1..3 ->
                                match up.StandardOutput.ReadLine() with
                                | null -> failtest (up.StandardError.ReadToEnd())
                                | line -> Uri(line.Substring(line.IndexOf ' ' + 1))
                        ]

                    up.StandardOutput.ReadLine() |> ignore

                    let shop = Uri(addresses.Head, "shop")
                    Expect.equal (answers client shop) (Some 200) "it serves"
                    succeeds folder [ "testbed"; "change"; "."; "slowdown:node-1=3" ] |> ignore

                    Expect.stringContains
                        (client.GetStringAsync(Uri(addresses[1], "testbed/node")).GetAwaiter().GetResult())
                        "\"slowdown\":3"
                        "the node is slower"

                    let refused = Opar.run folder [ "testbed"; "change"; "."; "gone:node-9" ]
                    Expect.equal refused.ExitCode 1 "unknown"
                    Expect.stringContains refused.Errors "node 'node-9'; expected one of node-1, node-2" "said"

                    up.Kill()
                    up.WaitForExit()

                    let isThere () =
                        addresses |> List.exists (answers client >> Option.isSome)

                    let patience = Stopwatch.StartNew()

                    while isThere () && patience.Elapsed < TimeSpan.FromSeconds 20.0 do
                        Thread.Sleep 50

                    Expect.isFalse (isThere ()) "no process is left that listens")
            }

            test "Ctrl-C ends a testbed, and nothing is left" {
                if Opar.ignoresInterrupts () then
                    skiptest "Ctrl-C is ignored here, as in a shell's background"

                withScenario (fun folder ->
                    use up = Opar.start folder [ "testbed"; "up"; "."; "--without-load" ]
                    use client = new HttpClient()

                    let front =
                        match up.StandardOutput.ReadLine() with
                        | null -> failtest (up.StandardError.ReadToEnd())
                        | line -> Uri(line.Substring(line.IndexOf ' ' + 1))

                    use kill = Process.Start("kill", [ "-INT"; string<int> up.Id ])
                    kill.WaitForExit()
                    up.WaitForExit()
                    Expect.equal up.ExitCode 0 "it was meant to run until then"
                    Expect.equal (answers client front) None "the front is gone"

                    Expect.isFalse
                        (File.Exists(Path.Combine(folder, "results", "small-testbed-testbed", "address")))
                        "the address, too")
            }
        ]

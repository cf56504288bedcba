// Scenario 7: a suite of systems that go on changing. Each pattern is the scenario with some fields replaced, run with all
// base policies, horizons and baselines, and kept in a folder of its own: what is there is not run again.
//
//   dotnet fsi build.fsx build
//   dotnet fsi scenarios/7-changes/run.fsx [--quick] [--smoke] [--seeds N] [--only PATTERN,..] [--threads N] [--out DIR]

#load "../script.fsx"

open System
open System.IO
open System.Threading
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

let private changes cycles (changes: string list) =
    let changes = String.concat ", " changes

    [
        "experiment.cycles", string<int> cycles
        "experiment.changes", $"[{changes}]"
    ]

let private node number fields =
    $"""{{ "node": "node-{number}", {fields} }}"""

/// Before this cycle these nodes change.
let private at (cycle: int) name (nodes: string list) =
    let nodes = String.concat ", " nodes
    $"""{{ "atCycle": {cycle}, "name": "{name}", "nodes": [{nodes}] }}"""

let private speed number (value: float) = node number $"\"speed\": {value}"

// The systems: N as the scenario has it, S1 and S2 with node 1 or node 2 at 45 % of its speed.
let private n cycle =
    at cycle "N" [ speed 1 0.74; speed 2 1.0 ]

let private s1 cycle =
    at cycle "S1" [ speed 1 0.33; speed 2 1.0 ]

let private s2 cycle =
    at cycle "S2" [ speed 1 0.74; speed 2 0.45 ]

let private pattern name title fields =
    {
        Name = name
        Title = title
        Fields = fields
    }

let patterns =
    [
        pattern "single" "node 2 becomes slower" (changes 70 [ s2 10 ])
        pattern "back" "node 2 becomes slower for 40 cycles" (changes 150 [ s2 30; n 70 ])
        pattern "spike" "node 2 is slower for 3 cycles" (changes 103 [ s2 40; n 43 ])
        pattern "oscillation" "node 2 is slower in every other 50 cycles" (changes 250 [ s2 50; n 100; s2 150; n 200 ])
        pattern "s1-then-s2" "first node 1 is slower, then node 2" (changes 150 [ s1 30; s2 70 ])
        pattern "s2-then-s1" "first node 2 is slower, then node 1" (changes 150 [ s2 30; s1 70 ])
        pattern
            "drift"
            "node 2 becomes slower in 10 steps of 8 cycles"
            (changes
                170
                [
                    $"""{{ "atCycle": 30, "name": "S2", "ramp": {{ "cycles": 80, "steps": 10 }}, "nodes": [{speed 2 0.45}] }}"""
                ])
        pattern "swap" "the nodes swap their speeds" (changes 70 [ at 10 "swapped" [ speed 1 1.0; speed 2 0.74 ] ])
        pattern
            "latency"
            "the way to node 2 becomes 72 ms longer"
            (changes 70 [ at 10 "far" [ node 2 "\"latencySeconds\": 0.044" ] ])
        pattern
            "load-and-system"
            "the load doubles as node 2 becomes slower"
            (changes
                70
                [
                    $"""{{ "atCycle": 10, "name": "S2-load-10", "nodes": [{speed 2 0.45}], "loads": [{{ "service": "service-1", "load": {{ "requestsPerSecond": 10 }} }}] }}"""
                ])
        pattern
            "never-better"
            "node 2 was slow as long as anyone knows, and becomes faster"
            (changes 150 [ at 30 "N" [ speed 2 1.0 ] ]
             @ [
                 ("simulation.nodes",
                  """[
                   { "speed": 0.74, "speedByCores": [0.95, 1, 0.72, 1, 1], "latencySeconds": 0.008, "jitterSeconds": 0.0005, "capacity": 10 },
                   { "speed": 0.45, "speedByCores": [1, 0.9, 0.5, 0.7, 0.9], "latencySeconds": 0.008, "jitterSeconds": 0.0005, "capacity": 10 }
                 ]""")
             ])
        pattern "stationary" "nothing changes" (changes 300 [])
    ]

/// A whole number that is at least 1.
let private (|Number|_|) (text: string) =
    match Int32.TryParse text with
    | true, number when number >= 1 -> Some number
    | _ -> None

type private Options =
    {
        Quick: bool
        Smoke: bool
        Seeds: int option
        Only: string list
        Threads: int
        Out: string
    }

let rec private parse options arguments =
    match arguments with
    | [] -> Ok options
    | "--quick" :: rest -> parse { options with Quick = true } rest
    | "--smoke" :: rest -> parse { options with Smoke = true } rest
    | "--seeds" :: (Number seeds) :: rest -> parse { options with Seeds = Some seeds } rest
    | "--threads" :: (Number threads) :: rest -> parse { options with Threads = threads } rest
    | "--out" :: path :: rest -> parse { options with Out = path } rest
    | "--only" :: names :: rest ->
        let names = names.Split ',' |> List.ofArray
        let known = patterns |> List.map _.Name

        match names |> List.tryFind (fun name -> not (List.contains name known)) with
        | Some name ->
            let known = String.concat ", " known
            Error $"--only: '{name}' is no pattern; expected some of {known}"
        | None -> parse { options with Only = names } rest
    | other :: _ ->
        Error
            $"{other}: expected --quick, --smoke, --seeds N, --only PATTERN,.., --threads N or --out DIR, N at least 1"

/// What the options make of a pattern's scenario.
let private edit options (scenario: Scenario) =
    let seeds =
        if options.Smoke then 1
        elif options.Quick then 2
        else scenario.Experiment.Seeds

    let scenario =
        { scenario with
            Experiment.Seeds = Option.defaultValue seeds options.Seeds
        }

    if options.Quick || options.Smoke then
        { scenario with
            Experiment.AlsoBasePolicies =
                scenario.Experiment.AlsoBasePolicies
                |> List.skip (scenario.Experiment.AlsoBasePolicies.Length - 1)
            Experiment.ReferenceIntervals = 60
            Experiment.Cycles =
                if options.Smoke then
                    min 15 scenario.Experiment.Cycles
                else
                    scenario.Experiment.Cycles
        }
    else
        scenario

let private run options =
    let chosen =
        patterns
        |> List.filter (fun pattern ->
            if not options.Only.IsEmpty then
                List.contains pattern.Name options.Only
            elif options.Smoke then
                pattern.Name = "single"
            else
                true)

    let command =
        "dotnet fsi scenarios/7-changes/run.fsx"
        :: List.tail (List.ofArray fsi.CommandLineArgs)
        |> String.concat " "

    let changed = $"seeds {options.Seeds}, quick {options.Quick}, smoke {options.Smoke}"

    let outcomes =
        chosen
        |> List.fold
            (fun outcomes pattern ->
                outcomes
                |> Result.bind (fun outcomes ->
                    let began = TimeProvider.System.GetTimestamp()

                    Suite.run
                        __SOURCE_DIRECTORY__
                        options.Out
                        (edit options)
                        changed
                        command
                        options.Threads
                        CancellationToken.None
                        pattern
                    |> Result.map (fun outcome ->
                        let seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds
                        eprintfn "%s: %.0f s" pattern.Name seconds
                        outcome :: outcomes)))
            (Ok [])
        |> Result.map List.rev

    outcomes
    |> Result.map (fun outcomes ->
        let title, question =
            "A system that goes on changing", outcomes.Head.Outcome.Settings.Question

        let page = SuiteReport.html title question command outcomes
        let report = Path.Combine(options.Out, "report.html")
        AtomicFile.Write(report, (fun text -> text.Write page))
        printfn "%s" (SuiteReport.markdown outcomes)
        printfn "report: %s" (Path.GetFullPath report))

let private options =
    parse
        {
            Quick = false
            Smoke = false
            Seeds = None
            Only = []
            Threads = Environment.ProcessorCount
            Out = Path.Combine("results", "7-changes")
        }
        (List.tail (List.ofArray fsi.CommandLineArgs))

match options with
| Error message ->
    eprintfn "run.fsx: %s" message
    exit 2
| Ok options ->
    match
        (try
            run options
         with :? BadInputException as e ->
             Error e.Message)
    with
    | Ok() -> ()
    | Error message ->
        eprintfn "run.fsx: %s" message
        exit 1

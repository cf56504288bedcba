// Scenario 3: the load changes. The experiment of `opar run scenarios/3-load-change` as a script that can be edited,
// and before it what the policies would earn if the recorded response times were all there is to the system.
//
//   dotnet fsi build.fsx build
//   dotnet fsi scenarios/3-load-change/run.fsx [--smoke] [--sine] [--traces BEFORE AFTER] [--out DIR]

#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Domain.dll"
#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Learning.dll"
#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Planning.dll"
#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.ControlCycle.dll"
#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Experiments.dll"

open System
open System.IO
open System.Threading
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Experiments

type Options =
    {
        Smoke: bool
        Sine: bool
        Traces: (string * string) option
        Out: string
    }

let rec parse options arguments =
    match arguments with
    | [] -> Ok options
    | "--smoke" :: rest -> parse { options with Smoke = true } rest
    | "--sine" :: rest -> parse { options with Sine = true } rest
    | "--traces" :: before :: after :: rest ->
        parse
            { options with
                Traces = Some(before, after)
            }
            rest
    | "--out" :: path :: rest -> parse { options with Out = path } rest
    | other :: _ -> Error $"{other}: expected --smoke, --sine, --traces BEFORE AFTER or --out DIR"

/// What the script changes of the scenario; add what you like to try.
let edited options (scenario: Scenario) =
    let scenario =
        match options.Traces with
        | Some(before, after) ->
            { scenario with
                BasePolicy = GivenPolicy.Optimal
                TraceBefore = Some before
                TraceAfter = Some after
            }
        | None -> scenario

    if options.Smoke then
        { scenario with
            Seeds = 1
            Cycles = 12
            ChangeAt = 4
            AlsoForgetting = []
        }
    else
        scenario

/// Steps from the start that are summed up.
let steps = 8

let print (header, rows) =
    for row in header :: rows do
        printfn
            "%s"
            (String.Join(
                "  ",
                row
                |> List.mapi (fun i (cell: string) -> cell.PadRight(if i = 0 then 38 else 18))
            ))

    printfn ""

/// What the report says to run for the same results.
let command =
    String.Join(
        " ",
        "dotnet fsi scenarios/3-load-change/run.fsx"
        :: List.tail (List.ofArray fsi.CommandLineArgs)
    )

let experiment options scenario =
    Experiment.readTraces scenario
    |> Result.map (fun traces ->
        let result =
            (Experiment.run scenario traces Map.empty Environment.ProcessorCount ignore CancellationToken.None)
                .GetAwaiter()
                .GetResult()

        let summary = Summary.ofResult result

        let report =
            ResultFile.write options.Out result summary (Report.html result summary command)

        print (Report.summaryTable scenario summary)
        printfn "%s\n\nreport: %s" (Report.answer scenario summary) (Path.GetFullPath report))

let run options =
    Scenario.load (Path.Combine(__SOURCE_DIRECTORY__, (if options.Sine then "sine.json" else "scenario.json")))
    |> Result.map (edited options)
    |> Result.bind (fun scenario ->
        ExactComparison.run scenario [ 1; 2; 3 ] steps
        |> Result.bind (fun totals ->
            printfn $"reward of {steps} steps, response times as recorded\n"
            print (ExactComparison.rows totals)
            experiment options scenario))

let defaults =
    {
        Smoke = false
        Sine = false
        Traces = None
        Out = Path.Combine("results", "3-load-change")
    }

let outcome options =
    try
        run options
    with :? BadInputException as e ->
        Error e.Message

match parse defaults (List.tail (List.ofArray fsi.CommandLineArgs)) with
| Error message ->
    eprintfn "run.fsx: %s" message
    exit 2
| Ok options ->
    match outcome options with
    | Ok() -> ()
    | Error message ->
        eprintfn "run.fsx: %s" message
        exit 1

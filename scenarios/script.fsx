// What the scripts of the scenarios have in common: options, what the policies would earn if the recorded response times
// were all there is to the system, and the experiment with its report.

module Script

#r "../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Domain.dll"
#r "../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Learning.dll"
#r "../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Planning.dll"
#r "../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.ControlCycle.dll"
#r "../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Scenarios.dll"
#r "../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Experiments.dll"

open System
open System.IO
open System.Threading
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

type Options =
    {
        /// Seconds instead of minutes.
        Smoke: bool
        Traces: (string * string) option
        Out: string
        /// Words that the scenario's own script understands.
        Own: string list
    }

/// `own` are the words that a script understands besides.
let rec private parse own options arguments =
    match arguments with
    | [] -> Ok options
    | "--smoke" :: rest -> parse own { options with Smoke = true } rest
    | "--traces" :: before :: after :: rest ->
        parse
            own
            { options with
                Traces = Some(before, after)
            }
            rest
    | "--out" :: path :: rest -> parse own { options with Out = path } rest
    | word :: rest when List.contains word own ->
        parse
            own
            { options with
                Own = word :: options.Own
            }
            rest
    | other :: _ ->
        let words = own |> List.map (fun word -> word + ", ") |> String.Concat
        Error $"{other}: expected --smoke, {words}--traces BEFORE AFTER or --out DIR"

/// The scenario on other traces, or in small.
let private adjusted options (scenario: Scenario) =
    let scenario =
        match options.Traces with
        | Some(before, after) ->
            { scenario with
                Controller.BasePolicy = BasePolicySpecification.Optimal
                Simulation = None
                Experiment.TraceBefore = Some before
                Experiment.Changes =
                    [
                        for change in scenario.Experiment.Changes -> { change with Trace = Some after }
                    ]
            }
        | None -> scenario

    if options.Smoke then
        { scenario with
            Experiment.Seeds = 1
            Experiment.Cycles = 12
            Experiment.Changes =
                [
                    for change in scenario.Experiment.Changes ->
                        { change with
                            FromCycle = min 4 change.FromCycle
                        }
                ]
            Experiment.AlsoForgetting = []
            Experiment.AlsoBasePolicies = []
            Experiment.PlanningStudy =
                scenario.Experiment.PlanningStudy
                |> Option.map (fun study ->
                    { study with
                        Horizons = [ 1; 2 ]
                        TimedStates = 5
                        TimedSeconds = 0.001
                    })
        }
    else
        scenario

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

let private experiment name options scenario =
    let command =
        String.Join(
            " ",
            $"dotnet fsi scenarios/{name}/run.fsx"
            :: List.tail (List.ofArray fsi.CommandLineArgs)
        )

    Traces.read scenario
    |> Result.bind (fun traces ->
        let result =
            (Experiment.run scenario traces Map.empty Environment.ProcessorCount ignore CancellationToken.None)
                .GetAwaiter()
                .GetResult()

        PlanningStudy.ofScenario CancellationToken.None scenario
        |> Result.map (fun study -> ExperimentResults.ofExperiment command study result))
    |> Result.map (fun results ->
        let outcome = results.Outcome
        ResultFile.write options.Out results (Report.html results)
        print (ReportTables.summary outcome)
        printfn "%s\n" (ReportAnswer.sentence outcome)

        for finding in ReportAnswer.findings outcome do
            printfn "- %s" finding

        printfn "\nreport: %s" (Path.GetFullPath(ResultFile.report options.Out)))

/// Steps from the start that are summed up.
let private steps = 8

/// What the policies would earn if the recorded response times were all there is to the system.
let totals scenario =
    ExactComparison.run scenario [ 1; 2; 3 ] steps
    |> Result.map (fun totals ->
        printfn $"reward of {steps} steps, response times as recorded\n"
        print (ExactComparison.rows totals))

/// Runs the script of a scenario: the folder's name, its own words, the file it runs, what it changes of the scenario, and
/// what it does before the experiment.
let run name own (file: Options -> string) (edit: Scenario -> Scenario) (before: Scenario -> Result<unit, string>) =
    let defaults =
        {
            Smoke = false
            Traces = None
            Out = Path.Combine("results", name)
            Own = []
        }

    let outcome options =
        try
            Scenario.load (file options)
            |> Result.map (edit >> adjusted options)
            |> Result.bind (fun scenario -> before scenario |> Result.bind (fun () -> experiment name options scenario))
        with :? BadInputException as e ->
            Error e.Message

    match parse own defaults (List.tail (List.ofArray fsi.CommandLineArgs)) with
    | Error message ->
        eprintfn "run.fsx: %s" message
        exit 2
    | Ok options ->
        match outcome options with
        | Ok() -> ()
        | Error message ->
            eprintfn "run.fsx: %s" message
            exit 1

/// What the command says of an experiment on the terminal.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ReportTerminal

open OnlinePolicyAdaptation.Experiments

let show (outcome: ExperimentOutcome) =
    let settings = outcome.Settings
    printfn $"{ReportAnswer.sentence outcome}\n"

    for finding in ReportAnswer.findings outcome do
        printfn $"- {finding}"

    ReportTables.summary outcome ||> Terminal.table

    if settings.ChangesWithinRun then
        ReportTables.adaptation outcome ||> Terminal.table

    if
        settings.BasePolicies.Length > 1
        && (not settings.Changes || settings.ChangesWithinRun)
    then
        ReportTables.comparison outcome ||> Terminal.table
        ReportTables.leftOut settings |> Option.iter (printfn "%s")

    match outcome.Study with
    | Some study ->
        PlanningReport.table study ||> Terminal.table
        printfn $"{PlanningReport.answer study}"
    | None -> ()

    for trace in settings.Traces do
        if trace.RowsWithoutService > 0 then
            printfn $"{trace.File}: {trace.RowsWithoutService} rows left out in which nothing was served"

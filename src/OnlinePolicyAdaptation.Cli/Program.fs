module OnlinePolicyAdaptation.Cli.Program

open System
open System.IO
open Argu
open OnlinePolicyAdaptation.Domain

/// Exit codes: done, failed, called in a wrong way.
let private succeeded, private failed, private misused = 0, 1, 2

let private report (outcome: Result<unit, string>) =
    match outcome with
    | Ok() -> succeeded
    | Error message ->
        Terminal.tell message
        failed

let private dispatch (arguments: ParseResults<Arguments>) =
    match arguments.GetSubCommand() with
    | Run run -> RunCommand.run run
    | Report report -> ReportCommand.run report
    | Sweep sweep -> SweepCommand.run sweep
    | Record record -> RecordCommand.run record
    | Fit fit -> ModelCommands.fit fit
    | Predict predict -> ModelCommands.predict predict
    | Evaluate evaluate -> EvaluateCommand.run evaluate
    | Plan plan -> PlanCommand.run plan
    | Policy policy -> PolicyCommands.run policy
    | Train train -> TrainCommand.run train
    | Control control -> ControlCommand.run control
    | Hold hold -> OrderCommands.hold hold
    | Resume resume -> OrderCommands.resume resume
    | Status status -> OrderCommands.status status
    | Journal journal -> JournalCommands.journal journal
    | Explain explain -> JournalCommands.explain explain
    | Arguments.Scenario scenario -> ScenarioCommands.run scenario
    | Testbed testbed -> TestbedCommands.run testbed

let private run (parser: ArgumentParser<Arguments>) (argv: string list) =
    try
        report (dispatch (parser.ParseCommandLine(Array.ofList argv)))
    with
    | :? ArguParseException as e when e.ErrorCode = ErrorCode.HelpText ->
        printfn $"{Usage.ofCommand parser argv e.Message}"
        succeeded
    | :? ArguParseException as e ->
        Console.Error.WriteLine(Usage.wrong parser argv e.Message)
        misused
    | :? BadInputException as e -> report (Error e.Message)
    | e ->
        match e.GetBaseException() with
        | :? BadInputException
        | :? IOException
        | :? UnauthorizedAccessException as e -> report (Error e.Message)
        | _ -> reraise ()

[<EntryPoint>]
let main argv =
    let parser = ArgumentParser.Create<Arguments>(programName = "opar")

    match List.ofArray argv with
    | []
    | [ "help" ]
    | [ "--help" ] ->
        printfn $"{Usage.overview parser}"
        succeeded
    | [ "--version" ] ->
        printfn $"{Usage.version}"
        succeeded
    | "help" :: command -> run parser (command @ [ "--help" ])
    | argv -> run parser argv

module OnlinePolicyAdaptation.Cli.Program

open System
open System.IO
open Argu
open OnlinePolicyAdaptation.Domain

let private examples =
    """
examples:
  opar run scenarios/2-system-change
  opar run scenarios/2-system-change --trace-before before.csv --trace-after after.csv --seeds 10
  opar report results/2-system-change results/other-settings --out compared.html
  opar sweep scenarios/2-system-change --vary controller.estimation.trees=30,120 --vary controller.estimation.forgetting=relevance:30,newest:3
  opar record --scenario scenarios/2-system-change --out before.csv
  opar fit before.csv --out model.forest
  opar predict model.forest --config c1=2,p11=1,l1=5,cl1=5
  opar evaluate before.csv after.csv
  opar evaluate monday.csv --save estimator.json
  opar evaluate tuesday.csv --resume estimator.json
  opar plan --scenario scenarios/1-two-services --algorithm rollout --lookahead 3 --out plan.json
  opar plan --scenario scenarios/1-two-services --algorithm sampled-rollout --base random --trajectories 200 --steps 20 --states 251 --out plan.json
  opar policy import exported.safetensors --scenario scenarios/2-system-change --out policy.safetensors
  opar policy import actor.onnx --scenario scenarios/2-system-change --out policy.safetensors
  opar policy show policy.safetensors
  opar train scenarios/2-system-change --out base.policy
  opar train scenarios/2-system-change --after-change --warm-start base.policy --seed 2 --out adapted.policy
  opar control scenarios/2-system-change --simulate --cycles 100 --journal journal.db
  opar control scenarios/2-system-change --stdin --mode shadow < intervals.ndjson > decisions.ndjson
  opar control SCENARIO --prometheus --mode shadow --journal journal.db --listen http://127.0.0.1:8080
  opar control SCENARIO --prometheus --webhook http://127.0.0.1:9000/actions --journal journal.db
  opar status --url http://127.0.0.1:8080
  opar hold --url http://127.0.0.1:8080 --minutes 30 --by anna
  opar resume --url http://127.0.0.1:8080 --by anna
  opar journal show journal.db --report journal.html
  opar journal export journal.db --out cycles.csv
  opar explain --journal journal.db --cycle 40
  opar scenario new my-mesh --services 3
  opar scenario check my-mesh
  opar testbed load http://127.0.0.1:8080 --service shop=50 --service shop@premium=5 --seconds 30
  opar testbed load http://127.0.0.1:8080 --service shop=sine:60:40:120 --service search=steps:20,50,80:30"""

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

[<EntryPoint>]
let main argv =
    let parser = ArgumentParser.Create<Arguments>(programName = "opar")

    try
        report (dispatch (parser.ParseCommandLine argv))
    with
    | :? ArguParseException as e when e.ErrorCode = ErrorCode.HelpText ->
        printfn $"{e.Message}{examples}"
        succeeded
    | :? ArguParseException as e ->
        Console.Error.WriteLine e.Message
        misused
    | :? BadInputException as e -> report (Error e.Message)
    | e ->
        match e.GetBaseException() with
        | :? BadInputException
        | :? IOException
        | :? UnauthorizedAccessException as e -> report (Error e.Message)
        | _ -> reraise ()

/// opar testbed: a real system on one machine.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedCommands

open System.Threading.Tasks
open Argu
open OnlinePolicyAdaptation.Testbed.Processes

let private wait (work: Task) = work.GetAwaiter().GetResult() |> Ok

let run (arguments: ParseResults<TestbedArguments>) =
    match arguments.GetSubCommand() with
    | TestbedArguments.Up up -> TestbedUp.up up
    | TestbedArguments.Change change -> TestbedUp.change change
    | TestbedArguments.Record record -> TestbedRecord.run record
    | TestbedArguments.Run run -> TestbedRun.run run
    | TestbedArguments.Load load -> TestbedLoadCommand.run load
    | TestbedArguments.Node -> wait (ChildProgram.NodeAsync())
    | TestbedArguments.Front -> wait (ChildProgram.FrontAsync())

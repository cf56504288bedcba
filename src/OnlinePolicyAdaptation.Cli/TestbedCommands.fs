/// opar testbed: a real system on one machine.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedCommands

open System.Threading.Tasks
open Argu
open OnlinePolicyAdaptation.Testbed.Processes

let private wait (work: Task) = work.GetAwaiter().GetResult() |> Ok

let run (arguments: ParseResults<TestbedArguments>) =
    match arguments.GetSubCommand() with
    | Load load -> TestbedLoadCommand.run load
    | Node -> wait (ChildProgram.NodeAsync())
    | Front -> wait (ChildProgram.FrontAsync())

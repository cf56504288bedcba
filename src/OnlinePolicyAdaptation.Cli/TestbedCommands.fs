/// opar testbed: a real system on one machine.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedCommands

open Argu

let run (arguments: ParseResults<TestbedArguments>) =
    match arguments.GetSubCommand() with
    | Load load -> TestbedLoadCommand.run load

namespace OnlinePolicyAdaptation.Cli

open Argu

type ScenarioCheckArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, or its scenario.json"

type ScenarioNewArguments =
    | [<MainCommand; ExactlyOnce>] Folder of DIR: string
    | Services of N: int
    | Nodes of N: int

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Folder _ -> "folder to write scenario.json and its schema into; what is there is not replaced"
            | Services _ -> "services of the mesh (default: as many as nodes, or 3)"
            | Nodes _ -> "nodes of the mesh (default: as many as services)"

[<RequireSubcommand>]
type ScenarioArguments =
    | [<CliPrefix(CliPrefix.None)>] Check of ParseResults<ScenarioCheckArguments>
    | [<CliPrefix(CliPrefix.None)>] New of ParseResults<ScenarioNewArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Schema

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Check _ -> "say everything that is wrong with a scenario.json, or that it is fine"
            | New _ -> "write a simulated mesh whose first node becomes slower"
            | Schema -> "print the JSON Schema of scenario.json"

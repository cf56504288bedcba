namespace OnlinePolicyAdaptation.Experiments

open System.IO
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Learning.ActorCritic

/// The base policy of a scenario: what its operator already has.
[<RequireQualifiedAccess>]
type GivenPolicy =
    /// The exact optimum of a system.
    | Optimal
    | Random
    | Static
    | Greedy of moveCharge: float
    | Tabular of path: string
    | Rules of path: string
    | Threshold of ThresholdOptions
    | Network of path: string * Decision

[<RequireQualifiedAccess>]
module GivenPolicy =

    /// The fields that each kind of policy has besides `kind`.
    let private fieldsOf =
        Map
            [
                "optimal", []
                "random", []
                "static", []
                "greedy", [ "moveCharge" ]
                "tabular", [ "file" ]
                "rules", [ "file" ]
                "threshold", [ "cpuSecondsPerRequest"; "targetUtilisation"; "tolerance"; "peakLoad" ]
                "network", [ "file"; "decision" ]
            ]

    let private present (file: ScenarioFile.BasePolicy) =
        [
            "file", file.File.IsSome
            "decision", file.Decision.IsSome
            "moveCharge", file.MoveCharge.IsSome
            "cpuSecondsPerRequest", file.CpuSecondsPerRequest.IsSome
            "targetUtilisation", file.TargetUtilisation.IsSome
            "tolerance", file.Tolerance.IsSome
            "peakLoad", file.PeakLoad.IsSome
        ]
        |> List.filter snd
        |> List.map fst

    let private checkFields (file: ScenarioFile.BasePolicy) =
        match fieldsOf.TryFind file.Kind with
        | None ->
            let kinds = fieldsOf.Keys |> String.concat ", "
            Validation.fail "basePolicy.kind" $"'{file.Kind}'; expected one of {kinds}"
        | Some fields ->
            for field in present file |> List.except fields do
                Validation.fail $"basePolicy.{field}" $"a policy of kind {file.Kind} has no such field"

    let private threshold services (file: ScenarioFile.BasePolicy) =
        let work = file.CpuSecondsPerRequest |> Option.defaultValue [||]

        Validation.require
            "basePolicy.cpuSecondsPerRequest"
            work.Length
            $"{services} numbers, one per service"
            (work.Length = services)

        Validation.at "basePolicy" (fun () ->
            let options = ThresholdOptions(EquatableArray.ToEquatableArray work)

            ThresholdOptions(
                options.CpuSecondsPerRequest,
                TargetUtilisation = (file.TargetUtilisation |> Option.defaultValue options.TargetUtilisation),
                Tolerance = (file.Tolerance |> Option.defaultValue options.Tolerance),
                PeakLoad = (file.PeakLoad |> Option.defaultValue options.PeakLoad)
            ))

    let private decision =
        function
        | None
        | Some "likeliest" -> Decision.Likeliest
        | Some "sampled" -> Decision.Sampled
        | Some other -> Validation.fail "basePolicy.decision" $"'{other}'; expected \"likeliest\" or \"sampled\""

    /// What a scenario file in `directory` says, checked; its files are read when the policy is created.
    let internal check (directory: string) services (file: ScenarioFile.BasePolicy option) =
        match file with
        | None -> GivenPolicy.Optimal
        | Some file ->
            checkFields file

            let path () =
                match file.File with
                | Some name -> Path.Combine(directory, name)
                | None -> Validation.fail "basePolicy.file" $"a policy of kind {file.Kind} needs a file"

            match file.Kind with
            | "random" -> GivenPolicy.Random
            | "static" -> GivenPolicy.Static
            | "greedy" ->
                let charge = file.MoveCharge |> Option.defaultValue GreedyPolicy.DefaultMoveCharge
                Validation.require "basePolicy.moveCharge" charge "a number of at least 0" (charge >= 0.0)
                GivenPolicy.Greedy charge
            | "tabular" -> GivenPolicy.Tabular(path ())
            | "rules" -> GivenPolicy.Rules(path ())
            | "threshold" -> GivenPolicy.Threshold(threshold services file)
            | "network" -> GivenPolicy.Network(path (), decision file.Decision)
            | _ -> GivenPolicy.Optimal

    let private network (grid: ControlGrid) (topology: Topology) path (decision: Decision) =
        let saved = PolicyFile.Load path
        saved.CheckFits(grid, topology.Services.Count, path)
        saved.Policy decision

    /// The policy, or what is wrong with its file. Optimal and greedy ones are of a system, whose response times are asked for
    /// then.
    let create
        (grid: ControlGrid)
        topology
        reward
        discount
        policy
        (responseTimes: unit -> Result<IResponseTimeModel, string>)
        : Result<IPolicy<SystemState, ControlAction>, string> =
        try
            match policy with
            | GivenPolicy.Optimal -> responseTimes () |> Result.map (OptimalPolicy.create grid reward discount)
            | GivenPolicy.Random -> Ok(RandomPolicy())
            | GivenPolicy.Static -> Ok(StaticPolicy())
            | GivenPolicy.Greedy moveCharge ->
                responseTimes ()
                |> Result.map (fun system -> GreedyPolicy(NetworkDynamics(grid, reward, system), grid, moveCharge))
            | GivenPolicy.Tabular path -> Ok(TabularPolicy.Load(path, grid))
            | GivenPolicy.Rules path -> Ok(RuleFile.Load(path, grid, topology))
            | GivenPolicy.Threshold options -> Ok(ThresholdPolicy(grid, topology, options))
            | GivenPolicy.Network(path, decision) -> Ok(network grid topology path decision)
        with :? BadInputException as e ->
            Error e.Message

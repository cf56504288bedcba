namespace OnlinePolicyAdaptation.Experiments

open System.IO
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
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

    let private kinds = fieldsOf.Keys |> String.concat ", "

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

    let private checkFields place (file: ScenarioFile.BasePolicy) =
        match fieldsOf.TryFind file.Kind with
        | None -> Validation.fail $"{place}.kind" $"'{file.Kind}'; expected one of {kinds}"
        | Some fields ->
            for field in present file |> List.except fields do
                Validation.fail $"{place}.{field}" $"a policy of kind {file.Kind} has no such field"

    let private threshold place services (file: ScenarioFile.BasePolicy) =
        let work = file.CpuSecondsPerRequest |> Option.defaultValue [||]

        Validation.require
            $"{place}.cpuSecondsPerRequest"
            work.Length
            $"{services} numbers, one per service"
            (work.Length = services)

        Validation.at place (fun () ->
            let options = ThresholdOptions(EquatableArray.ToEquatableArray work)

            ThresholdOptions(
                options.CpuSecondsPerRequest,
                TargetUtilisation = (file.TargetUtilisation |> Option.defaultValue options.TargetUtilisation),
                Tolerance = (file.Tolerance |> Option.defaultValue options.Tolerance),
                PeakLoad = (file.PeakLoad |> Option.defaultValue options.PeakLoad)
            ))

    let private decision place =
        function
        | None
        | Some "likeliest" -> Decision.Likeliest
        | Some "sampled" -> Decision.Sampled
        | Some other -> Validation.fail $"{place}.decision" $"'{other}'; expected \"likeliest\" or \"sampled\""

    /// What `place` of a scenario file in `directory` says, checked; its files are read when the policy is created.
    let internal check place (directory: string) services (file: ScenarioFile.BasePolicy) =
        checkFields place file

        let path () =
            match file.File with
            | Some name -> Path.Combine(directory, name)
            | None -> Validation.fail $"{place}.file" $"a policy of kind {file.Kind} needs a file"

        match file.Kind with
        | "random" -> GivenPolicy.Random
        | "static" -> GivenPolicy.Static
        | "greedy" ->
            let charge = file.MoveCharge |> Option.defaultValue GreedyPolicy.DefaultMoveCharge
            Validation.require $"{place}.moveCharge" charge "a number of at least 0" (charge >= 0.0)
            GivenPolicy.Greedy charge
        | "tabular" -> GivenPolicy.Tabular(path ())
        | "rules" -> GivenPolicy.Rules(path ())
        | "threshold" -> GivenPolicy.Threshold(threshold place services file)
        | "network" -> GivenPolicy.Network(path (), decision place file.Decision)
        | _ -> GivenPolicy.Optimal

    /// The kind, as a scenario file calls it.
    let kind policy =
        match policy with
        | GivenPolicy.Optimal -> "optimal"
        | GivenPolicy.Random -> "random"
        | GivenPolicy.Static -> "static"
        | GivenPolicy.Greedy _ -> "greedy"
        | GivenPolicy.Tabular _ -> "tabular"
        | GivenPolicy.Rules _ -> "rules"
        | GivenPolicy.Threshold _ -> "threshold"
        | GivenPolicy.Network _ -> "network"

    /// What it is, in words.
    let describe policy =
        match policy with
        | GivenPolicy.Optimal -> "the exact optimum of the system before the change"
        | GivenPolicy.Random -> "random: every admissible action with the same probability"
        | GivenPolicy.Static -> "static: nothing is ever moved"
        | GivenPolicy.Greedy _ -> "greedy: the best immediate reward on the system before the change"
        | GivenPolicy.Tabular path -> $"a table, {path}"
        | GivenPolicy.Rules path -> $"rules by hand, {path}"
        | GivenPolicy.Threshold options ->
            let utilisation =
                options.TargetUtilisation.ToString("P0", System.Globalization.CultureInfo.InvariantCulture)

            $"threshold: cores for a CPU use of {utilisation}"
        | GivenPolicy.Network(path, _) -> $"a network, {path}"

    /// Whether it draws its actions, so that it has no one action in a state.
    let draws policy =
        match policy with
        | GivenPolicy.Random
        | GivenPolicy.Network(_, Decision.Sampled) -> true
        | _ -> false

    /// Policies as an option of a command lists them: `kind`, or `kind:` and its file, its charge, or its CPU seconds per
    /// request of each service with `+` between them, or the file of a trained policy. Files are relative to the working directory.
    let parse services (text: string) =
        let invariant = System.Globalization.CultureInfo.InvariantCulture

        let number place (text: string) =
            match System.Double.TryParse(text, System.Globalization.NumberStyles.Float, invariant) with
            | true, number -> number
            | _ -> Validation.fail place $"'{text}' is not a number"

        let policy (text: string) =
            let kind, detail =
                match text.Split(':', 2) with
                | [| kind; detail |] -> kind, Some detail
                | _ -> text, None

            let place = $"'{text}'"

            let file: ScenarioFile.BasePolicy =
                {
                    Kind = kind
                    File = None
                    Decision = None
                    MoveCharge = None
                    CpuSecondsPerRequest = None
                    TargetUtilisation = None
                    Tolerance = None
                    PeakLoad = None
                }

            match kind, detail with
            | _, None when fieldsOf.ContainsKey kind -> file
            | _, None when File.Exists text ->
                { file with
                    Kind = "network"
                    File = Some text
                }
            | _, None ->
                Validation.fail $"{place}.kind" $"'{kind}'; expected one of {kinds}, or the file of a trained policy"
            | "greedy", Some charge ->
                { file with
                    MoveCharge = Some(number place charge)
                }
            | "threshold", Some seconds ->
                { file with
                    CpuSecondsPerRequest = Some(seconds.Split '+' |> Array.map (number place))
                }
            | ("tabular" | "rules" | "network"), Some path -> { file with File = Some path }
            | _ -> Validation.fail place $"a policy of kind {kind} has nothing after it"
            |> check place "" services

        Validation.run "" (fun () ->
            text.Split(',', System.StringSplitOptions.TrimEntries)
            |> Seq.map policy
            |> List.ofSeq)

    let private network (grid: ControlGrid) (topology: Topology) path (decision: Decision) =
        let saved = PolicyFile.Load path
        saved.CheckFits(grid, topology.Services.Count, path)
        saved.Policy decision

    /// The policy, or what is wrong with its file. Optimal and greedy ones are of a system, whose response times are asked for
    /// then, and which must not be too large for tables.
    let create
        (grid: ControlGrid)
        topology
        reward
        discount
        policy
        (responseTimes: unit -> Result<IResponseTimeModel, string>)
        : Result<IPolicy<SystemState, ControlAction>, string> =
        let responseTimes () =
            ProblemSize.check grid |> Result.bind (fun _ -> responseTimes ())

        try
            match policy with
            | GivenPolicy.Optimal -> responseTimes () |> Result.map (OptimalPolicy.create grid reward discount)
            | GivenPolicy.Random -> Ok(RandomPolicy())
            | GivenPolicy.Static -> Ok(StaticPolicy())
            | GivenPolicy.Greedy moveCharge ->
                responseTimes ()
                |> Result.map (fun system ->
                    PolicyTables.ofModel grid reward system (NetworkModel.greedy grid moveCharge))
            | GivenPolicy.Tabular path -> Ok(TabularPolicy.Load(path, grid))
            | GivenPolicy.Rules path -> Ok(RuleFile.Load(path, grid, topology))
            | GivenPolicy.Threshold options -> Ok(ThresholdPolicy(grid, topology, options))
            | GivenPolicy.Network(path, decision) -> Ok(network grid topology path decision)
        with :? BadInputException as e ->
            Error e.Message

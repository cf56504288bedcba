namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System.IO
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Learning.ActorCritic

/// The base policy of a scenario: what its operator already has.
[<RequireQualifiedAccess>]
type BasePolicySpecification =
    /// The exact optimum of a system.
    | Optimal
    | Random
    | Static
    | Greedy of moveCharge: float
    | Tabular of path: string
    | Rules of path: string
    | Threshold of ThresholdOptions
    | Network of path: string * ActionSelection

[<RequireQualifiedAccess>]
module BasePolicySpecification =

    /// The kinds, as a scenario file calls them.
    let private kinds =
        [
            "optimal"
            "random"
            "static"
            "greedy"
            "tabular"
            "rules"
            "threshold"
            "network"
        ]

    let private threshold path services (section: ThresholdSection) =
        let work = section.CpuSecondsPerRequest

        validation {
            let! _ = Check.count $"{path}.cpuSecondsPerRequest" services work "one per service"

            and! options =
                Check.at path (fun () ->
                    ThresholdOptions(
                        EquatableArray.ToEquatableArray work,
                        TargetUtilisation = section.TargetUtilisation,
                        Tolerance = section.Tolerance,
                        PeakLoad = section.PeakLoad
                    ))

            return BasePolicySpecification.Threshold options
        }

    let private ofNetwork directory (section: NetworkPolicySection) =
        BasePolicySpecification.Network(
            Path.Combine(directory, section.File),
            (if section.Decision = "sampled" then
                 ActionSelection.Sampled
             else
                 ActionSelection.Likeliest)
        )

    /// What `path` of a scenario file in `directory` says; the policy's files are read when it is created.
    let internal ofSection path (directory: string) services (section: BasePolicySection) : Check.Checked<_> =
        let file (policy: PolicyFileSection) = Path.Combine(directory, policy.File)

        match section with
        | { Greedy = Some greedy } -> Ok(BasePolicySpecification.Greedy greedy.MoveCharge)
        | { Tabular = Some table } -> Ok(BasePolicySpecification.Tabular(file table))
        | { Rules = Some rules } -> Ok(BasePolicySpecification.Rules(file rules))
        | { Threshold = Some options } -> threshold $"{path}.threshold" services options
        | { Network = Some network } -> Ok(ofNetwork directory network)
        | { Random = Some _ } -> Ok BasePolicySpecification.Random
        | { Static = Some _ } -> Ok BasePolicySpecification.Static
        | _ -> Ok BasePolicySpecification.Optimal

    /// The kind, as a scenario file calls it.
    let kind policy =
        match policy with
        | BasePolicySpecification.Optimal -> "optimal"
        | BasePolicySpecification.Random -> "random"
        | BasePolicySpecification.Static -> "static"
        | BasePolicySpecification.Greedy _ -> "greedy"
        | BasePolicySpecification.Tabular _ -> "tabular"
        | BasePolicySpecification.Rules _ -> "rules"
        | BasePolicySpecification.Threshold _ -> "threshold"
        | BasePolicySpecification.Network _ -> "network"

    /// What it is, in words.
    let describe policy =
        match policy with
        | BasePolicySpecification.Optimal -> "the exact optimum of the system before the change"
        | BasePolicySpecification.Random -> "random: every admissible action with the same probability"
        | BasePolicySpecification.Static -> "static: nothing is ever moved"
        | BasePolicySpecification.Greedy _ -> "greedy: the best immediate reward on the system before the change"
        | BasePolicySpecification.Tabular path -> $"a table, {path}"
        | BasePolicySpecification.Rules path -> $"rules by hand, {path}"
        | BasePolicySpecification.Threshold options ->
            let utilisation =
                options.TargetUtilisation.ToString("P0", System.Globalization.CultureInfo.InvariantCulture)

            $"threshold: cores for a CPU use of {utilisation}"
        | BasePolicySpecification.Network(path, _) -> $"a network, {path}"

    /// Whether it draws its actions, so that it has no one action in a state.
    let draws policy =
        match policy with
        | BasePolicySpecification.Random
        | BasePolicySpecification.Network(_, ActionSelection.Sampled) -> true
        | _ -> false

    /// Policies as an option of a command lists them: `kind`, or `kind:` and its file, its charge, or its CPU seconds per
    /// request of each service with `+` between them, or the file of a trained policy. Files are relative to the working directory.
    let parse services (text: string) : Result<BasePolicySpecification list, string> =
        let number place accepted expected (text: string) =
            match Numbers.parse text with
            | Some number when accepted number -> Ok number
            | Some _ -> Check.fail (ScenarioFault.at place text expected)
            | _ -> Check.fail (ScenarioFault.because place $"'{text}' is not a number")

        let standard = ThresholdOptions(EquatableArray.ToEquatableArray [])

        let policy (text: string) : Check.Checked<_> =
            let kind, detail =
                match text.Split(':', 2) with
                | [| kind; detail |] -> kind, Some detail
                | _ -> text, None

            let place = $"'{text}'"

            match kind, detail with
            | "optimal", None -> Ok BasePolicySpecification.Optimal
            | "random", None -> Ok BasePolicySpecification.Random
            | "static", None -> Ok BasePolicySpecification.Static
            | "greedy", None -> Ok(BasePolicySpecification.Greedy GreedyPolicy.DefaultMoveCharge)
            | "greedy", Some charge ->
                number $"{place}.moveCharge" (fun charge -> charge >= 0.0) "a number of at least 0" charge
                |> Result.map BasePolicySpecification.Greedy
            | "threshold", Some seconds ->
                seconds.Split '+'
                |> Seq.map (number place (fun _ -> true) "")
                |> Check.all
                |> Result.bind (fun work ->
                    threshold
                        place
                        services
                        {
                            CpuSecondsPerRequest = Array.ofList work
                            TargetUtilisation = standard.TargetUtilisation
                            Tolerance = standard.Tolerance
                            PeakLoad = standard.PeakLoad
                        })
            | "tabular", Some path -> Ok(BasePolicySpecification.Tabular path)
            | "rules", Some path -> Ok(BasePolicySpecification.Rules path)
            | "network", Some path -> Ok(BasePolicySpecification.Network(path, ActionSelection.Likeliest))
            | ("tabular" | "rules" | "network"), None ->
                Check.fail (ScenarioFault.because $"{place}.file" $"a policy of kind {kind} needs a file")
            | "threshold", None ->
                Check.fail (ScenarioFault.at $"{place}.cpuSecondsPerRequest" "0 entries" $"{services}, one per service")
            | _, None when File.Exists text -> Ok(BasePolicySpecification.Network(text, ActionSelection.Likeliest))
            | _ when List.contains kind kinds ->
                Check.fail (ScenarioFault.because place $"a policy of kind {kind} has nothing after it")
            | _ ->
                let known = String.concat ", " kinds

                Check.fail (
                    ScenarioFault.at $"{place}.kind" $"'{kind}'" $"one of {known}, or the file of a trained policy"
                )

        text.Split(',', System.StringSplitOptions.TrimEntries)
        |> Seq.map policy
        |> Check.all
        |> Result.mapError (List.map ScenarioFault.describe >> String.concat "\n")

    /// No policy file is as large as this.
    let private mostBytes = 256L * 1024L * 1024L

    /// Devices and pipes have no length, and reading one may never end.
    let private fileFault policy =
        match policy with
        | BasePolicySpecification.Tabular path
        | BasePolicySpecification.Rules path
        | BasePolicySpecification.Network(path, _) when File.Exists path ->
            match FileInfo(path).Length with
            | 0L -> Some $"{path}: empty, or no regular file; expected a policy"
            | length when length > mostBytes -> Some $"{path}: {length} bytes; expected a policy of at most {mostBytes}"
            | _ -> None
        | _ -> None

    let private network (grid: ControlGrid) (topology: Topology) path (selection: ActionSelection) =
        let saved = PolicyFile.Load path
        saved.CheckFits(grid, topology.Services.Count, path)
        saved.Policy selection

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
            match fileFault policy, policy with
            | Some fault, _ -> Error fault
            | None, policy ->

                match policy with
                | BasePolicySpecification.Optimal ->
                    responseTimes () |> Result.map (OptimalPolicy.create grid reward discount)
                | BasePolicySpecification.Random -> Ok(RandomPolicy())
                | BasePolicySpecification.Static -> Ok(StaticPolicy())
                | BasePolicySpecification.Greedy moveCharge ->
                    responseTimes ()
                    |> Result.map (fun system ->
                        PolicyTables.ofModel grid reward system (NetworkModel.greedy grid moveCharge))
                | BasePolicySpecification.Tabular path -> Ok(TabularPolicy.Load(path, grid))
                | BasePolicySpecification.Rules path -> Ok(RuleFile.Load(path, grid, topology))
                | BasePolicySpecification.Threshold options -> Ok(ThresholdPolicy(grid, topology, options))
                | BasePolicySpecification.Network(path, selection) -> Ok(network grid topology path selection)
        with :? BadInputException as e ->
            Error e.Message

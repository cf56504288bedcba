namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// How traces of a simulated mesh are recorded.
type RecordingSettings =
    {
        Schedule: MonitoringSchedule
        /// Monitoring intervals per load level and configuration.
        Intervals: int
        /// Each gives one offered load per service.
        LoadLevels: EquatableArray<RequestRate>[]
        /// The load that 1 stands for in the columns expected_l1, ..
        LoadUnit: RequestRate
        Seed: int
    }

/// The simulated twin of a scenario's system.
type Simulation =
    {
        Before: MeshParameters
        /// None where the system does not change.
        After: MeshParameters option
        Recording: RecordingSettings
    }

[<RequireQualifiedAccess>]
module internal Simulation =

    let private serviceTime index (file: ScenarioFile.SimulatedService) : ServiceTime =
        let place = $"simulation.services[{index}]"
        let mean = file.ServiceTimeSeconds

        Validation.at place (fun () ->
            match file.Distribution, file.SquaredVariation with
            | "deterministic", None -> ServiceTime.Deterministic mean
            | "exponential", None -> ServiceTime.Exponential mean
            | "lognormal", Some variation -> ServiceTime.Lognormal(mean, variation)
            | "lognormal", None -> Validation.fail place "a lognormal service time needs squaredVariation"
            | ("deterministic" | "exponential"), Some _ ->
                Validation.fail place $"squaredVariation has no meaning for a service time that is {file.Distribution}"
            | other, _ ->
                Validation.fail
                    $"{place}.distribution"
                    $"'{other}'; expected \"deterministic\", \"exponential\" or \"lognormal\"")

    let private node place (file: ScenarioFile.SimulatedNode) =
        let standard = NodeParameters()
        let pick value fallback = value |> Option.defaultValue fallback

        Validation.at place (fun () ->
            NodeParameters(
                Speed = pick file.Speed standard.Speed,
                SpeedByCores =
                    (file.SpeedByCores
                     |> Option.map EquatableArray.ToEquatableArray
                     |> Option.defaultValue standard.SpeedByCores),
                Cores = pick file.Cores standard.Cores,
                LatencySeconds = pick file.LatencySeconds standard.LatencySeconds,
                JitterSeconds = pick file.JitterSeconds standard.JitterSeconds,
                Capacity = Option.toNullable file.Capacity
            ))

    let private parameters (topology: Topology) services field (nodes: ScenarioFile.SimulatedNode[]) =
        Validation.require
            field
            nodes.Length
            $"{topology.Nodes.Count} entries, one per node"
            (nodes.Length = topology.Nodes.Count)

        MeshParameters(
            topology,
            services,
            nodes
            |> Seq.mapi (fun i -> node $"{field}[{i}]")
            |> EquatableArray.ToEquatableArray
        )

    let private recording (topology: Topology) (file: ScenarioFile.Recording) =
        let place = "simulation.recording"
        Validation.require $"{place}.intervals" file.Intervals "at least 1" (file.Intervals >= 1)
        Validation.require $"{place}.loadUnit" file.LoadUnit "a number above 0" (file.LoadUnit > 0.0)
        Validation.require $"{place}.loadLevels" "[]" "at least one" (file.LoadLevels.Length > 0)

        for level in file.LoadLevels do
            Validation.require
                $"{place}.loadLevels"
                (sprintf "%A" level)
                $"{topology.Services.Count} loads above 0, one per service"
                (level.Length = topology.Services.Count
                 && level |> Array.forall (fun load -> load > 0.0))

        {
            Schedule =
                Validation.at place (fun () ->
                    MonitoringSchedule(IntervalSeconds = file.IntervalSeconds, SettlingSeconds = file.SettlingSeconds))
            Intervals = file.Intervals
            LoadLevels =
                file.LoadLevels
                |> Array.map (Seq.map RequestRate >> EquatableArray.ToEquatableArray)
            LoadUnit = RequestRate file.LoadUnit
            Seed = file.Seed
        }

    let build (topology: Topology) (file: ScenarioFile.Simulation) =
        let count = topology.Services.Count

        Validation.require
            "simulation.services"
            file.Services.Length
            $"{count} entries, one per service"
            (file.Services.Length = count)

        let services =
            file.Services |> Seq.mapi serviceTime |> EquatableArray.ToEquatableArray

        {
            Before = parameters topology services "simulation.nodes" file.Nodes
            After =
                file.NodesAfterChange
                |> Option.map (parameters topology services "simulation.nodesAfterChange")
            Recording = recording topology file.Recording
        }

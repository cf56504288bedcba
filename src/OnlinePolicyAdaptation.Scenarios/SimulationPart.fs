namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open FsToolkit.ErrorHandling
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
type SimulationPart =
    {
        /// What it is made of before any change.
        Mesh: MeshParameters
        /// Of each service, where the scenario says them here.
        Loads: OfferedLoad list option
        Recording: RecordingSettings
    }

[<RequireQualifiedAccess>]
module internal SimulationPart =

    let private serviceTime index (section: SimulatedServiceSection) : Check.Checked<ServiceTime> =
        let path = $"simulation.services[{index}]"
        let mean = section.ServiceTimeSeconds

        match section.Distribution, section.SquaredVariation with
        | "lognormal", Some variation -> Check.at path (fun () -> ServiceTime.Lognormal(mean, variation))
        | "lognormal", None ->
            Check.fail (
                ScenarioFault.at $"{path}.squaredVariation" "missing" "a number above 0, for a lognormal service time"
            )
        | distribution, Some variation ->
            Check.fail (
                ScenarioFault.at
                    $"{path}.squaredVariation"
                    $"{variation}"
                    $"none, for a service time that is {distribution}"
            )
        | "deterministic", None -> Check.at path (fun () -> ServiceTime.Deterministic mean)
        | _ -> Check.at path (fun () -> ServiceTime.Exponential mean)

    let private node path (section: SimulatedNodeSection) =
        Check.at path (fun () ->
            NodeParameters(
                Speed = section.Speed,
                SpeedByCores = EquatableArray.ToEquatableArray section.SpeedByCores,
                Cores = section.Cores,
                LatencySeconds = section.LatencySeconds,
                JitterSeconds = section.JitterSeconds,
                Capacity = Option.toNullable section.Capacity
            ))

    let private nodes path (topology: Topology) (sections: SimulatedNodeSection[]) =
        validation {
            let! _ = Check.count path topology.Nodes.Count sections "one per node"
            and! nodes = sections |> Seq.mapi (fun i -> node $"{path}[{i}]") |> Check.all
            return EquatableArray.ToEquatableArray nodes
        }

    let private recording (topology: Topology) (section: RecordingSection) =
        let path = "simulation.recording"
        let services = topology.Services.Count

        validation {
            let! _ =
                section.LoadLevels
                |> Seq.mapi (fun i level -> Check.count $"{path}.loadLevels[{i}]" services level "one load per service")
                |> Check.units

            and! schedule =
                Check.at path (fun () ->
                    MonitoringSchedule(
                        IntervalSeconds = section.IntervalSeconds,
                        SettlingSeconds = section.SettlingSeconds
                    ))

            return
                {
                    Schedule = schedule
                    Intervals = section.Intervals
                    LoadLevels =
                        section.LoadLevels
                        |> Array.map (Seq.map RequestRate >> EquatableArray.ToEquatableArray)
                    LoadUnit = RequestRate section.LoadUnit
                    Seed = section.Seed
                }
        }

    let build directory (topology: Topology) (section: SimulationSection) =
        let services = topology.Services.Count

        validation {
            let! _ =
                Check.count "simulation.services" services section.Services "one per service"

            and! times = section.Services |> Seq.mapi serviceTime |> Check.all
            and! nodes = nodes "simulation.nodes" topology section.Nodes

            and! loads =
                section.Loads
                |> Option.map (OfferedLoad.ofSections directory "simulation.loads" services >> Result.map Some)
                |> Option.defaultValue (Ok None)

            and! recording = recording topology section.Recording

            return
                {
                    Mesh = MeshParameters(topology, EquatableArray.ToEquatableArray times, nodes)
                    Loads = loads
                    Recording = recording
                }
        }

namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What happens to the processes of a testbed; services and nodes by their numbers.
[<RequireQualifiedAccess>]
type TestbedChange =
    /// A node takes longer by a factor, over what it was built with.
    | Slowdown of node: int * factor: float
    /// A service's requests take longer by a factor, over what it was built with.
    | Work of service: int * factor: float
    /// A node ends.
    | Gone of node: int
    /// A node that had ended is started again.
    | Back of node: int

/// A service of a testbed.
type TestbedService =
    {
        /// Whether it looks rows up in a database; else it multiplies matrices.
        IsInformation: bool
        /// Mean CPU time of a request.
        WorkMilliseconds: float
        /// Of the CPU time: variance over squared mean.
        SquaredVariation: float
    }

/// A node of a testbed.
type TestbedNode =
    {
        /// Where no control sets them.
        Cores: float
        /// Factor on the CPU time of every request.
        Slowdown: float
        /// 0: any free one.
        Port: int
    }

/// How traces of a testbed are recorded.
type TestbedRecording =
    {
        /// Monitoring intervals per load level and configuration.
        Intervals: int
        /// Each gives one offered load per service; none: the experiment's.
        LoadLevels: EquatableArray<RequestRate> list option
        Seed: int
    }

/// A real system on one machine.
type TestbedPart =
    {
        Schedule: MonitoringSchedule
        /// The share of a CPU that a core of the controls stands for.
        CoreShare: float
        /// In the topology's order.
        Services: TestbedService list
        /// In the topology's order.
        Nodes: TestbedNode list
        /// Whether HAProxy routes and refuses requests; else a process of our own.
        HasHaProxy: bool
        /// 0: any free one.
        FrontPort: int
        Recording: TestbedRecording
    }

    /// Seconds from one observation to the next.
    member this.SecondsPerCycle =
        this.Schedule.SettlingSeconds + this.Schedule.IntervalSeconds

[<RequireQualifiedAccess>]
module internal TestbedPart =

    let private path = "live.testbed"

    let private node (section: TestbedNodeSection) =
        {
            Cores = section.Cores
            Slowdown = section.Slowdown
            Port = section.Port
        }

    let private nodes (topology: Topology) (sections: TestbedNodeSection[]) =
        match sections with
        | [||] ->
            Ok
                [
                    for _ in topology.Nodes ->
                        {
                            Cores = 1.0
                            Slowdown = 1.0
                            Port = 0
                        }
                ]
        | _ ->
            Check.count $"{path}.nodes" topology.Nodes.Count sections "one per node, or none at all"
            |> Result.map (fun () -> sections |> Seq.map node |> List.ofSeq)

    /// A node has one thread that works on requests.
    let private cpus (grid: ControlGrid) (section: TestbedSection) =
        let most =
            [
                for control in grid.Controls do
                    if control.Target :? ControlTarget.CpuCores then
                        control.Highest
                for node in section.Nodes do
                    node.Cores
            ]
            |> List.fold max 0.0

        Check.require
            $"{path}.coreShare"
            $"{section.CoreShare}"
            $"at most {1.0 / most:g6}, so that {most:g6} cores are one CPU"
            (most * section.CoreShare <= 1.0 + 1e-9)

    let private levels services (section: TestbedRecordingSection) =
        match section.LoadLevels with
        | None -> Ok None
        | Some levels ->
            levels
            |> Seq.mapi (fun i level ->
                Check.count $"{path}.recording.loadLevels[{i}]" services level "one load per service"
                |> Result.map (fun () -> level |> Seq.map RequestRate |> EquatableArray.ToEquatableArray))
            |> Check.all
            |> Result.map Some

    /// What a scenario file says, checked.
    let build (system: SystemPart) intervalSeconds (section: TestbedSection) : Check.Checked<TestbedPart> =
        let services = system.Topology.Services.Count

        validation {
            let! _ = Check.count $"{path}.services" services section.Services "one per service"
            and! nodes = nodes system.Topology section.Nodes
            and! _ = cpus system.Grid section
            and! levels = levels services section.Recording

            and! schedule =
                Check.at path (fun () ->
                    MonitoringSchedule(IntervalSeconds = intervalSeconds, SettlingSeconds = section.SettlingSeconds))

            return
                {
                    Schedule = schedule
                    CoreShare = section.CoreShare
                    Services =
                        [
                            for service in section.Services ->
                                {
                                    IsInformation = (service.Kind = "information")
                                    WorkMilliseconds = service.WorkMilliseconds
                                    SquaredVariation = service.SquaredVariation
                                }
                        ]
                    Nodes = nodes
                    HasHaProxy = (section.Front = "haproxy")
                    FrontPort = section.FrontPort
                    Recording =
                        {
                            Intervals = section.Recording.Intervals
                            LoadLevels = levels
                            Seed = section.Recording.Seed
                        }
                }
        }

    /// What `path` of a scenario file says about a change.
    let change path (topology: Topology) (section: TestbedChangeSection) : Check.Checked<TestbedChange> =
        let node (path: string) name =
            Check.index path "node" topology.Nodes name

        match section with
        | { Slowdown = Some slowdown } ->
            node $"{path}.slowdown.node" slowdown.Node
            |> Result.map (fun node -> TestbedChange.Slowdown(node, slowdown.Factor))
        | { Work = Some work } ->
            Check.index $"{path}.work.service" "service" topology.Services work.Service
            |> Result.map (fun service -> TestbedChange.Work(service, work.Factor))
        | { Gone = Some name } -> node $"{path}.gone" name |> Result.map TestbedChange.Gone
        | { Back = Some name } -> node $"{path}.back" name |> Result.map TestbedChange.Back
        | _ -> Check.fail (ScenarioFault.because path "expected exactly one of slowdown, work, gone, back")

namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open System.IO
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What the system of an experiment is from some cycle on.
type ChangedSystem =
    {
        FromCycle: int
        /// The stage of the experiment that it belongs to. Stage 0 is before any change, and each change begins a stage; one
        /// that takes a ramp begins another when it is complete.
        Stage: int
        /// What the stage is called.
        StageName: string
        /// The simulated mesh; none where there is no simulation.
        Mesh: MeshParameters option
        /// The offered loads that are no longer those of the start, by the number of their service.
        Loads: Map<int, OfferedLoad>
        /// The recording of the system; of one that has changed in its loads alone, the one before.
        Trace: string option
        /// What happens to the processes of a testbed when this begins.
        Testbed: TestbedChange list
    }

[<RequireQualifiedAccess>]
module ChangedSystem =

    /// The loads of all services, where those of the start are these.
    let loads (atStart: OfferedLoad list) (changed: ChangedSystem) =
        atStart
        |> List.mapi (fun service load -> Map.tryFind service changed.Loads |> Option.defaultValue load)

    /// Part of the way between two numbers.
    let private between share (first: float) (last: float) = first + share * (last - first)

    let private nodeBetween share (first: NodeParameters) (last: NodeParameters) =
        NodeParameters(
            Speed = between share first.Speed last.Speed,
            SpeedByCores =
                (if first.SpeedByCores.Count = last.SpeedByCores.Count then
                     Seq.map2 (between share) first.SpeedByCores last.SpeedByCores
                     |> EquatableArray.ToEquatableArray
                 else
                     last.SpeedByCores),
            Cores = between share first.Cores last.Cores,
            LatencySeconds = between share first.LatencySeconds last.LatencySeconds,
            JitterSeconds = between share first.JitterSeconds last.JitterSeconds,
            Capacity = last.Capacity
        )

    let private meshBetween share (first: MeshParameters) (last: MeshParameters) =
        MeshParameters(
            last.Topology,
            Seq.map2
                (fun (a: ServiceTime) (b: ServiceTime) -> b.WithMean(between share a.MeanSeconds b.MeanSeconds))
                first.ServiceTimes
                last.ServiceTimes
            |> EquatableArray.ToEquatableArray,
            Seq.map2 (nodeBetween share) first.Nodes last.Nodes
            |> EquatableArray.ToEquatableArray
        )

    /// Loads move where both are constant; `check` has refused others.
    let private loadBetween share first last =
        match first, last with
        | OfferedLoad.Constant a, OfferedLoad.Constant b ->
            OfferedLoad.Constant(RequestRate(between share a.PerSecond b.PerSecond))
        | _ -> last

    let private changedNode path (node: NodeParameters) (section: NodeChangeSection) : Check.Checked<NodeParameters> =
        Check.at path (fun () ->
            NodeParameters(
                Speed = Option.defaultValue node.Speed section.Speed,
                SpeedByCores =
                    (match section.SpeedByCores with
                     | Some factors -> EquatableArray.ToEquatableArray factors
                     | None -> node.SpeedByCores),
                Cores = Option.defaultValue node.Cores section.Cores,
                LatencySeconds = Option.defaultValue node.LatencySeconds section.LatencySeconds,
                JitterSeconds = Option.defaultValue node.JitterSeconds section.JitterSeconds,
                Capacity =
                    (match section.Capacity with
                     | Some capacity -> Nullable capacity
                     | None -> node.Capacity)
            ))

    /// Items changed one after another, each by its index.
    let private replaced (items: 'item seq) (changes: Check.Checked<int * ('item -> Check.Checked<'item>)> list) =
        (Ok(Array.ofSeq items), changes)
        ||> List.fold (fun items change ->
            validation {
                let! items = items
                and! index, change = change
                let! item = change items[index]
                return Array.updateAt index item items
            })

    let private mesh path (before: MeshParameters) (section: ChangeSection) : Check.Checked<MeshParameters> =
        validation {
            let! nodes =
                section.Nodes
                |> Array.mapi (fun i change ->
                    let path = $"{path}.nodes[{i}]"

                    Check.index $"{path}.node" "node" before.Topology.Nodes change.Node
                    |> Result.map (fun node -> node, (fun parameters -> changedNode path parameters change)))
                |> List.ofArray
                |> replaced before.Nodes

            and! times =
                section.Services
                |> Array.mapi (fun i change ->
                    let path = $"{path}.services[{i}]"

                    Check.index $"{path}.service" "service" before.Topology.Services change.Service
                    |> Result.map (fun service ->
                        service,
                        (fun (time: ServiceTime) -> Check.at path (fun () -> time.WithMean change.ServiceTimeSeconds))))
                |> List.ofArray
                |> replaced before.ServiceTimes

            return
                MeshParameters(
                    before.Topology,
                    EquatableArray.ToEquatableArray times,
                    EquatableArray.ToEquatableArray nodes
                )
        }

    let private changedLoads directory path (services: string seq) (section: ChangeSection) =
        section.Loads
        |> Seq.mapi (fun i change ->
            let path = $"{path}.loads[{i}]"

            validation {
                let! service = Check.index $"{path}.service" "service" services change.Service
                and! load = OfferedLoad.ofSection directory $"{path}.load" change.Load
                return service, load
            })
        |> Check.all
        |> Result.map Map.ofList

    /// A ramp is of the mesh and of constant loads: a recording shows one system, and other loads have no middle.
    let private rampFaults path (before: OfferedLoad list) (loads: Map<int, OfferedLoad>) (section: ChangeSection) =
        match section.Ramp with
        | None -> Ok()
        | Some ramp ->
            [
                let steps = Option.defaultValue ramp.Cycles ramp.Steps

                Check.require
                    $"{path}.ramp.steps"
                    $"{steps}"
                    $"at most {ramp.Cycles}, one per cycle"
                    (steps <= ramp.Cycles)

                Check.require
                    $"{path}.ramp"
                    "a ramp to a trace"
                    "no ramp, or a simulated mesh: a trace shows a single system"
                    section.Trace.IsNone

                for KeyValue(service, load) in loads do
                    Check.require
                        $"{path}.ramp"
                        "a ramp of a load that swings"
                        "no ramp, or loads of a number of requests per second before and after"
                        (load.IsConstant && before[service].IsConstant)
            ]
            |> Check.units

    let private somethingChanges path (simulation: MeshParameters option) (section: ChangeSection) =
        let ofMesh = section.Nodes.Length > 0 || section.Services.Length > 0

        [
            Check.require
                path
                "nothing that changes"
                "nodes, services, loads, a trace or testbed"
                (ofMesh
                 || section.Loads.Length > 0
                 || section.Trace.IsSome
                 || section.Testbed.Length > 0)
            Check.require
                $"{path}.ramp"
                "a ramp of testbed"
                "no ramp, or no testbed: its changes come at once"
                (section.Ramp.IsNone || section.Testbed.Length = 0)
            Check.require
                path
                "nodes or services of a mesh"
                "a section simulation, which is missing"
                (simulation.IsSome || not ofMesh)
        ]
        |> Check.units

    /// The systems of one change, where the system was this before it and the loads of the start were those.
    let private ofSection
        directory
        (topology: Topology)
        (atStart: OfferedLoad list)
        (before: ChangedSystem)
        index
        (section: ChangeSection)
        : Check.Checked<ChangedSystem list> =
        let path = $"experiment.changes[{index}]"
        let name = section.Name |> Option.defaultValue $"change-{index + 1}"

        validation {
            let! _ = somethingChanges path before.Mesh section

            and! mesh =
                match before.Mesh with
                | Some before -> mesh path before section |> Result.map Some
                | None -> Ok None

            and! newLoads = changedLoads directory path topology.Services section

            and! testbed =
                section.Testbed
                |> Seq.mapi (fun i -> TestbedPart.change $"{path}.testbed[{i}]" topology)
                |> Check.all

            let! _ = rampFaults path (loads atStart before) newLoads section

            let complete =
                { before with
                    FromCycle = section.AtCycle
                    Stage = before.Stage + 1
                    StageName = name
                    Mesh = mesh
                    Loads = (before.Loads, newLoads) ||> Map.fold (fun loads s load -> Map.add s load loads)
                    Trace =
                        section.Trace
                        |> Option.map (fun trace -> Path.Combine(directory, trace))
                        |> Option.orElse before.Trace
                    Testbed = testbed
                }

            return
                match section.Ramp with
                | None -> [ complete ]
                | Some ramp ->
                    let steps = Option.defaultValue ramp.Cycles ramp.Steps
                    let earlier = loads atStart before

                    [
                        for step in 1 .. steps - 1 do
                            let share = float step / float steps

                            { complete with
                                FromCycle = section.AtCycle + (step - 1) * ramp.Cycles / steps
                                StageName = $"{name}-ramp"
                                Mesh = Option.map2 (meshBetween share) before.Mesh mesh
                                Loads =
                                    complete.Loads
                                    |> Map.map (fun service load -> loadBetween share earlier[service] load)
                            }
                        // The last step has all of the change, and still lasts as long as the others.
                        { complete with
                            FromCycle = section.AtCycle + (steps - 1) * ramp.Cycles / steps
                            StageName = $"{name}-ramp"
                        }
                        { complete with
                            FromCycle = section.AtCycle + ramp.Cycles
                            Stage = complete.Stage + 1
                        }
                    ]
        }

    let private ascending (sections: ChangeSection[]) =
        sections
        |> Seq.pairwise
        |> Seq.mapi (fun i (earlier, later) ->
            let complete =
                earlier.AtCycle + (earlier.Ramp |> Option.map _.Cycles |> Option.defaultValue 1)

            Check.require
                $"experiment.changes[{i + 1}].atCycle"
                $"{later.AtCycle}"
                $"at least {complete}, once the change before is complete"
                (later.AtCycle >= complete))
        |> Check.units

    /// What the changes of an experiment make of its system, in order.
    let internal build
        directory
        topology
        (simulation: MeshParameters option)
        (atStart: OfferedLoad list)
        (sections: ChangeSection[])
        : Check.Checked<ChangedSystem list> =
        let start =
            {
                FromCycle = 0
                Stage = 0
                StageName = ""
                Mesh = simulation
                Loads = Map.empty
                Trace = None
                Testbed = []
            }

        let rec further (before: ChangedSystem) index found =
            if index = sections.Length then
                Ok(List.rev found)
            else
                ofSection directory topology atStart before index sections[index]
                |> Result.bind (fun systems -> further (List.last systems) (index + 1) (List.rev systems @ found))

        validation {
            let! _ = ascending sections
            and! systems = further start 0 []
            return systems
        }

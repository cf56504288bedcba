namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.ControlCycle

/// What a study of planning on the known system varies, and how much work it puts into it.
type StudySettings =
    {
        /// Lookahead horizons.
        Horizons: int list
        /// States in which the time of a decision is measured.
        TimedStates: int
        /// Least time that a decision is repeated for in each of them.
        TimedSeconds: float
    }

/// What a controller meets in an experiment.
[<RequireQualifiedAccess>]
type ManagedSystem =
    /// Recorded traces: at the recorded load that is nearest.
    | Traces
    /// The scenario's simulated mesh.
    | Mesh of SimulationPart

/// An experiment with the system.
type ExperimentPart =
    {
        /// What the experiment asks, in a sentence.
        Question: string
        Environment: ManagedSystem
        /// Of each service.
        OfferedLoads: OfferedLoad list
        Cycles: int
        /// What the system becomes, by ascending cycle; empty where it does not change.
        Changes: ChangedSystem list
        Seeds: int
        /// Lookahead horizons of the rollout policies.
        Horizons: int list
        /// Other ways to forget than the estimation's, which are compared with it at the longest horizon.
        AlsoForgetting: Forgetting list
        /// Base policies that are compared with the scenario's, each with rollout on it.
        AlsoBasePolicies: BasePolicySpecification list
        /// Whether rollout is compared with choosing one control after another, where base policies are compared.
        ComparesMultiagent: bool
        Baselines: Baseline list
        /// Whether policies retrained for the system after the change are compared as well.
        Retrains: bool
        /// Simulated intervals of every configuration whose mean reward is what the configuration is worth.
        ReferenceIntervals: int
        /// A study of planning on the known system, besides the experiment.
        PlanningStudy: StudySettings option
        /// Trace of the system before any change.
        TraceBefore: string option
        Columns: TraceColumns
    }

    /// The system changes first before this cycle; 0 where it does not change.
    member this.ChangeAt =
        match this.Changes with
        | first :: _ -> first.FromCycle
        | [] -> 0

    /// The recording of the system after its last change; none where there is none.
    member this.TraceAfter = this.Changes |> List.tryLast |> Option.bind _.Trace

[<RequireQualifiedAccess>]
module internal ExperimentPart =

    /// Whether a recording shows what becomes of nodes and services.
    let private areRecorded (section: ExperimentSection) =
        section.Changes
        |> Array.forall (fun change -> change.Trace.IsSome || (change.Nodes.Length = 0 && change.Services.Length = 0))

    let private environment (simulation: SimulationPart option) hasTraces (section: ExperimentSection) =
        match section.Environment, simulation with
        | Some "traces", _ when not (areRecorded section) ->
            Check.fail (
                ScenarioFault.at
                    "experiment.environment"
                    "'traces'"
                    "a trace of each change of nodes and services, or \"simulation\""
            )
        | None, Some simulation when not (areRecorded section) -> Ok(ManagedSystem.Mesh simulation)
        | Some "simulation", Some simulation -> Ok(ManagedSystem.Mesh simulation)
        | Some "simulation", None ->
            Check.fail (
                ScenarioFault.at
                    "experiment.environment"
                    "'simulation'"
                    "a section simulation, which is missing, or \"traces\""
            )
        | None, Some simulation when not hasTraces -> Ok(ManagedSystem.Mesh simulation)
        | _ -> Ok ManagedSystem.Traces

    /// Retraining is for one change, and on its recording.
    let private retrains (section: ExperimentSection) =
        Check.require
            "experiment.compared.retrain"
            "true"
            "false, or experiment.changes with a single change that has a trace"
            (match section.Changes with
             | [| change |] -> change.Trace.IsSome || not section.Compared.Retrain
             | _ -> not section.Compared.Retrain)

    let private loads directory services hasTraces (simulation: SimulationPart option) (section: ExperimentSection) =
        match section.Loads, simulation |> Option.bind _.Loads with
        | Some loads, _ -> OfferedLoad.ofSections directory "experiment.loads" services loads
        | None, Some loads -> Ok loads
        | None, None when simulation.IsSome || hasTraces ->
            Check.fail (
                ScenarioFault.at
                    "experiment.loads"
                    "missing"
                    "an offered load for each service, here or in simulation.loads"
            )
        | None, None -> Ok []

    /// The traces, with what their columns mean; by default what is known of the system as it is.
    let private traces directory (system: SystemPart) (history: HistorySection option) (section: ExperimentSection) =
        let services = system.Topology.Services.Count

        match section.Traces, history with
        | Some traces, _ ->
            RecordedTrace.build directory "experiment.traces" system.Grid services traces.Before traces.Columns
            |> Result.map (fun before -> Some before.Path, before.Columns)
        | None, Some history ->
            RecordedTrace.build directory "controller.history" system.Grid services history.Trace history.Columns
            |> Result.map (fun before -> Some before.Path, before.Columns)
        | None, None -> Ok(None, TraceColumns.Testbed(system.Grid, services))

    let private study (section: PlanningStudySection) =
        {
            Horizons = List.ofArray section.Horizons
            TimedStates = section.TimedStates
            TimedSeconds = section.TimedSeconds
        }

    let build
        directory
        (system: SystemPart)
        (simulation: SimulationPart option)
        (history: HistorySection option)
        lookahead
        (section: ExperimentSection)
        : Check.Checked<ExperimentPart> =
        let services = system.Topology.Services.Count
        let hasTraces = section.Traces.IsSome || history.IsSome
        let loads = loads directory services hasTraces simulation section

        let changes =
            validation {
                let! loads = Check.silent loads

                return!
                    ChangedSystem.build
                        directory
                        system.Topology
                        (simulation |> Option.map _.Mesh)
                        loads
                        section.Changes
            }

        validation {
            let! environment = environment simulation hasTraces section
            and! changes = changes
            and! _ = retrains section
            and! loads = loads
            and! before, columns = traces directory system history section

            and! forgetting =
                section.Compared.Forgetting
                |> Seq.mapi (fun i text ->
                    EstimationSyntax.forgetting text
                    |> Result.mapError (fun message ->
                        [ ScenarioFault.because $"experiment.compared.forgetting[{i}]" message ]))
                |> Check.all

            and! basePolicies =
                section.Compared.BasePolicies
                |> Seq.mapi (fun i ->
                    BasePolicySpecification.ofSection $"experiment.compared.basePolicies[{i}]" directory services)
                |> Check.all

            return
                {
                    Question = section.Question
                    Environment =
                        match environment with
                        | ManagedSystem.Mesh simulation -> ManagedSystem.Mesh { simulation with Loads = Some loads }
                        | ManagedSystem.Traces -> ManagedSystem.Traces
                    OfferedLoads = loads
                    Cycles = section.Cycles
                    Changes = changes
                    Seeds = section.Seeds
                    Horizons =
                        section.Compared.Horizons
                        |> Option.map List.ofArray
                        |> Option.defaultValue [ lookahead ]
                    AlsoForgetting = forgetting
                    AlsoBasePolicies = basePolicies
                    ComparesMultiagent = section.Compared.Multiagent
                    Baselines = section.Compared.Baselines |> Seq.choose Baseline.ofName |> List.ofSeq
                    Retrains = section.Compared.Retrain
                    ReferenceIntervals = section.ReferenceIntervals
                    PlanningStudy = section.PlanningStudy |> Option.map study
                    TraceBefore = before
                    Columns = columns
                }
        }

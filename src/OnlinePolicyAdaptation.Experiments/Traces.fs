namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Scenarios

/// An experiment's traces, read and checked.
type Traces =
    {
        Before: TestbedTrace
        After: TestbedTrace
    }

/// The system of an experiment.
[<RequireQualifiedAccess>]
module Traces =

    /// The traces of a scenario's system; the same one twice where it does not change. An error where there is none, or where
    /// the system is too large to be planned on.
    let read (scenario: Scenario) =
        let readOne = RecordedLoads.read scenario

        match ProblemSize.check scenario.System.Grid, scenario.Experiment.TraceBefore with
        | Error message, _ -> Error message
        | _, None ->
            Error
                $"scenario {scenario.Name} has no field experiment.traces: there is no recording to run on; expected one, such as `opar record` makes of a simulation"
        | _, Some before ->
            let before = readOne before

            let traces =
                {
                    Before = before
                    After =
                        scenario.Experiment.TraceAfter
                        |> Option.map readOne
                        |> Option.defaultValue before
                }

            RecordedLoads.check scenario [ traces.Before; traces.After ]
            |> Result.map (fun () -> traces)

    /// Where no schedule is known; what a load pattern does in a cycle does not depend on it.
    let private usualSchedule = MonitoringSchedule()

    /// The loads of every cycle, as patterns in seconds and by number, and the system that they are offered to.
    let environment (scenario: Scenario) (traces: Traces) (key: RandomKey) : struct (_ * IEnvironment) =
        let schedule =
            match scenario.Experiment.Environment with
            | ManagedSystem.Traces -> usualSchedule
            | ManagedSystem.Mesh simulation -> simulation.Recording.Schedule

        let seconds = schedule.IntervalSeconds
        let patterns = MeshEnvironment.loads scenario seconds key

        /// In the middle of the interval of a cycle.
        let rates (cycle: int64) =
            patterns
            |> Seq.map _.RateAt((float cycle + 0.5) * seconds)
            |> EquatableArray.ToEquatableArray

        match scenario.Experiment.Environment with
        | ManagedSystem.Traces ->
            let levelsOf trace =
                let levels = RecordedLoads.levels trace
                rates >> RecordedLoads.nearest levels

            let before, after = levelsOf traces.Before, levelsOf traces.After

            let replay trace level (first: int) (index: int) : IEnvironment =
                TraceEnvironment(
                    trace,
                    scenario.System.Grid,
                    scenario.System.Start,
                    (fun interval -> level (int64 first + interval)),
                    key.Split index
                )

            let loads cycle =
                if cycle < int64 scenario.Experiment.ChangeAt then
                    before cycle
                else
                    after cycle

            struct (loads,
                    SystemChange(
                        replay traces.Before before 0 0,
                        replay traces.After after scenario.Experiment.ChangeAt 1,
                        scenario.Experiment.ChangeAt
                    ))
        | ManagedSystem.Mesh simulation -> struct (rates, MeshEnvironment.create scenario simulation key)

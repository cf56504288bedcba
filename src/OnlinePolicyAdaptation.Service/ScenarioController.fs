/// The controller of a scenario's system.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.ScenarioController

open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Scenarios

let system (scenario: Scenario) =
    {
        Grid = scenario.System.Grid
        Topology = scenario.System.Topology
    }

let private trace (scenario: Scenario) =
    scenario.Controller.History
    |> Option.map (fun history -> TestbedTrace.Read(history.Path, scenario.System.Grid, history.Columns))

let private basePolicy (scenario: Scenario) trace key =
    Scenario.policy scenario scenario.Controller.BasePolicy (fun () ->
        match trace with
        | Some trace -> RecordedSystem.responseTimes scenario trace key
        | None ->
            Error
                $"scenario {scenario.Name} has no field controller.history: a base policy that is made from a recorded system needs one; expected another controller.basePolicy, such as network or threshold")

/// Whether the scenario's system can be planned on, where that is what the controller does.
let private checkSize (scenario: Scenario) mode planner =
    match mode, planner with
    | Mode.Base, _
    | _, Planner.BasePolicy -> Ok()
    | _ -> ProblemSize.check scenario.System.Grid |> Result.map ignore

/// What is believed of measurements.
let private admission (scenario: Scenario) =
    {
        MaximumGap = scenario.Live.Interval * float scenario.Controller.MaximumGapIntervals
        PlausibleSeconds = scenario.Controller.Plausible.ResponseTimeSeconds
        PlausibleLoad = scenario.Controller.Plausible.RequestsPerSecond
    }

/// What a guard leaves to be explored. An error: a control's bounds hold none of it.
let private explored (scenario: Scenario) (history: Sample seq) : Result<GuardSettings, string> =
    let guard = scenario.Controller.Guard
    let grid = scenario.System.Grid

    let levels =
        Exploration.levels grid scenario.Controller.Exploration (history |> Seq.map _.Configuration)

    let isApart (struct (lowest, highest)) (struct (first, last)) = lowest > last || highest < first

    match Array.tryFindIndex id (Array.map2 isApart guard.Bounds levels) with
    | None -> Ok { guard with Explored = levels }
    | Some control ->
        let between (struct (lowest, highest)) =
            let control = grid.Controls[control]
            $"{control.Value lowest} to {control.Value highest}"

        Error
            $"controller.guard.bounds.{grid.Controls[control].Name}: {between guard.Bounds[control]}, which was never measured; expected some of {between levels[control]}, or controller.exploration.levels: all"

/// The cycle: with a model of the scenario's trace of the system as it was, or without.
let create (scenario: Scenario) mode planner clock knowsTrace (key: RandomKey) =
    let trace = trace scenario

    let history =
        match trace with
        | Some trace when knowsTrace -> RecordedSystem.samples trace |> Seq.cache
        | _ -> Seq.empty

    result {
        do! checkSize scenario mode planner
        let! guard = explored scenario history
        let! basePolicy = basePolicy scenario trace (key.Split 0)

        // Where planning goes through all states anyway, actions are looked up rather than worked out each time.
        let basePolicy =
            if mode = Mode.Base || BasePolicySpecification.draws scenario.Controller.BasePolicy then
                basePolicy
            else
                PolicyTables.ofPolicy scenario.System.Grid basePolicy

        let settings =
            {
                Grid = scenario.System.Grid
                Reward = scenario.Goal.Reward
                Discount = scenario.Goal.Discount
                BasePolicy = basePolicy
                Planner =
                    match mode with
                    | Mode.Base -> Planner.BasePolicy
                    | Mode.Act
                    | Mode.Shadow -> planner
                Leaves = scenario.Controller.Leaves
                Estimation = scenario.Controller.Estimation
                Guard = guard
                Admission = admission scenario
                Losses =
                    ValueSome
                        {
                            Objectives = scenario.Goal.LossObjectives
                            IntervalSeconds = scenario.Live.Interval.TotalSeconds
                        }
                FollowsLag = scenario.Controller.FollowsLag
                Mode = mode
                Clock = clock
            }

        return Cycle.create settings history (key.Split 1)
    }

/// Which controls keep away from levels that were never measured, and where they keep to.
let unexplored (cycle: Cycle) =
    let grid = cycle.Settings.Grid

    [
        for control, struct (lowest, highest) in Seq.zip grid.Controls cycle.Settings.Guard.Explored do
            if lowest = highest then
                $"{control.Name} stays at {control.Value lowest}"
            elif lowest > 0 || highest < control.Levels - 1 then
                $"{control.Name} keeps within {control.Value lowest} to {control.Value highest}"
    ]

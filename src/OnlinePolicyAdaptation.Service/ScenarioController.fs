/// The controller of a scenario's system.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.ScenarioController

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments

let vocabulary (scenario: Scenario) =
    {
        Grid = scenario.Grid
        Topology = scenario.Topology
    }

let private trace (scenario: Scenario) =
    scenario.TraceBefore
    |> Option.map (fun path -> TestbedTrace.Read(path, scenario.Grid, scenario.Columns))

let private basePolicy (scenario: Scenario) trace key =
    GivenPolicy.create scenario.Grid scenario.Topology scenario.Reward scenario.Discount scenario.BasePolicy (fun () ->
        match trace with
        | Some trace -> RecordedSystem.responseTimes scenario trace key
        | None ->
            Error
                $"scenario {scenario.Name} has no field trace.before: a base policy that is made from a recorded system needs one; expected another basePolicy.kind, such as network or threshold")

/// Whether the scenario's system can be planned on, where that is what the controller does.
let private checkSize (scenario: Scenario) mode planner =
    match mode, planner with
    | Mode.Base, _
    | _, Planner.BasePolicy -> Ok()
    | _ -> ProblemSize.check scenario.Grid |> Result.map ignore

/// The cycle: with a model of the scenario's trace of the system as it was, or without.
let create (scenario: Scenario) mode planner clock knowsTrace (key: RandomKey) =
    let trace = trace scenario

    checkSize scenario mode planner
    |> Result.bind (fun () -> basePolicy scenario trace (key.Split 0))
    |> Result.map (fun basePolicy ->
        // Where planning goes through all states anyway, actions are looked up rather than worked out each time.
        let basePolicy =
            if mode = Mode.Base || GivenPolicy.draws scenario.BasePolicy then
                basePolicy
            else
                PolicyTables.ofPolicy scenario.Grid basePolicy

        let settings =
            {
                Grid = scenario.Grid
                Reward = scenario.Reward
                Discount = scenario.Discount
                BasePolicy = basePolicy
                Planner =
                    match mode with
                    | Mode.Base -> Planner.BasePolicy
                    | Mode.Act
                    | Mode.Shadow -> planner
                Estimation = scenario.Estimation
                Guard = scenario.Operation.Guard
                Admission = Admission.usual scenario.Operation.Interval
                Mode = mode
                Clock = clock
            }

        let history =
            match trace with
            | Some trace when knowsTrace -> RecordedSystem.samples trace
            | _ -> Seq.empty

        Cycle.create settings history (key.Split 1))

/// Training on a scenario: the problem that a policy is trained on, and its exact evaluation.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ScenarioTraining

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Training

/// The system of a scenario at its loads, small enough to be solved.
type TrainedSystem =
    {
        Problem: PlanningProblem
        Training: TrainingProblem
        /// J* of every state.
        Optimum: float[]
        /// Number of the scenario's start state.
        Start: int
    }

/// The system whose response times are those of a planning problem, from exploring starts.
let ofProblem (problem: PlanningProblem) =
    let scenario = problem.Scenario

    let dynamics =
        NetworkDynamics(scenario.Grid, scenario.Reward, problem.ResponseTimes)

    {
        Problem = problem
        Training = TrainingProblem.ExploringStarts(dynamics, [| scenario.Loads |])
        Optimum = (DynamicProgramming.policyIteration problem.Model scenario.Discount).Values
        Start = scenario.Grid.IndexOf scenario.Start
    }

/// Exact value of a deterministic policy in every state; a policy that leaves the grid is a defect of ours.
let values (system: TrainedSystem) (policy: IPolicy<SystemState, ControlAction>) =
    let problem = system.Problem
    let scenario = problem.Scenario

    let dynamics =
        NetworkDynamics(scenario.Grid, scenario.Reward, problem.ResponseTimes)

    match NetworkModel.policy dynamics scenario.Loads policy (RandomKey 0UL) problem.Model with
    | Ok policy -> PolicyEvaluation.exact problem.Model scenario.Discount policy
    | Error message -> invalidOp message

/// The share of the optimum that values reach in the start state; 1 is the optimum where that is above 0.
let shareAtStart system (values: float[]) =
    values[system.Start] / system.Optimum[system.Start]

/// The tool package comes without libtorch, which is a hundred times its size.
let checkLibTorch () =
    match LibTorch.Problem() with
    | null -> Ok()
    | problem ->
        Error
            $"training needs TorchSharp and libtorch, which the tool package leaves out (540 MB): use an opar built from the sources by `dotnet fsi build.fsx build`. ({problem})"

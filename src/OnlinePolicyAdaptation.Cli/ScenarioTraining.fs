/// Training on a scenario: the problem that a policy is trained on, and its exact evaluation.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ScenarioTraining

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Training

/// The system of a scenario at all of its load levels, small enough to be solved. A state is a load level and a
/// configuration; the load is taken to stay, so each level is a decision problem of its own.
type TrainedSystem =
    {
        Scenario: Scenario
        /// One per load level; at least one.
        Problems: PlanningProblem list
        Training: TrainingProblem
        /// J* of every state: load level by load level the configurations by number.
        Optimum: float[]
        /// Numbers of the scenario's start state, one per load level.
        Starts: int[]
    }

/// The response times of the problem with the load of the state.
let private byLoad (problems: PlanningProblem list) : IResponseTimeModel =
    let tables = problems |> List.map _.ResponseTimes |> Array.ofList
    let loads = problems |> List.map (_.Loads >> Seq.toArray) |> Array.ofList

    { new IResponseTimeModel with
        member _.Predict(configuration, offered, seconds) =
            let mutable level = 0

            while not (offered.SequenceEqual(ReadOnlySpan loads[level])) do
                level <- level + 1

            tables[level].Predict(configuration, offered, seconds)
    }

let private dynamics (problems: PlanningProblem list) =
    let scenario = problems.Head.Scenario
    NetworkDynamics(scenario.System.Grid, scenario.Goal.Reward, byLoad problems)

/// The system whose response times are those of the planning problems, at least one, from exploring starts: every load
/// level as likely.
let ofProblems (problems: PlanningProblem list) =
    let scenario = problems.Head.Scenario
    let configurations = scenario.System.Grid.ConfigurationCount

    {
        Scenario = scenario
        Problems = problems
        Training = TrainingProblem.ExploringStarts(dynamics problems, [| for problem in problems -> problem.Loads |])
        Optimum =
            [|
                for problem in problems do
                    yield! (DynamicProgramming.policyIteration problem.Model scenario.Goal.Discount).Values
            |]
        Starts =
            [|
                for level in 0 .. problems.Length - 1 ->
                    level * configurations + scenario.System.Grid.IndexOf scenario.System.Start
            |]
    }

/// Exact value of a deterministic policy in every state; a policy that leaves the grid is a defect of ours.
let values (system: TrainedSystem) (policy: IPolicy<SystemState, ControlAction>) =
    let dynamics = dynamics system.Problems

    [|
        for problem in system.Problems do
            match NetworkModel.policy dynamics problem.Loads policy (RandomKey 0UL) problem.Model with
            | Ok policy -> yield! PolicyEvaluation.exact problem.Model system.Scenario.Goal.Discount policy
            | Error message -> invalidOp message
    |]

/// The mean over the load levels of the values in the start state.
let atStart system (values: float[]) =
    system.Starts |> Array.averageBy (fun start -> values[start])

/// The share of the optimum that values reach in the start state; 1 is the optimum where that is above 0.
let shareAtStart system (values: float[]) =
    atStart system values / atStart system system.Optimum

/// The tool package comes without libtorch, which is a hundred times its size.
let checkLibTorch () =
    match LibTorch.Problem() with
    | null -> Ok()
    | problem ->
        Error
            $"training needs TorchSharp and libtorch, which the tool package leaves out (540 MB): use an opar built from the sources by `dotnet fsi build.fsx build`. ({problem})"

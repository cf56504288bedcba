/// What policies earn on a system that changes, if its recorded response times were all there is to it: no noise, and no
/// time to notice or to learn.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ExactComparison

open OnlinePolicyAdaptation.Scenarios
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// Sums of rewards from the scenario's start under one load.
type Totals =
    {
        Loads: EquatableArray<RequestRate>
        /// The base policy on the system before the change.
        BaseBefore: float
        /// The same after it.
        BaseAfter: float
        /// After the change, by lookahead horizon: rollout of the base policy on the changed system's model.
        Rollouts: (int * float) list
        /// The optimum after the change.
        Optimum: float
    }

let private total (problem: PlanningProblem) steps (policy: FinitePolicy) =
    let chain = RewardProcess.ofPolicy problem.Model policy
    let start = problem.Scenario.System.Grid.IndexOf problem.Scenario.System.Start

    ((start, 0.0), seq { 1..steps })
    ||> Seq.fold (fun (state, sum) _ -> chain.Successors[state], sum + chain.Rewards[state])
    |> snd

let private table (problem: PlanningProblem) policy =
    let scenario = problem.Scenario

    let dynamics =
        NetworkDynamics(scenario.System.Grid, scenario.Goal.Reward, problem.ResponseTimes)

    NetworkModel.policy dynamics problem.Loads policy (RandomKey 0UL) problem.Model

let private basePolicy (problem: PlanningProblem) =
    Scenario.policy problem.Scenario problem.Scenario.Controller.BasePolicy (fun () -> Ok problem.ResponseTimes)

let private compare horizons steps (before: PlanningProblem) (after: PlanningProblem) =
    basePolicy before
    |> Result.bind (fun policy ->
        table before policy
        |> Result.bind (fun old -> table after policy |> Result.map (fun current -> old, current)))
    |> Result.map (fun (old, current) ->
        let discount = after.Scenario.Goal.Discount

        {
            Loads = after.Loads
            BaseBefore = total before steps old
            BaseAfter = total after steps current
            Rollouts =
                [
                    for horizon in horizons ->
                        horizon, total after steps (Rollout.policy after.Model discount horizon current)
                ]
            Optimum = total after steps (DynamicProgramming.policyIteration after.Model discount).Policy
        })

/// The totals of so many steps at every load level, for rollout with these horizons. A base policy that draws its actions
/// draws the same one whenever it is in a state.
let run (scenario: Scenario) horizons steps =
    let after =
        { scenario with
            Experiment.TraceBefore = scenario.Experiment.TraceAfter
        }

    PlanningProblem.atEveryLoad scenario
    |> Result.bind (fun before ->
        PlanningProblem.atEveryLoad after
        |> Result.bind (fun after ->
            List.zip before after
            |> List.traverseResultM (fun (before, after) -> compare horizons steps before after)))

/// The header and the cells of a table.
let rows (totals: Totals list) =
    let number = Numbers.fixed' 3

    let horizons =
        match totals with
        | first :: _ -> first.Rollouts |> List.map fst
        | [] -> []

    [
        "load (req/s)"
        "base, before"
        "base, after"
        for horizon in horizons do
            $"rollout, l = {horizon}"
        "optimum"
    ],
    [
        for totals in totals ->
            [
                totals.Loads |> Seq.map Numbers.rate |> String.concat ", "
                number totals.BaseBefore
                number totals.BaseAfter
                for _, total in totals.Rollouts do
                    number total
                number totals.Optimum
            ]
    ]

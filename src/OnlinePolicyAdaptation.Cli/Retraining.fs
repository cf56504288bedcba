/// Retraining for the system after a change, which experiments compare adaptation with.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.Retraining

open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Training

let private systemOn (scenario: Scenario) path =
    PlanningProblem.load
        { scenario with
            TraceBefore = Some path
        }
        None
    |> Result.map ScenarioTraining.ofProblem
    |> Result.defaultWith (fun message -> raise (BadInputException message))

let private train (system: ScenarioTraining.TrainedSystem) (warmStart: ActorCriticNetwork | null) seed =
    let discount = system.Problem.Scenario.Discount

    Ppo.Train(
        system.Training,
        PpoOptions.Fast.WithDiscount discount.Value,
        RandomKey(uint64 seed),
        (fun policy -> ScenarioTraining.values system policy |> Array.average),
        null,
        warmStart,
        System.Threading.CancellationToken.None
    )

/// Trains with the fast preset, once per seed.
let retrainer: Retrainer =
    fun scenario traces warm seed ->
        let after = systemOn scenario traces.After.Path

        let start: ActorCriticNetwork | null =
            if warm then
                (train (systemOn scenario traces.Before.Path) null seed).Policy.Network
            else
                null

        let began = System.TimeProvider.System.GetTimestamp()
        let result = train after start seed

        {
            Policy = result.Policy
            Training = System.TimeProvider.System.GetElapsedTime began
        }

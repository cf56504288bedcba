/// Retraining for the system after a change, which experiments compare adaptation with.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.Retraining

open System
open System.Threading
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Training

let private systemOn (scenario: Scenario) path =
    PlanningProblem.atEveryLoad
        { scenario with
            TraceBefore = Some path
        }
    |> Result.map ScenarioTraining.ofProblems
    |> Result.defaultWith (fun message -> raise (BadInputException message))

/// The fast preset, its steps for each load level.
let private options (scenario: Scenario) =
    let levels = int64 (Scenario.loadLevels scenario).Length
    let discount = scenario.Discount
    PpoOptions.Fast.WithDiscount(discount.Value).WithSteps(PpoOptions.Fast.Steps * levels)

/// Steps of all trainings of a scenario: from scratch, and for the warm start before the change and after it.
let private steps (scenario: Scenario) =
    3L * int64 scenario.Seeds * (options scenario).Steps

/// Trains once per seed. `onSteps` is told after each update of the steps since the one before.
let private retrainer onSteps (cancellation: CancellationToken) : Retrainer =
    let train (system: ScenarioTraining.TrainedSystem) (warmStart: ActorCriticNetwork | null) seed =
        let options = options system.Scenario
        let counted = ref 0L

        let onProgress (progress: TrainingProgress) =
            let taken = min options.Steps progress.Steps
            onSteps seed (taken - counted.Value)
            counted.Value <- taken

        let result =
            Ppo.Train(
                system.Training,
                options,
                RandomKey(uint64 seed),
                (fun policy -> ScenarioTraining.values system policy |> Array.average),
                onProgress,
                warmStart,
                cancellation
            )

        cancellation.ThrowIfCancellationRequested()
        result

    fun scenario traces warm seed ->
        let after = systemOn scenario traces.After.Path

        let start: ActorCriticNetwork | null =
            if warm then
                (train (systemOn scenario traces.Before.Path) null seed).Policy.Network
            else
                null

        let began = TimeProvider.System.GetTimestamp()
        let result = train after start seed

        {
            Policy = result.Policy
            Training = TimeProvider.System.GetElapsedTime began
        }

/// The retrained policies of an experiment, trained while showing how far that is.
let policies (scenario: Scenario) traces cancellation =
    Terminal.withMeter $"{scenario.Name}: retraining" (steps scenario) (fun meter ->
        let total = ref 0L

        let onSteps seed taken =
            total.Value <- total.Value + taken
            meter total.Value $"seed {seed} of {scenario.Seeds}"

        Experiment.retrain scenario traces (retrainer onSteps cancellation))

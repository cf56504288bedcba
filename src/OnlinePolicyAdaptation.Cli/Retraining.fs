/// Retraining for the system after a change, which experiments compare adaptation with.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.Retraining

open System
open System.Threading
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Training

let private systemOn (scenario: Scenario) path =
    PlanningProblem.atEveryLoad
        { scenario with
            Experiment.TraceBefore = Some path
        }
    |> Result.map ScenarioTraining.ofProblems
    |> Result.defaultWith (fun message -> raise (BadInputException message))

/// The fast preset, its steps for each load level.
let private options (scenario: Scenario) =
    let levels = int64 (Scenario.loadLevels scenario).Length
    let discount = scenario.Goal.Discount
    PpoOptions.Fast.WithDiscount(discount.Value).WithSteps(PpoOptions.Fast.Steps * levels)

/// The networks that a warm start goes on from: the base policy's, where it is a network; otherwise none.
let private given (scenario: Scenario) : ActorCriticNetwork option =
    match scenario.Controller.BasePolicy with
    | BasePolicySpecification.Network(path, _) -> Some (PolicyFile.Load path).Network
    | _ -> None

/// Steps of all trainings of a scenario: from scratch and warm, and where the base policy is no network, one trained on the
/// system before the change for the warm start.
let private steps (scenario: Scenario) =
    let trainings = if (given scenario).IsSome then 2L else 3L
    trainings * int64 scenario.Experiment.Seeds * (options scenario).Steps

/// Training ends once a policy is worth this share of the optimum, averaged over all states. Only who knows the optimum can end
/// so soon: what retraining takes is the least that it could take.
let private enough = 0.998

/// Trains once per seed. `onSteps` is told after each update of the steps since the one before, from any thread.
let private retrainer onSteps (cancellation: CancellationToken) : Retrainer =
    let train (system: ScenarioTraining.TrainedSystem) (warmStart: ActorCriticNetwork option) seed =
        let options = options system.Scenario
        let optimum = Array.average system.Optimum
        let goal = optimum - (1.0 - enough) * abs optimum
        let counted = ref 0L
        use ended = CancellationTokenSource.CreateLinkedTokenSource cancellation

        let count steps =
            onSteps (steps - counted.Value)
            counted.Value <- steps

        let onProgress (progress: TrainingProgress) =
            count (min options.Steps progress.Steps)

            if progress.BestScore >= goal then
                ended.Cancel()

        let result =
            Ppo.Train(
                system.Training,
                options,
                RandomKey(uint64 seed),
                (fun policy -> ScenarioTraining.values system policy |> Array.average),
                onProgress,
                Option.toObj warmStart,
                ended.Token
            )

        cancellation.ThrowIfCancellationRequested()
        count options.Steps
        result

    let start (scenario: Scenario) (traces: Traces) seed =
        given scenario
        |> Option.defaultWith (fun () -> (train (systemOn scenario traces.Before.Path) None seed).Policy.Network)

    fun scenario traces warm seed ->
        let after =
            systemOn scenario (Option.defaultValue traces.After.Path scenario.Experiment.TraceAfter)

        let start = if warm then Some(start scenario traces seed) else None
        let began = TimeProvider.System.GetTimestamp()
        let result = train after start seed

        {
            Policy = result.Policy
            Training = TimeProvider.System.GetElapsedTime began
        }

/// The retrained policies of an experiment, trained while showing how far that is.
let policies (scenario: Scenario) traces threads cancellation =
    Terminal.withMeter $"{scenario.Name}: retraining" (steps scenario) (fun meter ->
        let total = ref 0L

        let onSteps taken =
            lock total (fun () ->
                total.Value <- total.Value + taken
                meter total.Value "each seed from scratch and warm")

        Experiment.retrain scenario traces threads (retrainer onSteps cancellation) cancellation)

namespace OnlinePolicyAdaptation.Planning

/// A Markov chain that earns rewards: what is left of a decision process once a policy decides.
/// The successors of state s stand at `FirstSuccessor[s] .. FirstSuccessor[s+1] - 1`.
type RewardProcess =
    private
        {
            rewards: float[]
            firstSuccessor: int[]
            successors: int[]
            probabilities: float[]
        }

    member this.StateCount = this.rewards.Length
    /// Expected reward of the step from each state.
    member this.Rewards = this.rewards
    member this.FirstSuccessor = this.firstSuccessor
    /// State of each successor.
    member this.Successors = this.successors
    /// Probability of each successor.
    member this.Probabilities = this.probabilities
    /// Whether every state has one successor. That of state s is then `Successors[s]`.
    member this.IsDeterministic = this.successors.Length = this.rewards.Length

[<RequireQualifiedAccess>]
module RewardProcess =

    /// The model under a deterministic policy. Work and memory: the policy's own choices.
    let ofPolicy (model: FiniteModel) (policy: FinitePolicy) =
        let count = policy.Length

        let rewards = Array.zeroCreate<float> count
        let firstSuccessor = Array.zeroCreate<int>(count + 1)

        for s in 0 .. count - 1 do
            let choice = policy[s]
            rewards[s] <- model.Rewards[choice]

            firstSuccessor[s + 1] <-
                firstSuccessor[s] + model.FirstSuccessor[choice + 1]
                - model.FirstSuccessor[choice]

        let successors = Array.zeroCreate<int> firstSuccessor[count]
        let probabilities = Array.zeroCreate<float> firstSuccessor[count]

        for s in 0 .. count - 1 do
            let source = model.FirstSuccessor[policy[s]]

            for k in firstSuccessor[s] .. firstSuccessor[s + 1] - 1 do
                successors[k] <- model.Successors[source + k - firstSuccessor[s]]
                probabilities[k] <- model.Probabilities[source + k - firstSuccessor[s]]

        {
            rewards = rewards
            firstSuccessor = firstSuccessor
            successors = successors
            probabilities = probabilities
        }

    /// The model under a randomized policy. Choices that lead to the same state are merged.
    let ofRandomizedPolicy (model: FiniteModel) (policy: RandomizedPolicy) =
        let row state =
            let choices =
                [| model.FirstChoice[state] .. model.FirstChoice[state + 1] - 1 |]
                |> Array.filter (fun choice -> policy[choice] > 0.0)

            let reward = choices |> Array.sumBy (fun c -> policy[c] * model.Rewards[c])

            let successors =
                choices
                |> Array.collect (fun c ->
                    [|
                        for k in model.FirstSuccessor[c] .. model.FirstSuccessor[c + 1] - 1 ->
                            model.Successors[k], policy[c] * model.Probabilities[k]
                    |])
                |> Array.groupBy fst
                |> Array.map (fun (next, outcomes) -> next, outcomes |> Array.sumBy snd)
                |> Array.sortBy fst

            reward, successors

        let rows = Array.init model.StateCount row
        let successors = rows |> Array.collect snd

        {
            rewards = rows |> Array.map fst
            firstSuccessor = rows |> Array.scan (fun total (_, successors) -> total + successors.Length) 0
            successors = successors |> Array.map fst
            probabilities = successors |> Array.map snd
        }

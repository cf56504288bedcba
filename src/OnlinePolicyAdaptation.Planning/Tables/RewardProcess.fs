namespace OnlinePolicyAdaptation.Planning

open System.Threading

/// A Markov chain that earns rewards: what is left of a decision process once a policy decides.
/// The successors of state s stand at `FirstSuccessor[s] .. FirstSuccessor[s+1] - 1`.
type RewardProcess =
    private
        {
            rewards: float[]
            firstSuccessor: int[]
            successors: int[]
            probabilities: float[]
            cancellation: CancellationToken
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

    /// Ends what is computed on this process once the token of its model is cancelled.
    member internal this.ThrowIfCancelled() =
        this.cancellation.ThrowIfCancellationRequested()

[<RequireQualifiedAccess>]
module RewardProcess =

    /// The same with one choice in each state.
    let internal asModel (chain: RewardProcess) =
        FiniteModel.ofProcess chain.rewards chain.firstSuccessor chain.successors chain.probabilities chain.cancellation

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
            cancellation = model.Cancellation
        }

    /// The model under a randomized policy. Choices that lead to the same state are merged.
    let ofRandomizedPolicy (model: FiniteModel) (policy: RandomizedPolicy) =
        let rewards = Array.zeroCreate<float> model.StateCount
        let firstSuccessor = Array.zeroCreate<int>(model.StateCount + 1)
        let successors = ResizeArray<int>()
        let probabilities = ResizeArray<float>()
        // Of every state the last one that it was found to be reached from, and with which probability.
        let reachedFrom = Array.create model.StateCount -1
        let reached = Array.zeroCreate<float> model.StateCount

        for state in 0 .. model.StateCount - 1 do
            model.ThrowIfCancelled()
            let first = successors.Count

            for choice in model.FirstChoice[state] .. model.FirstChoice[state + 1] - 1 do
                if policy[choice] > 0.0 then
                    rewards[state] <- rewards[state] + policy[choice] * model.Rewards[choice]

                    for k in model.FirstSuccessor[choice] .. model.FirstSuccessor[choice + 1] - 1 do
                        let next = model.Successors[k]

                        if reachedFrom[next] <> state then
                            reachedFrom[next] <- state
                            reached[next] <- 0.0
                            successors.Add next

                        reached[next] <- reached[next] + policy[choice] * model.Probabilities[k]

            successors.Sort(first, successors.Count - first, null)

            for i in first .. successors.Count - 1 do
                probabilities.Add reached[successors[i]]

            firstSuccessor[state + 1] <- successors.Count

        {
            rewards = rewards
            firstSuccessor = firstSuccessor
            successors = successors.ToArray()
            probabilities = probabilities.ToArray()
            cancellation = model.Cancellation
        }

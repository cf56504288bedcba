namespace OnlinePolicyAdaptation.Planning

/// What a round of rewards that goes on for ever is worth.
[<RequireQualifiedAccess>]
module internal Round =

    /// At its start: (r_0 + gamma r_1 + ..) / (1 - gamma^count). The divisor is computed as (1 - gamma)(1 + gamma + ..), in which
    /// nothing cancels.
    let value (gamma: float) count (reward: int -> float) =
        let mutable earned = Extended.zero
        let mutable weights = Extended.zero
        let mutable weight = Extended.ofFloat 1.0

        for i in 0 .. count - 1 do
            earned <- earned + Extended.Scaled(reward i, weight)
            weights <- weights + weight
            weight <- Extended.Scaled(gamma, weight)

        earned / (Extended.OfSum(1.0, -gamma) * weights)

    /// One step before a value.
    let before (gamma: float) (reward: float) value =
        Extended.ofFloat reward + Extended.Scaled(gamma, value)

/// Processes in which every step leads to one state: the states form a functional graph, in which each path ends in a cycle.
[<RequireQualifiedAccess>]
module internal FunctionalGraph =

    /// Where the walk stands with a state.
    [<RequireQualifiedAccess>]
    type private Mark =
        | New = 0uy
        | OnPath = 1uy
        | Done = 2uy

    /// How far the values of a graph can be off, at most. On a cycle of n states sums and powers are right to 3n units of
    /// rounding; each step away from it adds less than one.
    let errorBound (discount: Discount) (chain: RewardProcess) =
        let mutable largest = 0.0

        for reward in chain.Rewards do
            largest <- max largest (abs reward)

        (4.0 * float chain.StateCount + 8.0) * Extended.epsilon * largest
        / (1.0 - discount.Value)

    /// The value of each state: that of its cycle, or from its successor. Time linear in the number of states.
    let values (discount: Discount) (chain: RewardProcess) =
        let gamma = discount.Value
        let next = chain.Successors
        let reward = chain.Rewards
        let count = next.Length
        let values = ExtendedValues.zero count
        let marks = Array.zeroCreate<Mark> count
        let path = Array.zeroCreate<int> count

        for start in 0 .. count - 1 do
            chain.ThrowIfCancelled()
            let mutable length = 0
            let mutable state = start

            while marks[state] = Mark.New do
                marks[state] <- Mark.OnPath
                path[length] <- state
                length <- length + 1
                state <- next[state]

            if marks[state] = Mark.OnPath then
                let mutable first = length - 1

                while path[first] <> state do
                    first <- first - 1

                values[state] <- Round.value gamma (length - first) (fun i -> reward[path[first + i]])
                marks[state] <- Mark.Done

            for i in length - 1 .. -1 .. 0 do
                let s = path[i]

                if marks[s] = Mark.OnPath then
                    values[s] <- Round.before gamma reward[s] values[next[s]]
                    marks[s] <- Mark.Done

        values

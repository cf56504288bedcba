/// Rollout: one step of policy iteration, taken only at the states where an action is needed. A base policy mu is
/// improved by lookahead with its own value J_mu at the leaves. (Bertsekas, Rollout, Policy Iteration, and Distributed
/// Reinforcement Learning, 2020.)
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.Rollout

let private leaves model discount horizon basePolicy =
    (RewardProcess.ofPolicy model basePolicy |> PolicyEvaluation.evaluate discount).Extended
    |> RelativeValues.within model horizon

/// The rollout decision in a state with the base policy's exact value. Nowhere worse than the base policy.
/// `horizon` and `preferred` as in `Lookahead.decide`.
let decide model discount horizon (basePolicy: FinitePolicy) preferred state =
    let leaves = leaves model discount horizon basePolicy
    Lookahead.decideRelative model discount horizon (leaves.From state) preferred state

/// The rollout policy in all states.
let policy model discount horizon (basePolicy: FinitePolicy) : FinitePolicy =
    leaves model discount horizon basePolicy
    |> Lookahead.policyRelative model discount horizon

/// The terminal values of parallel rollout: in each state the largest of the exact values of several base policies, of which
/// there is at least one. Lookahead with these is nowhere worse than any of the policies.
let bestOf (values: float[] list) = values |> List.reduce (Array.map2 max)

/// Rollout: one step of policy iteration, taken only at the states where an action is needed. A base policy mu is
/// improved by lookahead with its own value J_mu at the leaves. (Bertsekas, Rollout, Policy Iteration, and Distributed
/// Reinforcement Learning, 2020.)
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.Rollout

/// The rollout decision in a state with the base policy's exact value. Nowhere worse than the base policy.
/// `horizon` and `preferred` as in `Lookahead.decide`.
let decide model discount horizon (basePolicy: FinitePolicy) preferred state =
    Lookahead.decide model discount horizon (PolicyEvaluation.exact model discount basePolicy) preferred state

/// The rollout policy in all states.
let policy (model: FiniteModel) discount horizon (basePolicy: FinitePolicy) : FinitePolicy =
    let terminal = PolicyEvaluation.exact model discount basePolicy

    Array.init model.StateCount (fun state ->
        let decision = Lookahead.decide model discount horizon terminal ValueNone state

        model.FirstChoice[state]
        + System.Array.IndexOf(decision.Actions, decision.Action))

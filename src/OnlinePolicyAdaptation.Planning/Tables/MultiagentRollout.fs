namespace OnlinePolicyAdaptation.Planning

open System.Collections.Generic

/// How an action number is composed: the choice of each component, like the digits of a number, the last one fastest.
type ActionComponents =
    private
        {
            choices: int[]
            weights: int[]
        }

    /// The number of choices of each component.
    member this.Choices = this.choices
    /// What one step in the choice of each component adds to the action number.
    member internal this.Weights = this.weights

[<RequireQualifiedAccess>]
module ActionComponents =

    /// Components with these numbers of choices, each at least 1.
    let create (choices: int[]) =
        if choices.Length = 0 || choices |> Array.exists (fun n -> n < 1) then
            Error "an action needs at least one component, each with at least one choice"
        else
            Ok
                {
                    choices = choices
                    weights = Array.scanBack (*) choices 1 |> Array.tail
                }

    /// The components of a grid's actions: down, keep, up for each control.
    let ofGrid (grid: OnlinePolicyAdaptation.Domain.Network.ControlGrid) =
        let choices =
            Array.create grid.Controls.Count OnlinePolicyAdaptation.Domain.Network.ControlAction.ChoicesPerControl

        {
            choices = choices
            weights = Array.scanBack (*) choices 1 |> Array.tail
        }

    /// The order in which the components are numbered.
    let naturalOrder (components: ActionComponents) = Array.init components.choices.Length id

/// What multiagent rollout found for one state.
type MultiagentDecision =
    {
        State: int
        /// The chosen action.
        Action: int
        /// The Q-factor of the chosen action.
        Value: float
        /// The action that the components started from, and its Q-factor.
        BaseAction: int
        BaseValue: float
    }

/// Multiagent rollout: the components of the action are chosen one after another, the earlier ones fixed at their choice
/// and the later ones at the base policy's action. Work per decision: the sum, not the product, of the components'
/// choices. (Bertsekas, Rollout, Policy Iteration, and Distributed Reinforcement Learning, 2020, chapter 3.)
///
/// With horizon 1 the base policy is mu and the leaves have J_mu. With horizon l > 1 let mu1 be the policy of horizon 1
/// and V = (T_mu1)^(l-1) J_mu: the base policy is mu1 and the leaves have V. Then T_pi V >= T_mu1 V >= V for the policy
/// pi found, hence J_pi >= V >= J_mu: nowhere worse than mu, whatever the horizon.
[<RequireQualifiedAccess>]
module MultiagentRollout =

    /// Improves a choice of a state one component after another; ties go to the smallest choice of the component.
    /// Combinations that are not admissible are passed over; the choice one starts from always is.
    let private improve (model: FiniteModel) (components: ActionComponents) (order: int[]) state qFactor start =
        let mutable best = start
        let mutable bestQ: float = qFactor start

        for i in order do
            let weight = components.weights[i]
            let current = best
            let action = model.Actions[current]
            let digit = action / weight % components.choices[i]
            let lowest = action - digit * weight
            let mutable found = current
            let mutable foundDigit = digit

            for other in 0 .. components.choices[i] - 1 do
                if other <> digit then
                    match FiniteModel.tryChoice model state (lowest + other * weight) with
                    | ValueSome choice ->
                        let q = qFactor choice

                        if q > bestQ || (q = bestQ && other < foundDigit) then
                            found <- choice
                            foundDigit <- other
                            bestQ <- q
                    | ValueNone -> ()

            best <- found

        struct (best, bestQ)

    /// The choice of horizon 1 in a state.
    let private ofHorizonOne
        model
        (discount: Discount)
        components
        order
        (basePolicy: FinitePolicy)
        (baseValues: float[])
        =
        let gamma = discount.Value

        fun state ->
            improve
                model
                components
                order
                state
                (fun choice -> Bellman.qFactor model gamma baseValues choice)
                basePolicy[state]

    /// The decision in a state. `order` lists the components in the order of their choosing, `baseValues` is J_mu of the
    /// base policy. Only the states that mu1 may reach in horizon - 1 steps from a successor are looked at.
    let decide
        (model: FiniteModel)
        (discount: Discount)
        (components: ActionComponents)
        (order: int[])
        horizon
        (basePolicy: FinitePolicy)
        (baseValues: float[])
        state
        =
        let decision struct (start, startQ) struct (choice, value) =
            {
                State = state
                Action = model.Actions[choice]
                Value = value
                BaseAction = model.Actions[start]
                BaseValue = startQ
            }

        let gamma = discount.Value
        let first = ofHorizonOne model discount components order basePolicy baseValues

        if horizon <= 1 then
            let start = basePolicy[state]
            decision struct (start, Bellman.qFactor model gamma baseValues start) (first state)
        else
            // (T_mu1)^steps J_mu at a state, each pair of steps and state once.
            let known = Dictionary<struct (int * int), float>()

            let rec followed steps state =
                if steps = 0 then
                    baseValues[state]
                else
                    match known.TryGetValue(struct (steps, state)) with
                    | true, value -> value
                    | _ ->
                        let struct (choice, _) = first state
                        let value = qFactor steps choice
                        known[struct (steps, state)] <- value
                        value

            // The Q-factor of a choice with (T_mu1)^(steps - 1) J_mu at the leaves.
            and qFactor steps choice =
                let mutable expected = 0.0

                for k in model.FirstSuccessor[choice] .. model.FirstSuccessor[choice + 1] - 1 do
                    expected <- expected + model.Probabilities[k] * followed (steps - 1) model.Successors[k]

                model.Rewards[choice] + gamma * expected

            let struct (start, _) = first state

            decision
                struct (start, qFactor horizon start)
                (improve model components order state (qFactor horizon) start)

    /// The decisions of all states as a policy; bit for bit those of `decide`.
    let policy
        (model: FiniteModel)
        (discount: Discount)
        components
        order
        horizon
        (basePolicy: FinitePolicy)
        (baseValues: float[])
        : FinitePolicy =
        let improved (start: FinitePolicy) (values: float[]) : FinitePolicy =
            let first = ofHorizonOne model discount components order start values

            Array.init model.StateCount (fun state ->
                let struct (choice, _) = first state
                choice)

        let mutable values = baseValues
        let mu1 = improved basePolicy baseValues

        if horizon <= 1 then
            mu1
        else
            for _ in 2..horizon do
                values <- Bellman.ofPolicy model discount mu1 values

            improved mu1 values

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
    /// Combinations that are not admissible or not allowed are passed over; the choice one starts from always is both.
    let private improve
        (model: FiniteModel)
        (components: ActionComponents)
        (order: int[])
        (allows: int -> bool)
        state
        qFactor
        start
        =
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
                    | ValueSome choice when allows choice ->
                        let q = qFactor choice

                        if q > bestQ || (q = bestQ && other < foundDigit) then
                            found <- choice
                            foundDigit <- other
                            bestQ <- q
                    | _ -> ()

            best <- found

        struct (best, bestQ)

    let private anyChoice (_: int) = true

    /// The choice of horizon 1 in a state, where every choice is allowed.
    let private ofHorizonOne
        (model: FiniteModel)
        (discount: Discount)
        components
        order
        (basePolicy: FinitePolicy)
        (baseValues: float[])
        =
        let gamma = discount.Value

        fun state ->
            model.ThrowIfCancelled()

            improve
                model
                components
                order
                anyChoice
                state
                (fun choice -> Bellman.qFactor model gamma baseValues choice)
                basePolicy[state]

    /// The Q-factor of a choice that decisions with this horizon compare it by. Only the states that mu1 may reach in
    /// horizon - 1 steps from a successor are looked at. The function caches values: use it in one thread.
    let internal qFactor
        (model: FiniteModel)
        (discount: Discount)
        components
        order
        horizon
        (basePolicy: FinitePolicy)
        (baseValues: float[])
        : int -> float =
        let gamma = discount.Value

        if horizon <= 1 then
            fun choice -> Bellman.qFactor model gamma baseValues choice
        else
            let first = ofHorizonOne model discount components order basePolicy baseValues
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
                        let value = ofSteps steps choice
                        known[struct (steps, state)] <- value
                        value

            // The Q-factor of a choice with (T_mu1)^(steps - 1) J_mu at the leaves.
            and ofSteps steps choice =
                let mutable expected = 0.0

                for k in model.FirstSuccessor[choice] .. model.FirstSuccessor[choice + 1] - 1 do
                    expected <- expected + model.Probabilities[k] * followed (steps - 1) model.Successors[k]

                model.Rewards[choice] + gamma * expected

            ofSteps horizon

    /// The choice that the components of a decision start from: the base policy's, or with a horizon above 1 that of mu1.
    let private startOf
        model
        (discount: Discount)
        components
        order
        horizon
        (baseValues: float[])
        allows
        baseChoice
        state
        =
        if horizon <= 1 then
            baseChoice
        else
            let qFactor choice =
                Bellman.qFactor model discount.Value baseValues choice

            let struct (choice, _) =
                improve model components order allows state qFactor baseChoice

            choice

    /// The choice made in a state among those allowed. `qFactor` compares them, and `baseChoice`, which is allowed, stands for
    /// the base policy's.
    let internal choose
        model
        (discount: Discount)
        components
        order
        horizon
        (baseValues: float[])
        (qFactor: int -> float)
        allows
        baseChoice
        state
        =
        let start =
            startOf model discount components order horizon baseValues allows baseChoice state

        let struct (choice, _) = improve model components order allows state qFactor start

        choice

    /// The decision in a state. `order` lists the components in the order of their choosing, `baseValues` is J_mu of the
    /// base policy.
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
        let qFactor = qFactor model discount components order horizon basePolicy baseValues

        let start =
            startOf model discount components order horizon baseValues anyChoice basePolicy[state] state

        let struct (choice, value) =
            improve model components order anyChoice state qFactor start

        {
            State = state
            Action = model.Actions[choice]
            Value = value
            BaseAction = model.Actions[start]
            BaseValue = qFactor start
        }

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

    /// The same, with the base policy's values as distances, which may be from another number in each state.
    let policyRelative
        (model: FiniteModel)
        (discount: Discount)
        components
        order
        horizon
        (basePolicy: FinitePolicy)
        (baseValues: RelativeLeaves)
        : FinitePolicy =
        match baseValues.Shared with
        | ValueSome shared -> policy model discount components order horizon basePolicy shared.Distances
        | ValueNone ->
            Array.init model.StateCount (fun state ->
                let decision =
                    decide model discount components order horizon basePolicy (baseValues.From state).Distances state

                FiniteModel.tryChoice model state decision.Action
                |> ValueOption.defaultValue basePolicy[state])

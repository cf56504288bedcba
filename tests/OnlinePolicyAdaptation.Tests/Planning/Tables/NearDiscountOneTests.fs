module OnlinePolicyAdaptation.Tests.Planning.Tables.NearDiscountOneTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private gammas = [ 0.3; 0.999; 0.99999; 1.0 - 1e-7; 1.0 - 1e-10 ]

/// The problem at another discount.
let private at gamma (p: Problem) =
    { p with
        Process = { p.Process with Gamma = gamma }
    }

let private atEach body (p: Problem) =
    for gamma in gammas do
        body (at gamma p)

/// The process that is left, as choices: one in each state.
let private choices (chain: RewardProcess) =
    Array.init chain.StateCount (fun s ->
        {
            Action = 0
            Reward = chain.Rewards[s]
            Successors =
                [|
                    for k in chain.FirstSuccessor[s] .. chain.FirstSuccessor[s + 1] - 1 ->
                        {
                            State = chain.Successors[k]
                            Probability = chain.Probabilities[k]
                        }
                |]
        })

let private largest (values: float[]) = values |> Array.map abs |> Array.max

let private within message bound expected values =
    RationalPlanner.areWithin bound expected values
    |> Expect.isTrue $"{message}: within {bound}"

/// A few units in the last place.
let private isTight message bound values =
    (bound, 2.0 ** -51.0 * largest values + 1e-18)
    |> Expect.isLessThanOrEqual $"{message}: the bound is as small as floats allow"

let private few name body =
    testPropertyWithConfig { config with maxTest = 60 } name body

/// Rewards 1 and 0 in turn, for ever: no sweep brings the changes of the two states nearer to each other.
let private alternating =
    let move reward state =
        [|
            {
                Action = 0
                Reward = reward
                Successors = [| { State = state; Probability = 1.0 } |]
            }
        |]

    FiniteModel.create [| move 1.0 1; move 0.0 0 |] |> GoldenModels.orFail

[<Tests>]
let tests =
    testList
        "Planning.Tables.NearDiscountOne"
        [
            few "policy iteration is within its bound of the optimum in fractions, and the bound is tight"
            <| atEach (fun p ->
                let found = DynamicProgramming.policyIteration p.Model p.Discount

                found.Values
                |> within "values" found.ErrorBound (RationalPlanner.optimum p.Process.Gamma p.Process.Choices)

                isTight "policy iteration" found.ErrorBound found.Values)

            few "evaluation is within its bound of the value in fractions, and the bound is tight"
            <| atEach (fun p ->
                for chain in
                    [
                        RewardProcess.ofPolicy p.Model (p.Finite p.Policies[0])
                        RewardProcess.ofRandomizedPolicy p.Model (RandomizedPolicy.uniform p.Model)
                    ] do
                    let found = PolicyEvaluation.bounded p.Discount chain

                    found.Values
                    |> within "values" found.ErrorBound (RationalPlanner.value p.Process.Gamma (choices chain))

                    isTight "evaluation" found.ErrorBound found.Values)

            few "sweeps are within their bound of the optimum in fractions, and right to theta or say that they are not"
            <| atEach (fun p ->
                let optimum = RationalPlanner.optimum p.Process.Gamma p.Process.Choices

                for theta in [ 0.01; 1e-9; 1e-30 ] do
                    let settings =
                        { SweepSettings.ofTheta theta with
                            MostSweeps = 3000
                        }

                    for name, found in
                        [
                            "in place",
                            DynamicProgramming.valueIteration Sweeps.GaussSeidel settings p.Model p.Discount
                            "synchronous", DynamicProgramming.valueIteration Sweeps.Jacobi settings p.Model p.Discount
                            "modified", DynamicProgramming.modifiedPolicyIteration 3 settings p.Model p.Discount
                        ] do
                        found.Values |> within $"{name}, theta = {theta}" found.ErrorBound optimum

                        (found.Changes.Length, 3000)
                        |> Expect.isLessThanOrEqual $"{name}: sweeps at most"

                        let isRight = found.ErrorBound <= theta / (1.0 - p.Process.Gamma) * (1.0 + 1e-9)

                        isRight
                        |> Expect.equal
                            $"{name}, theta = {theta}: bound {found.ErrorBound}, {found.End}"
                            (found.End = SweepsEnd.Reached))

            few "swept evaluation of a process without a matrix is within its bound"
            <| atEach (fun p ->
                let chain =
                    RewardProcess.ofRandomizedPolicy p.Model (RandomizedPolicy.uniform p.Model)

                for sweeps in [ Sweeps.GaussSeidel; Sweeps.Jacobi ] do
                    let found =
                        PolicyEvaluation.bySweeps sweeps (SweepSettings.ofTheta 1e-6) p.Discount chain

                    found.Values
                    |> within $"{sweeps}" found.ErrorBound (RationalPlanner.value p.Process.Gamma (choices chain)))

            few "rollout takes actions that are best in fractions, from values that floats do not tell apart"
            <| atEach (fun p ->
                let gamma = p.Process.Gamma
                let policy = p.Policies[0]

                let mutable leaves =
                    Array.map2 (fun (all: Choice[]) position -> all[position]) p.Process.Choices policy
                    |> RationalPlanner.value gamma

                // Where chance mixes what is far apart, floats round the mixture.
                let tolerance =
                    if p.Model.IsDeterministic then
                        1e-12
                    else
                        1e-12 + 2.0 ** -48.0 / (1.0 - gamma)

                for horizon in 1..3 do
                    let inAll = Rollout.policy p.Model p.Discount horizon (p.Finite policy)

                    for state in 0 .. p.Model.StateCount - 1 do
                        let decision =
                            Rollout.decide p.Model p.Discount horizon (p.Finite policy) ValueNone state

                        let qFactors =
                            p.Process.Choices[state]
                            |> Array.map (fun choice -> choice.Action, RationalPlanner.qFactor gamma leaves choice)

                        let best = qFactors |> Array.map snd |> Array.max

                        for action in [ decision.Action; p.Model.Actions[inAll[state]] ] do
                            let _, taken = qFactors |> Array.find (fst >> (=) action)

                            (best - taken, Rational.ofFloat tolerance)
                            |> Expect.isLessThanOrEqual $"horizon {horizon}, state {state}, action {action}"

                        [| decision.Value |]
                        |> within
                            $"the Q-factor, horizon {horizon}"
                            // Each step rounds what it adds and what it multiplies.
                            (tolerance + 2.0 ** -50.0 * abs decision.Value)
                            [| best |]

                    leaves <-
                        p.Process.Choices
                        |> Array.map (Array.map (RationalPlanner.qFactor gamma leaves) >> Array.max))

            test "a plan from a state of value 0 is not the scale of the others" {
                let gamma = 1.0 - 1e-10

                let choice action reward state =
                    {
                        Action = action
                        Reward = reward
                        Successors = [| { State = state; Probability = 1.0 } |]
                    }

                let model =
                    FiniteModel.create
                        [|
                            [| choice 0 0.0 0 |]
                            [| choice 0 0.0 2 |]
                            [| choice 0 -2.0 2; choice 1 4.0 1 |]
                        |]
                    |> GoldenModels.orFail

                // Leaving at once is worth 8 (1 - gamma) more than staying first, of values of 2e10.
                (Rollout.policy model (GoldenModels.discount gamma) 2 [| 0; 1; 2 |])[2]
                |> Expect.equal "it leaves at once" 3
            }

            test "where changes stay apart, sweeps end at their limit and know how near they are" {
                let gamma = 1.0 - 1e-10
                let progress = ResizeArray<SweepProgress>()

                let found =
                    DynamicProgramming.valueIteration
                        Sweeps.GaussSeidel
                        {
                            Theta = 1e-9
                            MostSweeps = 50
                            Progress = progress.Add
                        }
                        alternating
                        (GoldenModels.discount gamma)

                found.End |> Expect.equal "end" SweepsEnd.MostSweeps
                found.Changes |> Expect.hasLength "sweeps" 50
                progress |> Seq.map _.Sweeps |> Expect.sequenceEqual "told" [ 1..50 ]

                (Seq.last progress).ErrorBound
                |> Expect.equal "the last bound told" found.ErrorBound

                // The mean reward is 1/2, so the values are half of 1/(1 - gamma), about a quarter apart.
                let exact =
                    (DynamicProgramming.policyIteration alternating (GoldenModels.discount gamma)).Values

                Array.map2 (fun a b -> abs (a - b)) exact found.Values
                |> Expect.all "within the bound" (fun distance -> distance <= found.ErrorBound)

                (found.ErrorBound, 1.0 / (1.0 - gamma))
                |> Expect.isLessThan "better than knowing nothing"
            }

            test "the value of a round for ever is right to the last digit" {
                let gamma = 1.0 - 1e-10

                let found =
                    DynamicProgramming.policyIteration alternating (GoldenModels.discount gamma)
                // J(0) = 1/(1 - gamma^2), J(1) = gamma J(0).
                let g = Rational.ofFloat gamma
                let first = Rational.one / (Rational.one - g * g)

                [| first; g * first |]
                |> fun exact -> RationalPlanner.areWithin (2.0 ** -53.0 * 5.0e9 * 1.0001) exact found.Values
                |> Expect.isTrue "half a unit in the last place"
            }

            test "one-step decisions tell apart what floats of the values' size do not" {
                // Staying in 0 earns 1 for ever, about 1e10. Two ways lead there from 1, one of them worth 1e-7 more.
                let to0 action reward =
                    {
                        Action = action
                        Reward = reward
                        Successors = [| { State = 0; Probability = 1.0 } |]
                    }

                let model =
                    FiniteModel.create [| [| to0 0 1.0 |]; [| to0 0 0.5; to0 1 (0.5 + 1e-7); to0 2 (0.5 + 1e-7) |] |]
                    |> GoldenModels.orFail

                let discount = GoldenModels.discount (1.0 - 1e-10)
                let found = DynamicProgramming.policyIteration model discount

                let decision =
                    Lookahead.decideExtended
                        model
                        discount
                        {
                            Highs = found.Values
                            Lows = found.Remainders
                        }
                        1

                decision.Action |> Expect.equal "the better action, the first of two" 1
                decision.QFactors[0] |> Expect.equal "the same as a float" decision.QFactors[1]
                model.Actions[found.Policy[1]] |> Expect.equal "and by policy iteration" 1
            }
        ]

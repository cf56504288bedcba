module OnlinePolicyAdaptation.Tests.Planning.Sampling.SampledRolloutTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

/// The problem's first policy, on its model as a system model.
let private truncation (p: Problem) steps (terminal: float[]) =
    let policy = p.Finite p.Policies[0]

    {
        Model = FiniteModel.sampled p.Model
        Discount = p.Discount
        BasePolicy = fun state _ -> p.Model.Actions[policy[state]]
        Steps = steps
        Terminal = fun state -> terminal[state]
    }

let private exact (p: Problem) =
    PolicyEvaluation.exact p.Model p.Discount (p.Finite p.Policies[0])

let private sampling trajectories =
    {
        Trajectories = trajectories
        Screening = ValueNone
        Threads = 1
    }

let private screening =
    {
        FirstStage = 8
        ErrorProbability = 0.05
        Indifference = 0.25
    }

let private everyState (p: Problem) = [ 0 .. p.Model.StateCount - 1 ]

/// The share of the keys for which a claim holds.
let private share count (claim: RandomKey -> bool) =
    let key = RandomKey 2024UL

    let held =
        Seq.init count (fun i -> claim (key.Split(i: int)))
        |> Seq.filter id
        |> Seq.length

    float held / float count

/// Two states; action 0 stays or leaves by even chance, action 1 leaves.
let private coin: Problem =
    let choice action reward successors =
        {
            Action = action
            Reward = reward
            Successors = successors |> Array.map (fun (state, p) -> { State = state; Probability = p })
        }

    {
        Process =
            {
                Choices =
                    [|
                        [| choice 0 1.0 [| 0, 0.5; 1, 0.5 |]; choice 1 1.5 [| 1, 1.0 |] |]
                        [| choice 0 0.0 [| 0, 0.5; 1, 0.5 |]; choice 1 0.25 [| 0, 0.25; 1, 0.75 |] |]
                    |]
                Gamma = 0.8
            }
        Values = [| 0.0; 0.0 |]
        Policies = [ [| 0; 0 |]; [| 1; 1 |] ]
    }

/// Screening as the paper words it (Kim and Nelson 2001, figure 1, c = 1), slowly: the samples of each action, and those
/// that are left.
let private slowlyScreened (truncation: Truncation<int, int>) (screening: Screening) total (key: RandomKey) state =
    let actions = Seq.toArray (truncation.Model.AdmissibleActions state)

    let sample action i =
        TruncatedRollout.sampleQFactor truncation (key.Split(i: int)) state actions[action]

    let n0 = screening.FirstStage

    let average numbers =
        Array.sum numbers / float (Array.length numbers)

    let k = float actions.Length

    let eta =
        0.5
        * (((2.0 * screening.ErrorProbability) / (k - 1.0)) ** (-2.0 / (float n0 - 1.0))
           - 1.0)

    let h2 = 2.0 * eta * (float n0 - 1.0)

    let s2 i l =
        let differences = Array.init n0 (fun j -> sample i j - sample l j)
        let mean = average differences
        (differences |> Array.sumBy (fun d -> (d - mean) ** 2.0)) / (float n0 - 1.0)

    let mutable r = n0
    let mutable left = [ 0 .. actions.Length - 1 ]
    let counts = Array.create actions.Length n0
    let mutable running = true

    while running do
        let mean i = average (Array.init r (sample i))

        let w i l =
            let delta = screening.Indifference
            max 0.0 (delta / (2.0 * float r) * (h2 * s2 i l / (delta * delta) - float r))

        left <-
            left
            |> List.filter (fun i -> left |> List.forall (fun l -> l = i || mean i >= mean l - w i l))

        if left.Length = 1 || r = total then
            running <- false
        else
            for i in left do
                counts[i] <- r + 1

            r <- r + 1

    counts, left |> List.map (fun i -> actions[i])

[<Tests>]
let tests =
    testList
        "Planning.Sampling.SampledRollout"
        [
            law "truncating at the exact value changes nothing" (fun (p: Problem) ->
                // On average where there is chance: so the samples of all outcomes are weighed by their probabilities.
                if p.Model.IsDeterministic then
                    let values = exact p

                    for steps in [ 0; 1; 7 ] do
                        for s in everyState p do
                            let decision =
                                SampledRollout.decide (truncation p steps values) (sampling 1) (RandomKey 1UL) s

                            decision.Candidates
                            |> Array.map _.QFactor.Mean
                            |> Values.close $"m = {steps}" (Bellman.qFactors p.Model p.Discount values s))

            testCase "where there is chance, truncating at the exact value changes nothing on average" (fun () ->
                let values = exact coin
                let q = Bellman.qFactors coin.Model coin.Discount values 0

                for steps in [ 0; 3 ] do
                    let decision =
                        SampledRollout.decide (truncation coin steps values) (sampling 20_000) (RandomKey 3UL) 0

                    for candidate, q in Array.zip decision.Candidates q do
                        (abs (candidate.QFactor.Mean - q), 4.0 * candidate.QFactor.StandardError + 1e-9)
                        |> Expect.isLessThanOrEqual $"m = {steps}")

            testCase "95 % intervals cover the exact value about 95 times in 100" (fun () ->
                let value = (exact coin)[0]

                let covered key =
                    let estimate = TruncatedRollout.value (truncation coin 60 [| 0.0; 0.0 |]) 50 key 0
                    abs (estimate.Mean - value) <= 1.96 * estimate.StandardError

                // 1000 keys: the share has a standard deviation below 0.008.
                let covering = share 1000 covered
                (covering, 0.92) |> Expect.isGreaterThan "not too few"
                (covering, 0.98) |> Expect.isLessThan "not too many")

            testCase "the standard error falls with the root of the number of trajectories" (fun () ->
                let error trajectories =
                    (TruncatedRollout.value (truncation coin 20 [| 0.0; 0.0 |]) trajectories (RandomKey 5UL) 0)
                        .StandardError

                let ratio = error 500 / error 8000
                (ratio, 3.5) |> Expect.isGreaterThan "ratio"
                (ratio, 4.5) |> Expect.isLessThan "ratio")

            testCase "common random numbers make the gain more certain than the Q-factors" (fun () ->
                let decision =
                    SampledRollout.decide (truncation coin 20 [| 0.0; 0.0 |]) (sampling 500) (RandomKey 7UL) 1

                let gain = decision.Candidates[1].Gain

                (gain.StandardError, decision.Candidates[1].QFactor.StandardError)
                |> Expect.isLessThan "standard error")

            law "an aliased action has the same Q-factor, bit for bit" (fun (p: Problem) ->
                let p =
                    { p with
                        Process =
                            { p.Process with
                                Choices =
                                    p.Process.Choices
                                    |> Array.map (fun c -> Array.append c [| { c[0] with Action = 100 } |])
                            }
                    }

                for s in everyState p do
                    let decision =
                        SampledRollout.decide (truncation p 3 p.Values) (sampling 5) (RandomKey 1UL) s

                    (Array.last decision.Candidates).QFactor
                    |> Expect.equal "alias" decision.Candidates[0].QFactor)

            law "the same key gives the same bits at 1 and at 2 threads" (fun (p: Problem) (key: uint64) ->
                for rule in [ ValueNone; ValueSome screening ] do
                    let decide threads =
                        SampledRollout.decide
                            (truncation p 3 p.Values)
                            {
                                Trajectories = 20
                                Screening = rule
                                Threads = threads
                            }
                            (RandomKey key)
                            0

                    decide 2 |> Expect.equal "decision" (decide 1))

            law "a masked action is never chosen" (fun (p: Problem) (key: uint64) ->
                let decision =
                    SampledRollout.decide (truncation p 2 p.Values) (sampling 3) (RandomKey key) 0

                p.Process.Choices[0]
                |> Array.map _.Action
                |> Expect.contains "action" decision.Best.Action)

            testCase "screening keeps the best action but for its error probability, and saves samples" (fun () ->
                let values = exact coin
                let mutable drawn = 0

                let chosen state key =
                    let decision =
                        SampledRollout.decide
                            (truncation coin 2 values)
                            {
                                Trajectories = 2000
                                Screening = ValueSome screening
                                Threads = 1
                            }
                            key
                            state

                    drawn <- drawn + (decision.Candidates |> Array.sumBy _.QFactor.Samples)
                    let q = Bellman.qFactors coin.Model coin.Discount values state

                    let index =
                        decision.Candidates
                        |> Array.findIndex (fun c -> c.Action = decision.Best.Action)

                    q[index] >= Array.max q - screening.Indifference

                (share 200 (chosen 0), 1.0 - screening.ErrorProbability)
                |> Expect.isGreaterThanOrEqual "right choices"

                (drawn, 200 * 2 * 1000) |> Expect.isLessThan "samples")

            law "screening drops nothing that has no noise and is best" (fun (p: Problem) ->
                if p.Model.IsDeterministic then
                    let decide rule =
                        SampledRollout.decide
                            (truncation p 2 p.Values)
                            {
                                Trajectories = 10
                                Screening = rule
                                Threads = 1
                            }
                            (RandomKey 1UL)
                            0

                    (decide (ValueSome screening)).Best.Action
                    |> Expect.equal "action" (decide ValueNone).Best.Action)

            law
                "the fortified choice is the base action unless another is better by more than its error"
                (fun (p: Problem) ->
                    for errors in [ 0.0; 1.0; 3.0 ] do
                        for s in everyState p do
                            let decision =
                                SampledRollout.decide (truncation p 3 p.Values) (sampling 6) (RandomKey 9UL) s

                            let choice = SampledRollout.fortified errors decision

                            if choice.Action <> decision.Base.Action then
                                (choice.Gain.Mean, errors * choice.Gain.StandardError)
                                |> Expect.isGreaterThan "gain")

            law "by simulation, multiagent rollout of one component is joint rollout" (fun (p: Problem) ->
                let truncation = truncation p 2 p.Values

                let composed =
                    {
                        Mask =
                            fun state ->
                                p.Process.Choices[state]
                                |> Array.fold (fun mask choice -> mask ||| (1UL <<< choice.Action)) 0UL
                                |> fun mask -> ActionMask(EquatableArray.ToEquatableArray [ mask ])
                        Choice = fun action _ -> action
                        WithChoice = fun _ _ choice -> choice
                    }

                for s in everyState p do
                    let joint = SampledRollout.decide truncation (sampling 4) (RandomKey 11UL) s

                    let multiagent =
                        SampledMultiagentRollout.decide truncation composed [| 0 |] 4 (RandomKey 11UL) s

                    multiagent.Best.QFactor.Mean |> Expect.equal "Q-factor" joint.Best.QFactor.Mean)

            testCase
                "screening draws as many samples of each action as the paper's procedure, and keeps the same"
                (fun () ->
                    let third =
                        { coin with
                            Process =
                                { coin.Process with
                                    Choices =
                                        coin.Process.Choices
                                        |> Array.map (fun choices ->
                                            Array.append
                                                choices
                                                [|
                                                    {
                                                        Action = 2
                                                        Reward = 1.2
                                                        Successors =
                                                            [|
                                                                { State = 0; Probability = 0.25 }
                                                                { State = 1; Probability = 0.75 }
                                                            |]
                                                    }
                                                |])
                                }
                        }

                    let truncation = truncation third 2 [| 3.0; 0.0 |]

                    for key in 1UL .. 12UL do
                        for total in [ 9; 10; 40 ] do
                            let decision =
                                SampledRollout.decide
                                    truncation
                                    {
                                        Trajectories = total
                                        Screening = ValueSome screening
                                        Threads = 1
                                    }
                                    (RandomKey key)
                                    0

                            let counts, left = slowlyScreened truncation screening total (RandomKey key) 0

                            decision.Candidates
                            |> Array.map _.QFactor.Samples
                            |> Expect.equal $"samples, key {key}, at most {total}" counts

                            left |> Expect.contains "one of those left" decision.Best.Action)

            testCase "the gain over the base action is that of the trajectories that both have" (fun () ->
                // The base action is better, so screening drops the other one after the first stage; and the other way round.
                for terminal in [ [| 3.0; 0.0 |]; [| 0.0; 3.0 |] ] do
                    let truncation = truncation coin 2 terminal

                    for key in 1UL .. 8UL do
                        let decision =
                            SampledRollout.decide
                                truncation
                                {
                                    Trajectories = 40
                                    Screening = ValueSome screening
                                    Threads = 1
                                }
                                (RandomKey key)
                                0

                        for candidate in decision.Candidates do
                            let both = min candidate.QFactor.Samples decision.Base.QFactor.Samples

                            let drawn action =
                                Array.init both (fun i ->
                                    TruncatedRollout.sampleQFactor truncation ((RandomKey key).Split(i: int)) 0 action)

                            let expected =
                                SampleMean.ofDifferences both (drawn candidate.Action) (drawn decision.Base.Action)

                            candidate.Gain |> Expect.equal $"key {key}, action {candidate.Action}" expected)
        ]

module OnlinePolicyAdaptation.Tests.ControlCycle.FactorsTests

open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

let private estimation =
    { (TwoNodes.settings (Planner.Rollout 3)).Estimation with
        Forgetting = Forgetting.ByFactors 10
        RegrownTrees = 5
        RefitEvery = 1
    }

let private layout = FeatureLayout(TwoNodes.grid, 1)
let private key = RandomKey 17UL

/// The formula's response time with noise of a few percent.
let private noisy onNode2 cycle configuration =
    let mutable sequence = key.Split(cycle + 100_000).Sequence()
    let noise = 0.02 * FilteredNodes.normal &sequence

    { TwoNodes.sample 0.0 configuration with
        ResponseTimes = TwoNodes.array [ ResponseTime(TwoNodes.responseTime onNode2 configuration * exp noise) ]
    }

/// Every configuration measured six times while node 2 answers in 0.08 s.
let private informed =
    [
        for round in 0..5 do
            for i, configuration in List.indexed TwoNodes.configurations ->
                noisy 0.08 (-1000 + 30 * round + i) configuration
    ]
    |> Estimator.start estimation layout key

/// Learns from visits to configurations from a cycle on, node 2 answering in this time.
let private visit first onNode2 (configurations: Configuration list) estimator =
    ((estimator, []), List.indexed configurations)
    ||> List.fold (fun (estimator, changes) (i, configuration) ->
        let cycle = first + i

        let estimator, change, _ =
            Estimator.learn estimation layout cycle (key.Split cycle) (noisy onNode2 cycle configuration) estimator

        estimator, changes @ ValueOption.toList change)

let private predicted (estimator: Estimator) configuration =
    match estimator.Model with
    | Ok model -> (Estimator.predict model configuration TwoNodes.load)[0]
    | Error error -> failtest $"{error}"

let private at p c = TwoNodes.configuration p c

let private mixed =
    [ at 0.2 3.0; at 0.4 3.0; at 0.2 4.0; at 0.6 3.0; at 0.4 4.0; at 0.2 3.0 ]

let private slowed, private noticed = visit 0 0.2 mixed informed

let private isNear tolerance onNode2 estimator configuration =
    let truth = TwoNodes.responseTime onNode2 configuration
    abs (predicted estimator configuration - truth) <= tolerance * truth

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.Factors"
        [
            test "a node that becomes slower is noticed once, and carried over to what was not visited" {
                Expect.hasLength noticed 1 "one change"
                Expect.isLessThanOrEqual noticed.Head.Since 2 "soon"

                for configuration in [ at 0.0 2.0; at 0.0 5.0; at 0.8 4.0; at 1.0 3.0 ] do
                    Expect.isTrue
                        (isNear 0.15 0.2 slowed configuration)
                        $"{configuration.Levels}: {predicted slowed configuration}"
            }

            test "a node that recovers gives the old knowledge back" {
                let recovered, changes = visit 6 0.08 mixed slowed
                Expect.hasLength changes 1 "noticed"

                for configuration in TwoNodes.configurations do
                    Expect.isTrue
                        (isNear 0.08 0.08 recovered configuration)
                        $"{configuration.Levels}: {predicted recovered configuration}"
            }

            test "what was learned of a slow node is known again when it is slow again" {
                // At this configuration node 2 is twice as slow as its factor says elsewhere.
                let odd = at 0.0 3.0

                let learn first estimator =
                    ((estimator, fst (visit 0 0.2 [] estimator)), [ 0..5 ])
                    ||> List.fold (fun (estimator, _) i ->
                        let sample = noisy 0.3 (first + i) odd

                        let next, _, _ =
                            Estimator.learn estimation layout (first + i) (key.Split(first + i)) sample estimator

                        next, next)
                    |> fst

                let known = learn 6 slowed
                let back, _ = visit 12 0.08 mixed known
                let again, _ = visit 18 0.2 mixed back
                Expect.isTrue (isNear 0.08 0.08 back odd) $"in between: {predicted back odd}"
                Expect.isGreaterThan (predicted again odd) (1.1 * predicted slowed odd) "more than the factor says"
            }

            test "no sample is ever rewritten" {
                let seconds (estimator: Estimator) =
                    Map.ofList
                        [
                            for cell in estimator.Window.Cells do
                                for sample in cell.Samples ->
                                    (List.ofSeq cell.Configuration.Levels, sample.Cycle), sample.Seconds
                        ]

                let before, after = seconds informed, seconds slowed
                Expect.isTrue (before |> Map.forall (fun place taken -> after[place] = taken)) "as measured"
            }

            test "what is measured under other factors does not crowd out the reference system" {
                let many, _ = visit 0 0.2 (List.replicate 25 (at 0.2 3.0)) informed

                let cell =
                    match SampleWindow.tryCell (at 0.2 3.0) TwoNodes.load many.Window with
                    | ValueSome cell -> cell
                    | ValueNone -> failtest "no cell"

                let reference, others = cell.Samples |> List.partition SampleWindow.isReference
                Expect.isGreaterThanOrEqual reference.Length 6 "all that there were"
                Expect.hasLength others 10 "the newest of the others"
            }

            test "one interval of a minute changes next to nothing" {
                let odd =
                    { TwoNodes.sample 0.08 (at 0.2 3.0) with
                        ResponseTimes = TwoNodes.array [ ResponseTime 60.0 ]
                    }

                let estimator, change, _ = Estimator.learn estimation layout 0 key odd informed
                Expect.isTrue (ValueOption.isNone change) "no change"

                for configuration in TwoNodes.configurations do
                    Expect.isTrue (isNear 0.1 0.08 estimator configuration) $"{configuration.Levels}"
            }

            test "an estimator that was stopped goes on with the same bits" {
                let written =
                    EstimatorFile.write
                        layout
                        {
                            Estimator = slowed
                            Cycle = 6
                            Key = key
                        }

                match EstimatorFile.read estimation layout "file" written with
                | Error message -> failtest message
                | Ok resumed ->
                    for configuration in TwoNodes.configurations do
                        Expect.equal
                            (predicted resumed.Estimator configuration)
                            (predicted slowed configuration)
                            "as before"

                    let onward, _ = visit 6 0.1 mixed slowed
                    let resumedOnward, _ = visit 6 0.1 mixed resumed.Estimator

                    for configuration in TwoNodes.configurations do
                        Expect.equal (predicted resumedOnward configuration) (predicted onward configuration) "and on"
            }

            test "a file whose filter is no distribution is refused" {
                let written =
                    EstimatorFile.write
                        layout
                        {
                            Estimator = informed
                            Cycle = 0
                            Key = key
                        }
                    |> System.Text.Encoding.UTF8.GetString

                let broken = written.Replace("\"streaks\":[0,0]", "\"streaks\":[0]")
                Expect.notEqual broken written "changed"

                match EstimatorFile.read estimation layout "file" (System.Text.Encoding.UTF8.GetBytes broken) with
                | Ok _ -> failtest "taken"
                | Error message -> Expect.stringContains message "filter" "by name"
            }
        ]

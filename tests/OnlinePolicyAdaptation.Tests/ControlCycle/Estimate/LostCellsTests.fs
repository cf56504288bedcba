module OnlinePolicyAdaptation.Tests.ControlCycle.LostCells

open System
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Tests

let private estimation = (TwoNodes.settings (Planner.Rollout 3)).Estimation
let private layout = FeatureLayout(TwoNodes.grid, 1)
let private at cores = TwoNodes.configuration 1.0 cores

let private loads (perSecond: float) =
    TwoNodes.array [ RequestRate perSecond ]

let private window share =
    [
        for _ in 1..10 ->
            {
                Requests = 25.0
                Lost = 25.0 * share
                IsInferred = true
            }
    ]

let private told answers seconds share : ServiceAnswers[] =
    [|
        {
            Answers = answers
            Seconds = seconds
            Modelled = seconds
            History =
                { Losses.none with
                    Window = window share
                }
        }
    |]

let private outage =
    told (Answers.Nothing(TimeSpan.FromSeconds 5.0)) (ValueSome 2.52) 1.0

let private tenth = told (Answers.Lost 0.1) (ValueSome 0.36) 0.1
let private kept share = told Answers.Kept ValueNone share

/// What is known after these, each in its configuration under a load, in cycles from 0 on.
let private after happenings =
    (LostCells.none, List.indexed happenings)
    ||> List.fold (fun lost (cycle, (configuration, load, answers)) ->
        LostCells.observe cycle configuration (loads load) answers lost)

let private known lost =
    [
        for cores in 1.0 .. 5.0 do
            for load in [ 5.0; 10.0 ] do
                if LostCells.tryFind (at cores) (loads load) 0 lost |> ValueOption.isSome then
                    cores, load
    ]

let private isWithdrawn () =
    let lost = [ at 5.0, 5.0, outage; at 4.0, 5.0, outage ]
    Expect.equal (known (after lost)) [ 4.0, 5.0; 5.0, 5.0 ] "each"

    Expect.equal (known (after (lost @ [ at 4.0, 5.0, kept 0.0 ]))) [] "one answers again: it was not the configuration"

    Expect.equal
        (known (after (lost @ [ at 3.0, 5.0, kept 0.0 ])))
        [ 4.0, 5.0; 5.0, 5.0 ]
        "another one answers: it may be the configuration"

    Expect.equal
        (known (after (lost @ [ at 3.0, 5.0, kept 0.0; at 2.0, 5.0, outage; at 2.0, 5.0, kept 0.0 ])))
        [ 4.0, 5.0; 5.0, 5.0 ]
        "another outage, another cause"

    Expect.equal (known (after (lost @ [ at 4.0, 10.0, kept 0.0 ]))) [] "under whatever load"

let private isKept () =
    let lost = [ at 4.0, 10.0, tenth ]
    Expect.equal (known (after (lost @ [ at 4.0, 10.0, kept 0.09 ]))) [ 4.0, 10.0 ] "not seen to be over"
    Expect.equal (known (after (lost @ [ at 4.0, 5.0, kept 0.0 ]))) [ 4.0, 10.0 ] "not under a lower load"
    Expect.equal (known (after (lost @ [ at 4.0, 10.0, kept 0.0 ]))) [] "seen to be over"
    Expect.equal (known (after (lost @ [ at 4.0, 15.0, kept 0.0 ]))) [] "under a higher load"

let private predicted estimator configuration =
    match (estimator: Estimator).Model with
    | Ok model -> (Estimator.predict model configuration TwoNodes.load)[0]
    | Error error -> failtest $"{error}"

let private isLearned () =
    let informed =
        Estimator.start
            estimation
            layout
            (RandomKey 1UL)
            (TwoNodes.configurations
             |> List.collect (TwoNodes.sample 0.08 >> List.replicate 3))

    let refitted cycle estimator =
        let struct (snapshot, begun) = Estimator.beginRefit layout estimator
        Estimator.install (Estimator.refit estimation layout cycle (RandomKey 2UL) snapshot) begun

    let lost =
        Estimator.observeLosses estimation 0 (at 3.0) TwoNodes.load outage informed

    Expect.isTrue (Estimator.isRefitDue estimation lost) "news"
    let lost = refitted 0 lost
    Expect.isGreaterThan (predicted lost (at 3.0)) 1.0 "there"

    for configuration in TwoNodes.configurations do
        if configuration <> at 3.0 then
            Expect.isLessThan (predicted lost configuration) 0.3 "nowhere else"

    let again = Estimator.observeLosses estimation 1 (at 3.0) TwoNodes.load outage lost

    Expect.isFalse (Estimator.isRefitDue estimation again) "no news"

    let over =
        Estimator.observeLosses estimation 2 (at 3.0) TwoNodes.load (kept 0.0) again
        |> refitted 2

    Expect.floatClose Accuracy.medium (predicted over (at 3.0)) 0.09 "as it was measured"

/// The first service is measured, of the second there is no news: under loads at which it was never measured, too.
let private silentService () =
    let layout = FeatureLayout(TwoNodes.grid, 2)

    let sample configuration second =
        {
            Configuration = configuration
            OfferedLoads = TwoNodes.array [ RequestRate 5.0; RequestRate(if Double.IsNaN second then 0.0 else 5.0) ]
            ResponseTimes =
                TwoNodes.array [ ResponseTime(TwoNodes.responseTime 0.08 configuration); ResponseTime second ]
        }

    let estimator =
        Estimator.start
            { estimation with
                Forgetting = Forgetting.ByRelevance 10
            }
            layout
            (RandomKey 1UL)
            [
                for configuration in TwoNodes.configurations do
                    for _ in 1..3 do
                        sample configuration nan
                        sample configuration 0.5
            ]

    let learned =
        (estimator, [ 0..19 ])
        ||> List.fold (fun estimator cycle ->
            let next, _, _ =
                Estimator.learn
                    { estimation with
                        Forgetting = Forgetting.ByRelevance 10
                    }
                    layout
                    cycle
                    (RandomKey(uint64 cycle))
                    { sample (at 4.0) nan with
                        ResponseTimes = TwoNodes.array [ ResponseTime 0.3; ResponseTime nan ]
                    }
                    estimator

            next)

    match learned.Model with
    | Error error -> failtest $"{error}"
    | Ok model ->
        let idle =
            Estimator.predict model (at 4.0) (TwoNodes.array [ RequestRate 5.0; RequestRate 0.0 ])

        Expect.isGreaterThan idle[0] 0.2 "what is measured is learned, a change as well"
        Expect.floatClose Accuracy.medium idle[1] 0.5 "of the other nothing else is known"

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.LostCells"
        [
            testCase "what was lost in one run is withdrawn once it answers where it did not" isWithdrawn
            testCase "a loss stays until it is seen to be over, under as high a load" isKept
            testCase "a loss is learned in the place of what was measured, until it is over" isLearned
            testCase "of a silent service nothing is learned, of the others everything" silentService
        ]

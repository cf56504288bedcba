module OnlinePolicyAdaptation.Tests.ControlCycle.Estimator

open Expecto
open FsCheck
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

let private estimation =
    { (TwoNodes.settings (Planner.Rollout 3)).Estimation with
        Forgetting = Forgetting.ByRelevance 10
        RegrownTrees = 5
        RefitEvery = 1
    }

let private layout = FeatureLayout(TwoNodes.grid, 1)

/// The formula's response time with noise of a few percent.
let private noisy (random: RandomKey) onNode2 cycle configuration =
    let mutable sequence = random.Split(cycle + 100_000).Sequence()
    let noise = 0.04 * (sequence.NextDouble() - 0.5)

    { TwoNodes.sample 0.0 configuration with
        ResponseTimes = TwoNodes.array [ ResponseTime(TwoNodes.responseTime onNode2 configuration * (1.0 + noise)) ]
    }

let private key = RandomKey 11UL

/// Every configuration measured six times while node 2 answers in 0.08 s.
let private informed =
    [
        for round in 0..5 do
            for i, configuration in List.indexed TwoNodes.configurations ->
                noisy key 0.08 (-1000 + 30 * round + i) configuration
    ]
    |> Estimator.start estimation layout key

/// Learns from visits to configurations, the node 2 being at this speed.
let private visit onNode2 (configurations: Configuration list) estimator =
    ((estimator, []), List.indexed configurations)
    ||> List.fold (fun (estimator, changes) (cycle, configuration) ->
        let estimator, change, _ =
            Estimator.learn estimation layout cycle (key.Split cycle) (noisy key onNode2 cycle configuration) estimator

        estimator, changes @ ValueOption.toList change)

let private predicted (estimator: Estimator) configuration =
    match estimator.Model with
    | Ok model -> (Estimator.predict model configuration TwoNodes.load)[0]
    | Error error -> failtest $"{error}"

let private walk =
    [ 1.0, 5.0; 0.8, 4.0; 0.6, 3.0; 0.4, 3.0; 0.6, 3.0; 0.8, 3.0; 1.0, 3.0 ]
    |> List.map (fun (p, c) -> TwoNodes.configuration p c)

/// One sample of every configuration that sends all to node 2, of a system that is another one since cycle 10.
let private changed cycle seconds =
    { informed with
        Window =
            SampleWindow.ofCells
                10
                [
                    for cores in 1.0 .. 5.0 ->
                        {
                            Configuration = TwoNodes.configuration 0.0 cores
                            OfferedLoads = TwoNodes.load
                            Samples =
                                [
                                    for _ in 1..3 ->
                                        {
                                            Cycle = cycle
                                            Seconds = [| seconds |]
                                            Weight = 1.0
                                            NodeLogs = [||]
                                        }
                                ]
                            Reference = ValueNone
                        }
                ]
        NodeFactors =
            [|
                NodeFactors(TwoNodes.grid, 0).After(TwoNodes.configuration 0.0 1.0, 2.0, 0.0001)
            |]
        Forest = ValueNone
    }

/// What the forest says of a configuration that sends all to node 2, before anything is corrected.
let private uncorrected (estimator: Estimator) =
    match Estimator.refit estimation layout 10 key estimator with
    | Error error -> failtest $"{error}"
    | Ok fitted ->
        let features = Array.zeroCreate<float> layout.Names.Count
        let outputs = [| 0.0 |]
        layout.Write(TwoNodes.configuration 0.0 3.0, TwoNodes.load.AsSpan(), System.Span features)
        fitted.Forest.Predict(System.ReadOnlySpan features, System.Span outputs)
        outputs[0]

/// The estimator that has taken note of some samples of a configuration at a load, without a refit.
let private observed count load (estimator: Estimator) =
    let sample =
        { TwoNodes.sample 0.08 (TwoNodes.configuration 0.4 3.0) with
            OfferedLoads = TwoNodes.array [ RequestRate load ]
        }

    (estimator, [ 1..count ])
    ||> List.fold (fun estimator cycle -> Estimator.observe estimation layout cycle sample ValueNone estimator |> fst)

let private forest cycle (estimator: Estimator) =
    match Estimator.refit estimation layout cycle key estimator with
    | Ok fitted -> OnlinePolicyAdaptation.Learning.Regression.ForestFile.Write fitted.Forest
    | Error error -> failtest $"{error}"

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.Estimator"
        [
            test "a change is noticed within a few cycles, and carried over to what was not visited" {
                let estimator, changes = visit 0.3 walk informed
                Expect.hasLength changes 1 "once"
                Expect.isLessThanOrEqual changes.Head.Since 2 "since its beginning"

                let unvisited = TwoNodes.configuration 0.0 2.0
                Expect.isGreaterThan (predicted estimator unvisited) 0.2 "0.08 s before, 0.3 s now"

                let unaffected = TwoNodes.configuration 1.0 2.0

                Expect.floatClose
                    { absolute = 0.015; relative = 0.0 }
                    (predicted estimator unaffected)
                    0.09
                    "node 1 only"
            }

            test "where nothing changes nothing is noticed, and nothing forgotten" {
                let cycles = [ for i in 0..400 -> walk[i % walk.Length] ]
                let _, changes = visit 0.08 cycles informed
                Expect.isEmpty changes "stationary"
            }

            test "what was measured since the change, at its cycle too, is fitted as the system before it" {
                let factor = (changed 10 0.3).NodeFactors[0].Factor(TwoNodes.configuration 0.0 3.0)

                Expect.isGreaterThan factor 2.0 "node 2 takes thrice as long"
                Expect.floatClose Accuracy.high (uncorrected (changed 11 0.3)) (0.3 / factor) "after the change"
                Expect.floatClose Accuracy.high (uncorrected (changed 10 0.3)) (0.3 / factor) "at the change"
                Expect.floatClose Accuracy.high (uncorrected (changed 9 0.3)) 0.3 "before it"
            }

            test "a cell is news until it is known a little" {
                let isNews count load = (observed count load informed).IsNews

                Expect.isFalse (isNews 1 5.0) "a cell measured six times"
                Expect.isTrue (isNews 1 10.0) "a cell that is new"
                let before = observed 3 10.0 informed
                Expect.isTrue (observed 1 10.0 { before with IsNews = false }).IsNews "its fourth sample"
                let before = observed 4 10.0 informed
                Expect.isFalse (observed 1 10.0 { before with IsNews = false }).IsNews "its fifth"
                Expect.isTrue (observed 1 10.0 before).IsNews "until the next refit"
            }

            test "news grows all trees anew, and nothing else does" {
                let ofNothing estimator =
                    forest 5 { estimator with Forest = ValueNone }

                let known = observed 1 5.0 informed
                Expect.notEqual (forest 5 known) (ofNothing known) "some trees"
                let news = observed 1 10.0 informed
                Expect.equal (forest 5 news) (ofNothing news) "all trees"
            }

            test "samples of weight 0 bound no prediction" {
                let sample seconds weight =
                    {
                        Cycle = 10
                        Seconds = [| seconds |]
                        Weight = weight
                        NodeLogs = [||]
                    }

                let cells =
                    [
                        for cores in 1.0 .. 5.0 ->
                            {
                                Configuration = TwoNodes.configuration 0.0 cores
                                OfferedLoads = TwoNodes.load
                                Samples = [ sample 0.2 1.0; sample 0.3 1.0; sample 9.0 0.0; sample 0.001 0.0 ]
                                Reference = ValueNone
                            }
                    ]

                // A correction of the nodes so large that only the bounds hold predictions back.
                let extreme change =
                    { informed with
                        Window = SampleWindow.ofCells 10 cells
                        NodeFactors =
                            [|
                                NodeFactors(TwoNodes.grid, 0).After(TwoNodes.configuration 0.0 1.0, change, 0.0001)
                            |]
                    }

                let everywhere change =
                    let estimator = extreme change

                    match Estimator.refit estimation layout 11 key { estimator with Forest = ValueNone } with
                    | Ok fitted ->
                        [
                            for configuration in TwoNodes.configurations ->
                                (Estimator.predict fitted.Estimate configuration TwoNodes.load)[0]
                        ]
                    | Error error -> failtest $"{error}"

                for change in [ 8.0; -0.9 ] do
                    for seconds in everywhere change do
                        Expect.isGreaterThanOrEqual seconds 0.2 "not below"
                        Expect.isLessThanOrEqual seconds 0.3 "not above"
            }

            test "a change is news by itself, also where its cell is well known" {
                let sample configuration seconds =
                    { TwoNodes.sample 0.0 configuration with
                        ResponseTimes = TwoNodes.array [ ResponseTime seconds ]
                    }

                let configuration = TwoNodes.configuration 0.0 3.0

                // In small steps, so that a change is noticed only after more than four samples since it began.
                let states =
                    ({ informed with IsNews = false }, [ 0..60 ])
                    ||> List.scan (fun estimator cycle ->
                        Estimator.observe
                            estimation
                            layout
                            cycle
                            (sample configuration (0.08 + 0.0006 * float cycle))
                            (ValueSome [| 0.08 |])
                            { estimator with IsNews = false }
                        |> fst)

                let noticed =
                    states
                    |> List.pairwise
                    |> List.filter (fun (before, after) -> before.Window.Since <> after.Window.Since)

                Expect.isNonEmpty noticed "a change was noticed"

                for _, after in noticed do
                    Expect.isTrue after.IsNews "news"

                let wellKnown =
                    noticed
                    |> List.filter (fun (_, after) ->
                        match SampleWindow.tryCell configuration TwoNodes.load after.Window with
                        | ValueSome cell -> (SampleWindow.current after.Window cell).Length > 4
                        | ValueNone -> false)

                Expect.isNonEmpty wellKnown "of a cell with more than four samples since"
            }

            testProperty "predictions stay within the range of the targets that carry weight"
            <| fun (visits: (byte * byte) list) (onNode2: byte) ->
                let configurations =
                    visits
                    |> List.map (fun (p, c) -> TwoNodes.configuration (0.2 * float (p % 6uy)) (1.0 + float (c % 5uy)))

                let estimator, _ = visit (0.02 + float onNode2 / 200.0) configurations informed

                let targets =
                    [
                        for cell in estimator.Window.Cells do
                            for sample in cell.Samples do
                                if sample.Weight > 0.0 then
                                    sample.Seconds[0]
                    ]

                for configuration in TwoNodes.configurations do
                    let seconds = predicted estimator configuration
                    Expect.isGreaterThanOrEqual seconds (List.min targets) "not below"
                    Expect.isLessThanOrEqual seconds (List.max targets) "not above"

            testProperty "an optimist expects no more than the mean, a cautious planner no less" (fun (at: byte) ->
                let estimator, _ = visit 0.3 walk informed
                let configuration = TwoNodes.configurations[int at % TwoNodes.configurations.Length]

                match estimator.Model with
                | Error error -> failtest $"{error}"
                | Ok model ->
                    let bound deviations =
                        let seconds = [| 0.0 |]

                        OnlinePolicyAdaptation.Learning.SystemModels
                            .BoundedResponseTimes(model.ResponseTimes, deviations)
                            .Predict(configuration, TwoNodes.load.AsSpan(), System.Span seconds)

                        seconds[0]

                    let mean = predicted estimator configuration
                    Expect.isLessThanOrEqual (bound -1.0) mean "lower"
                    Expect.equal (bound 0.0) mean "the mean"
                    Expect.isGreaterThan (bound 1.0) mean "upper: there is noise everywhere")

            testProperty "stopping and resuming gives the same predictions as not stopping"
            <| fun (visits: (byte * byte) list) (stop: byte) (onNode2: byte) ->
                let configurations =
                    walk
                    @ (visits
                       |> List.map (fun (p, c) ->
                           TwoNodes.configuration (0.2 * float (p % 6uy)) (1.0 + float (c % 5uy))))

                let speed = 0.02 + float onNode2 / 200.0

                let learn from configurations estimator =
                    (estimator, List.indexed configurations)
                    ||> List.fold (fun estimator (i, configuration) ->
                        let cycle = from + i
                        let sample = noisy key speed cycle configuration

                        let next, _, _ =
                            Estimator.learn estimation layout cycle (key.Split cycle) sample estimator

                        next)

                let first, second =
                    configurations |> List.splitAt (int stop % (configurations.Length + 1))

                let stopped = learn 0 first informed

                let resumed =
                    Scratch.withFolder (fun folder ->
                        let path = System.IO.Path.Combine(folder, "estimator.json")

                        EstimatorFile.save
                            layout
                            path
                            {
                                Estimator = stopped
                                Cycle = first.Length
                                Key = key
                            }

                        match EstimatorFile.load estimation layout path with
                        | Ok checkpoint -> checkpoint
                        | Error message -> failtest message)

                Expect.equal resumed.Cycle first.Length "the next cycle"

                let predictions estimator =
                    TwoNodes.configurations |> List.map (predicted estimator)

                Expect.equal
                    (predictions (learn resumed.Cycle second resumed.Estimator))
                    (predictions (learn first.Length second stopped))
                    "bit for bit"

            test "a checkpoint that is not whole, or of another system, is refused with its place" {
                Scratch.withFolder (fun folder ->
                    let path = System.IO.Path.Combine(folder, "estimator.json")

                    EstimatorFile.save
                        layout
                        path
                        {
                            Estimator = informed
                            Cycle = 0
                            Key = key
                        }

                    let whole = System.IO.File.ReadAllText path

                    let refused (text: string) (place: string) =
                        System.IO.File.WriteAllText(path, text)

                        match EstimatorFile.load estimation layout path with
                        | Ok _ -> failtest $"accepted: {place}"
                        | Error message ->
                            Expect.stringContains message path "file"
                            Expect.stringContains message place "place"

                    for length in 0 .. whole.Length / 40 .. whole.Length - 1 do
                        refused (whole.Substring(0, length)) "checkpoint"

                    refused (whole.Replace("\"version\":4", "\"version\":9")) "version"
                    refused (whole.Replace("\"weight\":1", "\"weight\":2")) "cells[0].samples[0]"
                    refused (whole.Replace("\"features\":[\"c1\"", "\"features\":[\"c9\"")) "features"
                    refused (whole.Replace("\"forest\":\"", "\"forest\":\"AAAA")) "forest"
                    refused (whole.Replace("\"levels\":[0,0]", "\"levels\":[0,77]")) "levels"
                    refused (whole.Replace("\"fittedAt\"", "\"fittedat\"")) "checkpoint"
                    refused "null" "checkpoint"
                    refused (whole.Replace("\"cycle\":0,\"key\"", "\"cycle\":-5,\"key\"")) ": cycle: -5"
                    refused (whole.Replace("\"fittedAt\":-1", "\"fittedAt\":-2")) ": fittedAt: -2"
                    refused (whole.Replace("\"fittedAt\":-1", "\"fittedAt\":1")) ": fittedAt: 1"
                    refused (whole.Replace("\"pending\":0", "\"pending\":-1")) ": pending: -1"
                    refused (whole.Replace($"\"since\":{System.Int32.MinValue}", "\"since\":1")) ": since: 1"
                    refused (whole.Replace("\"height\":0", "\"height\":-1")) "detector[0]"
                    refused (whole.Replace("\"detector\":[", "\"detector\":[null,")) "detector: 2 tests"
                    refused (whole.Replace("\"cells\":[{", "\"cells\":[null,{")) "cells[0]: null"
                    refused (whole.Replace("\"lost\":{\"cells\":[", "\"lost\":{\"cells\":[null")) "lost.cells[0]"

                    refused
                        (whole.Replace("\"runs\":[", "\"runs\":[{\"service\":0,\"first\":2,\"last\":1}"))
                        "lost.runs"

                    refused (whole.Replace("\"samples\":[", "\"samples\":[null,")) "cells[0].samples[0]"

                    refused
                        (whole.Replace("\"samples\":[{\"cycle\":-", "\"samples\":[{\"cycle\":"))
                        "cells[0].samples[0]"

                    refused (whole.Replace("\"pending\":0", "\"pending\":0,\"pending\":0")) "pending"
                    refused (whole.Replace("\"pending\":0", "\"pending\":0,\"waiting\":0")) "waiting"

                    let cells = whole.IndexOf "\"cells\":[" + 9
                    let first = whole.Substring(cells, whole.IndexOf("]}", cells) + 2 - cells)
                    refused (whole.Insert(cells, first + ",")) "cells[1]")
            }

            test "a sample of a cell that is hardly known counts as unsurprising" {
                let tests estimator =
                    (ChangeDetector.tests estimator.Detector)[0]

                let surprised =
                    { informed with
                        Detector =
                            ChangeDetector.ofTests
                                [|
                                    { tests informed with
                                        Count = 2
                                        Mean = 0.3
                                    }
                                |]
                    }

                let busier =
                    { TwoNodes.sample 0.08 walk.Head with
                        OfferedLoads = TwoNodes.array [ RequestRate 50.0 ]
                    }

                let observed, change =
                    Estimator.observe estimation layout 0 busier (ValueSome [| 0.1 |]) surprised

                Expect.isTrue change.IsNone "no change"
                Expect.equal (tests observed).Count 3 "it counts"
                Expect.floatClose Accuracy.veryHigh (tests observed).Mean 0.2 "as 0"
            }

            test "a cell of few samples is not familiar either, and counts as unsurprising" {
                let count estimator =
                    ChangeDetector.tests estimator.Detector |> Array.head |> _.Count

                let busier =
                    { TwoNodes.sample 0.08 walk.Head with
                        OfferedLoads = TwoNodes.array [ RequestRate 50.0 ]
                    }

                let counts =
                    (informed, [ 0..4 ])
                    ||> List.mapFold (fun estimator cycle ->
                        let next, _ =
                            Estimator.observe estimation layout cycle busier (ValueSome [| 0.1 |]) estimator

                        count next, next)
                    |> fst

                Expect.equal counts [ for i in 1..5 -> count informed + i ] "each counts"
            }

            test "a cell is familiar from five samples on, and what it has shown before is as unusual as its rank" {
                let remembered seconds =
                    {
                        Cycle = 0
                        Seconds = [| seconds |]
                        Weight = 1.0
                        NodeLogs = [||]
                    }

                let scores current seconds =
                    let sample =
                        { TwoNodes.sample 0.0 walk.Head with
                            ResponseTimes = TwoNodes.array [ ResponseTime seconds ]
                        }

                    Surprise.scores (List.map remembered current) sample [| 0.1 |]

                Expect.isTrue (ValueOption.isNone (scores (List.replicate 4 0.1) 0.2)) "four"

                match scores (List.replicate 5 0.1) 0.2, scores (0.2 :: List.replicate 4 0.1) 0.2 with
                | ValueSome never, ValueSome once ->
                    // The least deviation is 0.05. One of five is as large: (1 + 0.5) / 6, the upper quartile.
                    Expect.floatClose Accuracy.high never[0] (log 2.0 / 0.05) "never seen"
                    Expect.floatClose Accuracy.high once[0] 0.6744897501960817 "seen once"
                | other -> failtest $"{other}"
            }

            test "all trees are grown anew for what is new, and only then" {
                let sample load configuration =
                    { TwoNodes.sample 0.08 configuration with
                        OfferedLoads = TwoNodes.array [ RequestRate load ]
                    }

                let isNews load times =
                    (informed, [ 1..times ])
                    ||> List.fold (fun estimator cycle ->
                        let observed, _ =
                            Estimator.observe
                                estimation
                                layout
                                cycle
                                (sample load walk.Head)
                                ValueNone
                                { estimator with IsNews = false }

                        observed)
                    |> _.IsNews

                Expect.isFalse (isNews 5.0 1) "known already"
                Expect.isTrue (isNews 50.0 1) "the first of its cell"
                Expect.isTrue (isNews 50.0 4) "the fourth"
                Expect.isFalse (isNews 50.0 5) "the fifth"
            }

            test "the sample that shows a change first is taken for one of the new system" {
                let at p c seconds =
                    { TwoNodes.sample 0.0 (TwoNodes.configuration p c) with
                        ResponseTimes = TwoNodes.array [ ResponseTime seconds ]
                    }

                let history =
                    [
                        for c in 1.0 .. 5.0 do
                            yield! List.replicate 6 (at 0.0 c 0.1)

                        yield! List.replicate 6 (at 1.0 5.0 1.0)
                    ]

                // Node 2 takes three times as long, each cycle at another number of cores.
                let changes, observed =
                    (Estimator.start estimation layout key history, [ 0..1 ])
                    ||> List.mapFold (fun estimator cycle ->
                        let sample = at 0.0 (1.0 + float cycle) 0.3

                        let next, change =
                            Estimator.observe estimation layout cycle sample (ValueSome [| 0.1 |]) estimator

                        change, next)

                Expect.equal (changes |> List.map (ValueOption.map _.Since)) [ ValueNone; ValueSome 0 ] "since cycle 0"
                let test = (ChangeDetector.tests observed.Detector)[0]
                Expect.equal (test.Count, test.Slower.Height) (0, 0.0) "the change is not found again"
                let struct (snapshot, _) = Estimator.beginRefit layout observed

                match Estimator.refit estimation layout 2 key snapshot with
                | Error error -> failtest $"{error}"
                | Ok fitted ->
                    // The forest is fitted as if nothing had changed; 0.3 s, corrected twice, would be 0.8 s.
                    let seconds =
                        Estimator.predict fitted.Estimate (TwoNodes.configuration 0.0 1.0) TwoNodes.load

                    Expect.floatClose { absolute = 0.06; relative = 0.0 } seconds[0] 0.3 "as measured in cycle 0"
            }
        ]

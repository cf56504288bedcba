module OnlinePolicyAdaptation.Tests.ControlCycle.Relevance

open Expecto
open FsCheck
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

let private remembered cycle seconds =
    {
        Cycle = cycle
        Seconds = [| seconds |]
        Weight = 1.0
        NodeLogs = [||]
    }

let private unchanged = [| NodeFactors(TwoNodes.grid, 0) |]

/// A cell with older samples of a system before cycle 0 and current ones, in seconds.
let private cell older current : WeightedSample list * Cell =
    let current = current |> List.mapi (fun i seconds -> remembered (100 - i) seconds)
    let older = older |> List.mapi (fun i seconds -> remembered (-1 - i) seconds)

    current,
    {
        Configuration = TwoNodes.configuration 0.4 3.0
        OfferedLoads = TwoNodes.load
        Samples = current @ older
        Reference = ValueNone
    }

let private weights (cell: Cell) = cell.Samples |> List.map _.Weight

let private seconds (value: PositiveInt) = float value.Get / 1000.0

/// What is thought of node 1 and node 2 after these changes were measured at these routing weights.
let private after changes =
    (NodeFactors(TwoNodes.grid, 0), changes)
    ||> List.fold (fun factors (p, change) -> factors.After(TwoNodes.configuration p 3.0, change, 0.0001))

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.Relevance"
        [
            testProperty "weights never grow with age"
            <| fun (older: PositiveInt list) (current: PositiveInt) (next: PositiveInt list) ->
                let mutable taken = [ seconds current ]
                let mutable before = snd (cell (List.map seconds older) taken)

                for value in next do
                    let current =
                        remembered 200 (seconds value)
                        :: (before.Samples |> List.takeWhile (fun s -> s.Cycle >= 0))

                    let grown =
                        { before with
                            Samples = current @ (before.Samples |> List.filter (fun s -> s.Cycle < 0))
                        }

                    let reweighed = Relevance.reweigh unchanged current grown

                    for a, b in List.zip grown.Samples reweighed.Samples do
                        Expect.isLessThanOrEqual b.Weight a.Weight "no heavier"
                        Expect.isGreaterThanOrEqual b.Weight 0.0 "not negative"

                    before <- reweighed

            test "what was measured in the first cycle of a changed system is of that system" {
                let samples = [ remembered 7 0.3; remembered 6 0.4; remembered 5 0.1 ]
                let _, cell = cell [] []
                let renewed = Relevance.renew 6 [||] [] { cell with Samples = samples }

                match renewed.Reference with
                | ValueSome [| reference |] -> Expect.floatClose Accuracy.high (exp reference) 0.1 "what was before it"
                | _ -> failtest "no reference"

                let window = SampleWindow.ofCells 6 [ renewed ]
                Expect.equal (SampleWindow.current window renewed |> List.map _.Cycle) [ 7; 6 ] "the rest is current"
            }

            test "older samples keep their weight where new ones agree, and lose it where they contradict" {
                let agreeing, agreed = cell [ 0.100; 0.101; 0.099 ] [ 0.1 ]
                let contradicting, contradicted = cell [ 0.100; 0.101; 0.099 ] [ 0.3 ]
                Expect.equal (weights (Relevance.reweigh unchanged agreeing agreed)) [ 1.0; 1.0; 1.0; 1.0 ] "agree"

                match weights (Relevance.reweigh unchanged contradicting contradicted) with
                | current :: older ->
                    Expect.equal current 1.0 "the new one"
                    Expect.all older (fun weight -> weight < 0.01) "the old ones"
                | [] -> failtest "lost"
            }

            test "how much a contradiction weighs depends on how much was measured, on both sides" {
                // Older ones deviate by nothing, which is taken for 0.5 / (n + 5); the difference of logarithms is log 1.2.
                for older, newer in [ 4, 1; 4, 2; 4, 20; 1, 1; 20, 1; 20, 20 ] do
                    let current, cell = cell (List.replicate older 0.1) (List.replicate newer 0.12)
                    let deviation = max 0.05 (0.5 / float (older + 5))
                    let variance = deviation * deviation * (1.0 / float older + 1.0 / float newer)
                    let expected = exp (-0.5 * ((log 1.2) ** 2.0 / variance - 1.0))

                    for weight in weights (Relevance.reweigh unchanged current cell) |> List.skip newer do
                        Expect.floatClose Accuracy.high weight expected $"{older} older, {newer} newer ones"
            }

            test "older ones that count less contradict less" {
                let current, whole = cell (List.replicate 4 0.1) [ 0.12 ]

                let halved =
                    { whole with
                        Samples =
                            current
                            @ (whole.Samples.Tail |> List.map (fun sample -> { sample with Weight = 0.5 }))
                    }

                let variance = (0.5 / 9.0) ** 2.0 * (1.0 / 2.0 + 1.0)
                let expected = exp (-0.5 * ((log 1.2) ** 2.0 / variance - 1.0))

                for weight in weights (Relevance.reweigh unchanged current halved) |> List.tail do
                    Expect.floatClose Accuracy.high weight expected "four of half the weight are two"
            }

            test "what is known of nodes is the surer the more was measured" {
                for newer in [ 1; 4 ] do
                    let current, cell = cell [] (List.replicate newer 0.2)

                    let window =
                        SampleWindow.ofCells
                            0
                            [
                                { cell with
                                    Reference = ValueSome [| log 0.1 |]
                                }
                            ]

                    let found = (Relevance.nodeFactors TwoNodes.grid 1 window)[0]
                    let deviation = CellStatistics.deviation current 0

                    let expected =
                        unchanged[0].After(cell.Configuration, 1.0, deviation * deviation / float newer)

                    Expect.floatClose
                        Accuracy.high
                        (found.Deviation cell.Configuration)
                        (expected.Deviation cell.Configuration)
                        $"{newer} measured"

                    Expect.floatClose
                        Accuracy.high
                        (found.Factor cell.Configuration)
                        (expected.Factor cell.Configuration)
                        $"{newer} measured"
            }

            test "a slower node slows the configurations not measured by the share they send to it" {
                // Node 2 takes twice as long: seen at the weights 1, 0.8 and 0.6 of node 1, expected at 0.
                let factors = after [ 1.0, 0.0; 0.8, 0.2; 0.6, 0.4 ]

                let factor p =
                    factors.Factor(TwoNodes.configuration p 1.0)

                Expect.floatClose { absolute = 0.1; relative = 0.0 } (factor 1.0) 1.0 "none of it"
                Expect.floatClose { absolute = 0.25; relative = 0.0 } (factor 0.0) 2.0 "all of it"
                Expect.isLessThan (factors.Deviation(TwoNodes.configuration 1.0 1.0)) 0.1 "known"

                Expect.isGreaterThan
                    (factors.Deviation(TwoNodes.configuration 0.0 1.0))
                    (factors.Deviation(TwoNodes.configuration 0.6 1.0))
                    "less is known far away"
            }

            testProperty "every measurement leaves less uncertain" (fun (p: byte) (change: byte) (at: byte) ->
                let weight level = 0.2 * float (level % 6uy)
                let before = after [ 0.4, 0.1 ]

                let later =
                    before.After(TwoNodes.configuration (weight p) 3.0, float change / 100.0, 0.01)

                let there = TwoNodes.configuration (weight at) 2.0
                Expect.isLessThanOrEqual (later.Deviation there) (before.Deviation there + 1e-12) "anywhere")

            test "what was measured in the cycle of the change is of the system after it" {
                let _, cell = cell [] []

                let renewed =
                    Relevance.renew
                        5
                        [||]
                        []
                        { cell with
                            Samples = [ remembered 5 0.4; remembered 4 0.2 ]
                        }

                match renewed.Reference with
                | ValueSome reference -> Expect.floatClose Accuracy.veryHigh reference[0] (log 0.2) "that of cycle 4"
                | ValueNone -> failtest "nothing was known"

                let onlyAfter =
                    Relevance.renew
                        5
                        [||]
                        []
                        { cell with
                            Samples = [ remembered 5 0.4 ]
                        }

                Expect.isTrue (ValueOption.isNone onlyAfter.Reference) "nothing was measured before"
            }

            test "mean and deviation of a cell count samples by their weights, by hand" {
                let weighed weight seconds =
                    { remembered 1 seconds with
                        Weight = weight
                        NodeLogs = [||]
                    }

                let mean = CellStatistics.meanLog [ weighed 1.0 0.1; weighed 0.5 0.4 ] 0
                Expect.floatClose Accuracy.veryHigh mean ((log 0.1 + 0.5 * log 0.4) / 1.5) "mean"

                // Around the one that counts the others are off by 1; five guesses of 0.1 are added.
                let samples = [ weighed 1.0 1.0; weighed 0.0 (exp 1.0); weighed 0.0 (exp 1.0) ]
                let expected = (sqrt (System.Math.PI / 2.0) * 2.0 + 0.5) / 8.0
                Expect.floatClose Accuracy.veryHigh (CellStatistics.deviation samples 0) expected "deviation"
            }

            test "what has lost its weight is no reference" {
                let _, cell = cell [] []

                let renewed =
                    Relevance.renew
                        5
                        [||]
                        []
                        { cell with
                            Samples = [ { remembered 4 0.2 with Weight = 0.0 } ]
                        }

                Expect.isTrue (ValueOption.isNone renewed.Reference) "none that counts"
            }

            test "what the change before is thought to have done is done to the samples from before it" {
                let nodeFactors = [| after [ 1.0, 0.0; 0.0, 1.0 ] |]
                let current, cell = cell [ 0.1 ] [ 0.3 ]
                let factor = nodeFactors[0].Factor cell.Configuration
                Expect.isGreaterThan factor 1.2 "slower"
                let renewed = Relevance.renew 1000 nodeFactors current cell
                Expect.equal (renewed.Samples |> List.map _.Seconds[0]) [ 0.3; 0.1 * factor ] "the older one only"
            }

            test "the disagreement of older and newer means is measured by the deviation of their difference, by hand" {
                // Older: deviation (5 x 0.1)/(4 + 5) = 0.0556 as all are equal; of the difference of means 0.0556^2 (1/4 + 1/2).
                let current, measured = cell (List.replicate 4 0.1) [ 0.112; 0.112 ]
                let deviation = 5.0 * 0.1 / 9.0
                let difference = log (0.112 / 0.1)

                let contradiction =
                    difference * difference / (deviation * deviation * (1.0 / 4.0 + 1.0 / 2.0))

                Expect.isGreaterThan contradiction 1.5 "it counts"
                let expected = exp (-0.5 * (contradiction - 1.0))

                match weights (Relevance.reweigh unchanged current measured) with
                | 1.0 :: 1.0 :: older ->
                    for weight in older do
                        Expect.floatClose Accuracy.high weight expected "by the disagreement"
                | other -> failtest $"{other}"
            }

            test "older samples are compared as they are corrected" {
                let nodeFactors = [| after [ 1.0, 0.0; 0.0, 1.0 ] |]
                let _, here = cell [] []
                let factor = nodeFactors[0].Factor here.Configuration
                let current, measured = cell (List.replicate 4 0.1) [ 0.1 * factor ]

                Expect.equal
                    (weights (Relevance.reweigh nodeFactors current measured))
                    (List.replicate 5 1.0)
                    "they agree"
            }

            test "what cells measured before and after a change tells by how much nodes are slower" {
                let cellAt p current =
                    let _, cell = cell [] []

                    { cell with
                        Configuration = TwoNodes.configuration p 3.0
                        Samples = List.replicate 3 (remembered 10 current) @ [ remembered 4 0.1 ]
                        Reference = ValueSome [| log 0.1 |]
                    }

                let window = SampleWindow.ofCells 5 [ cellAt 1.0 0.1; cellAt 0.0 0.3 ]
                let nodeFactors = Relevance.nodeFactors TwoNodes.grid 1 window
                Expect.floatClose Accuracy.high nodeFactors[0].Means[0] 0.0 "node 1"
                // A change of 2; a mean of 3 of deviation 0.5/8; peculiar is 0.3 x 2; all that was thought is 1.
                let noise = (0.5 / 8.0) ** 2.0 / 3.0
                Expect.floatClose Accuracy.high nodeFactors[0].Means[1] (2.0 / (1.0 + noise + 0.36)) "by hand"
            }
        ]

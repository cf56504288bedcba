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
    }

let private unchanged = [| NodeSlowdown(TwoNodes.grid, 0) |]

/// A cell with older samples of a system before cycle 0 and current ones, in seconds.
let private cell older current : Remembered list * Cell =
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
    (NodeSlowdown(TwoNodes.grid, 0), changes)
    ||> List.fold (fun slowdown (p, change) -> slowdown.After(TwoNodes.configuration p 3.0, change, 0.0001))

[<Tests>]
let tests =
    testList
        "ControlCycle.Relevance"
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

                    let found = (Relevance.slowdowns TwoNodes.grid 1 window)[0]
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
                let slowdown = after [ 1.0, 0.0; 0.8, 0.2; 0.6, 0.4 ]

                let factor p =
                    slowdown.Factor(TwoNodes.configuration p 1.0)

                Expect.floatClose { absolute = 0.1; relative = 0.0 } (factor 1.0) 1.0 "none of it"
                Expect.floatClose { absolute = 0.25; relative = 0.0 } (factor 0.0) 2.0 "all of it"
                Expect.isLessThan (slowdown.Deviation(TwoNodes.configuration 1.0 1.0)) 0.1 "known"

                Expect.isGreaterThan
                    (slowdown.Deviation(TwoNodes.configuration 0.0 1.0))
                    (slowdown.Deviation(TwoNodes.configuration 0.6 1.0))
                    "less is known far away"
            }

            testProperty "every measurement leaves less uncertain" (fun (p: byte) (change: byte) (at: byte) ->
                let weight level = 0.2 * float (level % 6uy)
                let before = after [ 0.4, 0.1 ]

                let later =
                    before.After(TwoNodes.configuration (weight p) 3.0, float change / 100.0, 0.01)

                let there = TwoNodes.configuration (weight at) 2.0
                Expect.isLessThanOrEqual (later.Deviation there) (before.Deviation there + 1e-12) "anywhere")
        ]

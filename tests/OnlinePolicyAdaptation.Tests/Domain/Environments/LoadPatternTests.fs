module OnlinePolicyAdaptation.Tests.Environments.LoadPatternTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments

let private rates (values: float seq) =
    Meshes.array (Seq.map RequestRate values)

let private at seconds (pattern: LoadPattern) = pattern.RateAt(seconds).PerSecond

let private patterns: LoadPattern list =
    [
        Meshes.constant 7.5
        LoadPattern.Recorded(rates [ 4.0; 0.0; 9.0 ], 5.0)
        LoadPattern.RandomSteps(rates [ 5.0; 10.0; 15.0 ], 100.0, RandomKey 3UL)
        LoadPattern.Sine(RequestRate 10.0, RequestRate 6.0, 60.0, 1.0)
        LoadPattern.Sine(RequestRate 2.0, RequestRate 6.0, 60.0, 0.0)
        LoadPattern.Later(LoadPattern.Sine(RequestRate 2.0, RequestRate 6.0, 60.0, 0.0), 7.0)
    ]

[<Tests>]
let tests =
    testList
        "Domain.Environments.LoadPattern"
        [
            testProperty "no rate is negative or above the highest"
            <| fun (deciseconds: uint16) ->
                for pattern in patterns do
                    let rate = at (float deciseconds / 10.0) pattern
                    Expect.isGreaterThanOrEqual rate 0.0 $"{pattern}"
                    Expect.isLessThanOrEqual rate pattern.HighestRate.PerSecond $"{pattern}"

            testCase "a sequence goes from pattern to pattern, each in the time of the whole"
            <| fun () ->
                let sine = LoadPattern.Sine(RequestRate 10.0, RequestRate 6.0, 60.0, 1.0)

                let sequence =
                    LoadPattern.Sequence(
                        Meshes.array [ Meshes.constant 7.5; sine :> LoadPattern; Meshes.constant 3.0 ],
                        Meshes.array [ 0.0; 20.0; 40.0 ]
                    )

                Expect.equal (at 19.9 sequence) 7.5 "the first"
                Expect.equal (at 20.0 sequence) (at 20.0 sine) "from its time on"
                Expect.equal (at 33.0 sequence) (at 33.0 sine) "goes on as if it had held"
                Expect.equal (at 1000.0 sequence) 3.0 "the last for ever"
                Expect.equal sequence.HighestRate.PerSecond 16.0 "the highest of all"

            testCase "a recorded load goes through its rates and begins again"
            <| fun () ->
                let recorded = LoadPattern.Recorded(rates [ 4.0; 0.0; 9.0 ], 5.0)

                Expect.equal
                    [ for seconds in [ 0.0; 4.9; 5.0; 14.9; 15.0; 22.0 ] -> at seconds recorded ]
                    [ 4.0; 4.0; 0.0; 9.0; 4.0; 0.0 ]
                    "rates"

            testCase "a recorded load changes on time, whatever the interval's length is in binary"
            <| fun () ->
                let values = [ 4.0; 0.0; 9.0; 7.0; 1.0; 3.0; 2.0 ]

                for length in [ 0.1; 0.2; 0.3; 0.7; 1.1; 1.0 / 3.0; 4.35; 120.1; 1e-3; 1e6 ] do
                    let recorded = LoadPattern.Recorded(rates values, length)

                    for interval in [ 0..2000 ] @ [ 1_000_000..1_000_100 ] do
                        let expected = values[interval % values.Length]

                        for start in [ float interval * length; float interval / (1.0 / length) ] do
                            Expect.equal (at start recorded) expected $"interval {interval} of {length} s begins"

                        Expect.equal
                            (at ((float interval + 0.9999) * length) recorded)
                            expected
                            $"interval {interval} of {length} s is not over"

            testCase "random steps change on time, too"
            <| fun () ->
                let steps =
                    LoadPattern.RandomSteps(rates [ for i in 1..1000 -> float i ], 0.1, RandomKey 3UL)

                for step in 0..2000 do
                    Expect.equal
                        (at (float step * 0.1) steps)
                        (at ((float step + 0.5) * 0.1) steps)
                        $"step {step} begins"

            testCase "a number of cores that is whole but for rounding errors has that number's speed"
            <| fun () ->
                let node = NodeParameters(SpeedByCores = Meshes.array [ 1.0; 0.9; 0.8; 0.7 ])

                for cores, speed in
                    [
                        0.0, 1.0
                        1.0, 1.0
                        1.1, 0.9
                        0.1 + 0.2 + 2.7, 0.8
                        0.1 * 3.0 * 10.0, 0.8
                        3.001, 0.7
                        9.0, 0.7
                    ] do
                    Expect.equal (node.SpeedWith cores) speed $"{cores:R} cores"

            testCase "a random step keeps its rate until its time is over"
            <| fun () ->
                let steps = LoadPattern.RandomSteps(rates [ 5.0; 10.0; 15.0 ], 100.0, RandomKey 3UL)

                for step in 0..20 do
                    let start = float step * 100.0
                    Expect.equal (at (start + 99.9) steps) (at start steps) $"step {step}"

            testCase "random steps draw every rate of the set equally often"
            <| fun () ->
                let steps = LoadPattern.RandomSteps(rates [ 5.0; 10.0; 15.0 ], 1.0, RandomKey 4UL)

                // Binomial(9000, 1/3): four standard deviations are 179.
                for rate, count in List.countBy (fun step -> at (float step) steps) [ 0..8999 ] do
                    Expect.isLessThan (abs (count - 3000)) 179 $"rate {rate}"

            testCase "a sine swings around its mean and rests at 0 where it would be negative"
            <| fun () ->
                let sine = LoadPattern.Sine(RequestRate 2.0, RequestRate 6.0, 60.0, Math.PI / 2.0)
                Expect.floatClose Accuracy.high (at 0.0 sine) 8.0 "at its highest, by the phase"
                Expect.floatClose Accuracy.high (at 15.0 sine) 2.0 "at its mean"
                Expect.equal (at 30.0 sine) 0.0 "at its lowest"

            testProperty "a later pattern does what the pattern does later"
            <| fun (deciseconds: uint16) (later: uint16) ->
                for pattern in patterns do
                    let seconds, later = float deciseconds / 10.0, float later

                    Expect.equal
                        (at seconds (LoadPattern.Later(pattern, later)))
                        (at (later + seconds) pattern)
                        $"{pattern}"

            testCase "a pattern that is none is refused"
            <| fun () ->
                let refused (make: unit -> LoadPattern) name =
                    Expect.throwsT<ArgumentOutOfRangeException> (make >> ignore) name

                refused (fun () -> Meshes.constant -1.0) "negative rate"
                refused (fun () -> Meshes.constant nan) "rate that is no number"
                refused (fun () -> LoadPattern.Recorded(rates [], 5.0)) "no rates"
                refused (fun () -> LoadPattern.Recorded(rates [ 1.0 ], 0.0)) "no time per rate"
                refused (fun () -> LoadPattern.Sine(RequestRate 1.0, RequestRate 1.0, -1.0, 0.0)) "negative period"
                refused (fun () -> LoadPattern.Sine(RequestRate 1.0, RequestRate 1.0, 1.0, infinity)) "endless phase"
        ]

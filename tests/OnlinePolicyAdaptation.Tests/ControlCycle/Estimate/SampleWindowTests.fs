module OnlinePolicyAdaptation.Tests.ControlCycle.SampleWindow

open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private settings = (TwoNodes.settings Planner.BasePolicy).Estimation

let private kept = 3

let private windowBy forgetting samples =
    let settings =
        { settings with
            Forgetting = forgetting
        }

    (SampleWindow.empty, List.indexed samples)
    ||> List.fold (fun window (cycle, sample) -> SampleWindow.add settings cycle sample window)

let private window samples =
    windowBy (Forgetting.PerConfiguration kept) samples

let private targets (window: SampleWindow) =
    [
        for cell in window.Cells do
            for sample in cell.Samples -> sample.Seconds[0]
    ]

let private here = TwoNodes.configuration 0.4 3.0

let private at configuration seconds =
    { TwoNodes.sample 0.0 configuration with
        ResponseTimes = TwoNodes.array [ ResponseTime seconds ]
    }

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.SampleWindow"
        [
            testProperty "keeps the newest samples of each configuration" (fun (count: byte) ->
                let seconds = [ for i in 1 .. int count -> float i ]
                let newest = seconds |> List.rev |> List.truncate kept
                Expect.equal (seconds |> List.map (at here) |> window |> targets) newest "newest first")

            testProperty "a window over time keeps the newest of all samples"
            <| fun (levels: byte list) (samples: byte) ->
                let samples = 1 + int samples % 7

                let taken =
                    levels
                    |> List.mapi (fun i level -> at (TwoNodes.configuration 0.4 (1.0 + float (level % 5uy))) (float i))

                Expect.equal
                    (taken |> windowBy (Forgetting.Window samples) |> targets |> List.sort)
                    [ for i in max 0 (levels.Length - samples) .. levels.Length - 1 -> float i ]
                    "the last ones"

            testProperty "never forgetting keeps all samples" (fun (count: byte) ->
                let samples = [ for i in 1 .. int count -> at here (float i) ]
                Expect.equal (windowBy Forgetting.Never samples |> SampleWindow.count) samples.Length "all")

            test "a sample replaces none of another configuration or load step" {
                let elsewhere = at (TwoNodes.configuration 0.6 3.0) 9.0

                let busier =
                    { at here 8.0 with
                        OfferedLoads = TwoNodes.array [ RequestRate 10.0 ]
                    }

                let window = window (elsewhere :: busier :: [ for i in 1..5 -> at here (float i) ])
                Expect.equal (SampleWindow.count window) (2 + kept) "all cells"
                Expect.containsAll (targets window) [ 8.0; 9.0 ] "kept"
            }

            test "loads are rounded to the load step, but never to no load" {
                let quantised load =
                    let loads = SampleWindow.quantised settings (TwoNodes.array [ RequestRate load ])
                    loads[0].PerSecond

                Expect.equal (List.map quantised [ 0.0; 0.2; 6.0; 8.0 ]) [ 0.0; 5.0; 5.0; 10.0 ] "steps of 5"
            }

            test "the samples since a change are those from its cycle on" {
                let remembered cycle =
                    {
                        Cycle = cycle
                        Seconds = [| 0.1 |]
                        Weight = 1.0
                        NodeLogs = [||]
                    }

                let cell =
                    {
                        Configuration = here
                        OfferedLoads = TwoNodes.load
                        Samples = [ remembered 6; remembered 5; remembered 4 ]
                        Reference = ValueNone
                    }

                let window = SampleWindow.ofCells 5 [ cell ]
                Expect.equal (SampleWindow.current window cell |> List.map _.Cycle) [ 6; 5 ] "5 and later"
                Expect.isTrue window.HasChanged "a change"
                Expect.isFalse SampleWindow.empty.HasChanged "none yet"
            }
        ]

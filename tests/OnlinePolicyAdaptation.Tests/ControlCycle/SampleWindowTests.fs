module OnlinePolicyAdaptation.Tests.ControlCycle.SampleWindow

open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

let private settings = (TwoNodes.settings Planner.BasePolicy).Estimation
let private layout = FeatureLayout(TwoNodes.grid, 1)

let private window samples =
    (SampleWindow.empty, samples)
    ||> List.fold (fun window sample -> SampleWindow.add settings sample window)

let private targets window =
    let set = SampleWindow.trainingSet layout window
    [ for row in 0 .. set.Count - 1 -> set.Targets(row)[0] ]

let private here = TwoNodes.configuration 0.4 3.0

let private at configuration seconds =
    { TwoNodes.sample 0.0 configuration with
        ResponseTimes = TwoNodes.array [ ResponseTime seconds ]
    }

[<Tests>]
let tests =
    testList
        "ControlCycle.SampleWindow"
        [
            testProperty "keeps the newest samples of each configuration" (fun (count: byte) ->
                let seconds = [ for i in 1 .. int count -> float i ]
                let newest = seconds |> List.rev |> List.truncate settings.SamplesPerConfiguration

                match newest with
                | [] -> ()
                | _ -> Expect.equal (seconds |> List.map (at here) |> window |> targets) newest "newest first")

            test "a sample replaces none of another configuration or load step" {
                let elsewhere = at (TwoNodes.configuration 0.6 3.0) 9.0

                let busier =
                    { at here 8.0 with
                        OfferedLoads = TwoNodes.array [ RequestRate 10.0 ]
                    }

                let window = window (elsewhere :: busier :: [ for i in 1..5 -> at here (float i) ])
                Expect.equal (SampleWindow.count window) (2 + settings.SamplesPerConfiguration) "all cells"
                Expect.containsAll (targets window) [ 8.0; 9.0 ] "kept"
            }

            test "features stand in the order cores, routing weight, offered load, carried load" {
                let busy =
                    { at here 0.1 with
                        OfferedLoads = TwoNodes.array [ RequestRate 11.0 ]
                    }

                let set = SampleWindow.trainingSet layout (window [ busy ])
                Expect.sequenceEqual set.FeatureNames [ "c1"; "p11"; "l1"; "cl1" ] "names"
                Expect.equal (set.Features(0).ToArray()) [| 3.0; 0.4; 10.0; 10.0 |] "load quantised, all of it carried"
            }

            test "loads are rounded to the load step, but never to no load" {
                let quantised load =
                    let loads = SampleWindow.quantised settings (TwoNodes.array [ RequestRate load ])
                    loads[0].PerSecond

                Expect.equal (List.map quantised [ 0.0; 0.2; 6.0; 8.0 ]) [ 0.0; 5.0; 5.0; 10.0 ] "steps of 5"
            }
        ]

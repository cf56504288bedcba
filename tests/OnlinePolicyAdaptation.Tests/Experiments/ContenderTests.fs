module OnlinePolicyAdaptation.Tests.Experiments.ContenderTests

open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments

let private horizon = Gen.choose (1, 12)

let private forgetting =
    gen {
        let! samples = Gen.choose (1, 5000)

        return!
            Gen.elements
                [
                    Forgetting.Never
                    Forgetting.Window samples
                    Forgetting.PerConfiguration samples
                    Forgetting.ByRelevance samples
                ]
    }

/// Kinds of base policies, numbered where a kind comes again.
let private basePolicy =
    Gen.elements
        [
            "random"
            "greedy"
            "greedy-2"
            "network-11"
            "optimal"
            "threshold"
            "static"
        ]

let private contender =
    gen {
        let! l = horizon
        let! way = forgetting
        let! policy = basePolicy

        return!
            Gen.elements
                [
                    Contender.Base
                    Contender.Rollout l
                    Contender.Multiagent l
                    Contender.RolloutForgetting(l, way)
                    Contender.Further(policy, BasePolicyUse.Unchanged)
                    Contender.Further(policy, BasePolicyUse.Rollout l)
                    Contender.Further(policy, BasePolicyUse.Multiagent l)
                    Contender.Retrained false
                    Contender.Retrained true
                    Contender.Optimum
                ]
    }

[<Tests>]
let tests =
    testList
        "Experiments.Contender"
        [
            testProperty
                "a contender is known by its name"
                (Prop.forAll (Arb.fromGen contender) (fun contender ->
                    Expect.equal (Contender.ofName contender.Name) (Some contender) contender.Name))

            test "a name that no contender has is not understood" {
                for name in [ ""; "rollout-l3-sometimes"; "multiagent-l3-never"; "random-rollout-l3-never" ] do
                    Expect.isNone (Contender.ofName name) name
            }
        ]

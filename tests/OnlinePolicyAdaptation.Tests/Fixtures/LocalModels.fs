/// Random local models, and the same models without their locality.
module OnlinePolicyAdaptation.Tests.Fixtures.LocalModels

open System
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// Terms over up to three components, with a weight for each of these; a base policy by which each component follows
/// one other.
type LocalProblem =
    {
        LevelCounts: int[]
        Terms: struct (int * (int * float) list)[]
        Leaders: int[]
        State: int[]
        Steps: int
    }

    member this.Model =
        let scope struct (sum: int, weights) =
            struct (sum, weights |> List.map fst |> Array.ofList :> System.Collections.Generic.IReadOnlyList<int>)

        let layout = TermLayout(this.LevelCounts, 2, Array.map scope this.Terms)

        { new ILocalModel with
            member _.Layout = layout

            member _.Term(term, levels) =
                let struct (_, weights) = this.Terms[term]
                let mutable total = 0.0

                for i, weight in weights do
                    total <- total + weight * float levels[i]

                // neither linear nor smooth, so that components matter to each other
                abs (total - 2.0) - 0.25 * total * total

            member _.Reward(left, reached) =
                if reached[0] > 0.0 then
                    -reached[0]
                else
                    left[1] * 0.5 + reached[1]
        }

    member this.Policy =
        let dependents =
            Array.init this.LevelCounts.Length (fun i ->
                [| 0 .. this.Leaders.Length - 1 |]
                |> Array.filter (fun j -> this.Leaders[j] = i))

        { new ILocalPolicy with
            member _.Move(i, levels) =
                sign (levels[this.Leaders[i]] - levels[i])

            member _.Dependents i = ReadOnlySpan dependents[i]
        }

/// The model as a system model, every term computed anew in every step.
let asSystemModel (model: ILocalModel) =
    let layout = model.Layout

    let sums (levels: int[]) =
        let sums = Array.zeroCreate<float> layout.SumCount

        for term in 0 .. layout.TermCount - 1 do
            sums[layout.SumOf term] <- sums[layout.SumOf term] + model.Term(term, ReadOnlySpan levels)

        sums

    { new ISystemModel<Configuration, ControlAction> with
        member _.AdmissibleActions _ = invalidOp "too many to list"

        member _.Sample(state, action, _) =
            let next = Seq.map2 (+) state.Levels action.Moves |> Seq.toArray
            let reward = model.Reward(sums (Seq.toArray state.Levels), sums next)
            Transition(Configuration(EquatableArray.ToEquatableArray next), reward)
    }

/// The policy as a base policy of that system model; moves that leave the grid are left out.
let asBasePolicy (model: ILocalModel) (policy: ILocalPolicy) (state: Configuration) (_: RandomKey) =
    let levels = Seq.toArray state.Levels

    levels
    |> Array.mapi (fun i level ->
        let next = level + policy.Move(i, ReadOnlySpan levels)

        if next < 0 || next >= model.Layout.LevelCount i then
            0
        else
            next - level)
    |> EquatableArray.ToEquatableArray
    |> ControlAction

let private localProblem =
    gen {
        let! count = Gen.choose (1, 6)
        let! levelCounts = Gen.arrayOfLength count (Gen.choose (1, 4))
        let! termCount = Gen.choose (1, 8)

        let term =
            gen {
                let! sum = Gen.choose (0, 1)
                let! size = Gen.choose (1, 3)
                let! scope = Gen.listOfLength size (Gen.choose (0, count - 1))
                let scope = List.distinct scope
                let! weights = Gen.listOfLength scope.Length (Gen.choose (-6, 6))
                return struct (sum, List.map2 (fun i w -> i, float w / 4.0) scope weights)
            }

        let! terms = Gen.arrayOfLength termCount term
        let! leaders = Gen.arrayOfLength count (Gen.choose (0, count - 1))

        let! state =
            levelCounts
            |> Array.toList
            |> List.map (fun n -> Gen.choose (0, n - 1))
            |> Gen.sequenceToList

        let! steps = Gen.choose (0, 5)

        return
            {
                LevelCounts = levelCounts
                Terms = terms
                Leaders = leaders
                State = Array.ofList state
                Steps = steps
            }
    }

let private smaller (p: LocalProblem) =
    seq {
        if p.Steps > 0 then
            { p with Steps = p.Steps - 1 }

        for term in 0 .. p.Terms.Length - 1 do
            if p.Terms.Length > 1 then
                { p with
                    Terms = Array.removeAt term p.Terms
                }

        for i in 0 .. p.Leaders.Length - 1 do
            if p.Leaders[i] <> i then
                { p with
                    Leaders = Array.updateAt i i p.Leaders
                }
    }

type Arbitraries =
    static member LocalProblem() =
        Arb.fromGenShrink (localProblem, smaller)

/// A law, checked on random local models.
let law name body =
    let config =
        { Expecto.FsCheckConfig.defaultConfig with
            arbitrary = [ typeof<Arbitraries> ]
            maxTest = 300
        }

    Expecto.ExpectoFsCheck.testPropertyWithConfig config name body

/// Random small decision problems, which shrink to smaller ones.
module OnlinePolicyAdaptation.Tests.Fixtures.Generators

open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures.GoldenModels
open OnlinePolicyAdaptation.Tests.Fixtures.SlowPlanner

/// A process with some values and some policies to work with; a policy is the position of the choice in each state.
type Problem =
    {
        Process: Process
        Values: float[]
        Policies: int[] list
    }

    member this.Model = FiniteModel.create this.Process.Choices |> orFail
    member this.Discount = discount this.Process.Gamma

    /// A policy by choice numbers.
    member this.Finite(policy: int[]) : FinitePolicy =
        let model = this.Model
        policy |> Array.mapi (fun s position -> model.FirstChoice[s] + position)

/// A problem whose actions are composed of choices, one per component, some combinations being inadmissible.
type ComposedProblem = { Problem: Problem; Parts: int[] }

/// A box model given by its rewards.
type Box =
    {
        Edge: GridEdge
        Levels: int[]
        Departure: float[]
        Arrival: float voption[]
        BoxGamma: float
        BoxValues: float[]
    }

    member this.Model = BoxModel.create this.Levels this.Departure this.Arrival |> orFail

// Few different numbers, so that ties are common.
let private number = Gen.choose (-8, 8) |> Gen.map (fun n -> float n / 2.0)
let private gamma = Gen.elements [ 0.5; 0.8; 0.9; 0.95 ]

let private chosen probability gen =
    Gen.choose (1, 100)
    |> Gen.bind (fun n ->
        if n <= probability then
            Gen.map ValueSome gen
        else
            Gen.constant ValueNone)

let private successors stateCount deterministic =
    gen {
        let! count = if deterministic then Gen.constant 1 else Gen.choose (1, 3)
        let! states = Gen.listOfLength count (Gen.choose (0, stateCount - 1))
        let states = List.distinct states |> List.toArray
        let! weights = Gen.arrayOfLength states.Length (Gen.choose (1, 4))
        let total = float (Array.sum weights)

        return
            Array.map2
                (fun state weight ->
                    {
                        State = state
                        Probability = float weight / total
                    })
                states
                weights
    }

let private choice stateCount deterministic action =
    gen {
        let! reward = number
        let! successors = successors stateCount deterministic

        return
            {
                Action = action
                Reward = reward
                Successors = successors
            }
    }

/// The admissible actions of a state: some of 0 .. actions - 1, at least one, ascending.
let private admissible actions =
    gen {
        let! kept = Gen.listOfLength actions (chosen 80 (Gen.constant ()))
        let! one = Gen.choose (0, actions - 1)

        return
            List.indexed kept
            |> List.filter (fun (i, keep) -> keep.IsSome || i = one)
            |> List.map fst
    }

let private policyOf (choices: Choice[][]) =
    choices
    |> Array.toList
    |> List.map (fun c -> Gen.choose (0, c.Length - 1))
    |> Gen.sequenceToList
    |> Gen.map Array.ofList

let private problemWith actions =
    gen {
        let! stateCount = Gen.choose (1, 6)
        let! deterministic = Gen.elements [ true; false ]

        let state =
            gen {
                let! actions = admissible actions

                let! choices =
                    actions |> List.map (choice stateCount deterministic) |> Gen.sequenceToList

                return Array.ofList choices
            }

        let! choices = Gen.arrayOfLength stateCount state
        let! gamma = gamma
        let! values = Gen.arrayOfLength stateCount number
        let! policies = Gen.listOfLength 3 (policyOf choices)

        return
            {
                Process = { Choices = choices; Gamma = gamma }
                Values = values
                Policies = policies
            }
    }

/// Without the last state, transitions to it going to state 0 instead.
let private withoutLastState problem =
    let count = problem.Process.Choices.Length - 1

    let redirect (successors: Successor[]) =
        successors
        |> Array.groupBy (fun s -> if s.State = count then 0 else s.State)
        |> Array.map (fun (state, group) ->
            {
                State = state
                Probability = group |> Array.sumBy _.Probability
            })

    {
        Process =
            { problem.Process with
                Choices =
                    problem.Process.Choices[.. count - 1]
                    |> Array.map (
                        Array.map (fun choice ->
                            { choice with
                                Successors = redirect choice.Successors
                            })
                    )
            }
        Values = problem.Values[.. count - 1]
        Policies = problem.Policies |> List.map (fun policy -> policy[.. count - 1])
    }

/// The state without its last choice; policies that took it take the first.
let private withoutLastChoice problem state =
    let choices = Array.copy problem.Process.Choices
    let left = choices[state].Length - 1
    choices[state] <- choices[state][.. left - 1]

    { problem with
        Process =
            { problem.Process with
                Choices = choices
            }
        Policies =
            problem.Policies
            |> List.map (Array.mapi (fun s position -> if s = state && position = left then 0 else position))
    }

let private mapChoices f problem =
    { problem with
        Process =
            { problem.Process with
                Choices = problem.Process.Choices |> Array.map (Array.map f)
            }
    }

let private certain choice =
    { choice with
        Successors =
            [|
                {
                    State = choice.Successors[0].State
                    Probability = 1.0
                }
            |]
    }

let private smaller problem =
    seq {
        let choices = problem.Process.Choices

        if choices.Length > 1 then
            withoutLastState problem

        for state in 0 .. choices.Length - 1 do
            if choices[state].Length > 1 then
                withoutLastChoice problem state

        if choices |> Array.exists (Array.exists (fun c -> c.Successors.Length > 1)) then
            mapChoices certain problem

        if choices |> Array.exists (Array.exists (fun c -> c.Reward <> round c.Reward)) then
            mapChoices (fun c -> { c with Reward = round c.Reward }) problem

        if problem.Values |> Array.exists (fun v -> v <> 0.0) then
            { problem with
                Values = problem.Values |> Array.map (fun _ -> 0.0)
            }
    }

let private box =
    gen {
        let! controls = Gen.choose (1, 3)
        let! levels = Gen.arrayOfLength controls (Gen.choose (1, 4))
        let count = Array.fold (*) 1 levels
        let! edge = Gen.elements [ GridEdge.Clip; GridEdge.Mask ]
        let! departure = Gen.arrayOfLength count number
        let! arrival = Gen.arrayOfLength count (chosen 40 number)
        let! gamma = gamma
        let! values = Gen.arrayOfLength count (Gen.map (fun x -> x / 3.0) number)

        return
            {
                Edge = edge
                Levels = levels
                Departure = departure
                Arrival = arrival
                BoxGamma = gamma
                BoxValues = values
            }
    }

let private smallerBox box =
    seq {
        if box.Levels.Length > 1 then
            let count = box.Departure.Length / box.Levels[0]

            { box with
                Levels = box.Levels[1..]
                Departure = box.Departure[.. count - 1]
                Arrival = box.Arrival[.. count - 1]
                BoxValues = box.BoxValues[.. count - 1]
            }

        for i in 0 .. box.Arrival.Length - 1 do
            if box.Arrival[i].IsSome then
                { box with
                    Arrival = Array.updateAt i ValueNone box.Arrival
                }
    }

let private composed =
    gen {
        let! count = Gen.choose (1, 3)
        let! parts = Gen.arrayOfLength count (Gen.choose (1, 3))
        let! problem = problemWith (Array.fold (*) 1 parts)
        return { Problem = problem; Parts = parts }
    }

/// Registered with FsCheck by this type.
type Arbitraries =
    static member Problem() =
        Arb.fromGenShrink (Gen.choose (1, 4) |> Gen.bind problemWith, smaller)

    static member Box() = Arb.fromGenShrink (box, smallerBox)

    static member Composed() =
        Arb.fromGenShrink (
            composed,
            fun c -> smaller c.Problem |> Seq.map (fun problem -> { c with Problem = problem })
        )

let config =
    { Expecto.FsCheckConfig.defaultConfig with
        arbitrary = [ typeof<Arbitraries> ]
        maxTest = 200
    }

/// A law, checked on random problems.
let law name body =
    Expecto.ExpectoFsCheck.testPropertyWithConfig config name body

/// The definitions of planning, written down as they stand in the books: slow, obvious, and the oracle of the fast code.
module OnlinePolicyAdaptation.Tests.Fixtures.SlowPlanner

open OnlinePolicyAdaptation.Planning

/// A decision process as a list of choices per state, and the discount.
type Process = { Choices: Choice[][]; Gamma: float }

let states (proc: Process) = [ 0 .. proc.Choices.Length - 1 ]

/// Q_J(s, a) = r(s, a) + gamma E[J(s')].
let qFactor proc (j: float[]) (choice: Choice) =
    choice.Reward
    + proc.Gamma
      * (choice.Successors |> Array.sumBy (fun s -> s.Probability * j[s.State]))

/// (T_mu J)(s) for all s, the policy given as the position of the choice in each state.
let underPolicy proc (policy: int[]) (j: float[]) =
    states proc
    |> List.map (fun s -> proc.Choices[s][policy[s]] |> qFactor proc j)
    |> Array.ofList

/// (T J)(s) for all s.
let optimality proc (j: float[]) =
    states proc
    |> List.map (fun s -> proc.Choices[s] |> Array.map (qFactor proc j) |> Array.max)
    |> Array.ofList

let rec iterate count f x =
    if count = 0 then x else iterate (count - 1) f (f x)

/// Enough applications of an operator for any discount the tests use.
let private many = 1500

let value proc policy =
    iterate many (underPolicy proc policy) (Array.zeroCreate proc.Choices.Length)

let optimum proc =
    iterate many (optimality proc) (Array.zeroCreate proc.Choices.Length)

/// The value of the best sequence of decisions over `steps` steps, then J; every branch is followed by itself.
let rec lookahead proc steps (j: float[]) state =
    if steps = 0 then
        j[state]
    else
        proc.Choices[state]
        |> Array.map (fun choice ->
            choice.Reward
            + proc.Gamma
              * (choice.Successors
                 |> Array.sumBy (fun s -> s.Probability * lookahead proc (steps - 1) j s.State)))
        |> Array.max

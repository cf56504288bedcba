/// The same problem written differently.
module OnlinePolicyAdaptation.Tests.Fixtures.Relabelling

open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

/// With a constant added to every reward.
let shifted constant (p: Problem) =
    { p with
        Process =
            { p.Process with
                Choices =
                    p.Process.Choices
                    |> Array.map (
                        Array.map (fun choice ->
                            { choice with
                                Reward = choice.Reward + constant
                            })
                    )
            }
    }

/// With the states numbered from the other end.
let statesReversed (p: Problem) =
    let last = p.Values.Length - 1

    let renamed (choice: Choice) =
        { choice with
            Successors = choice.Successors |> Array.map (fun s -> { s with State = last - s.State })
        }

    {
        Process =
            { p.Process with
                Choices = p.Process.Choices |> Array.rev |> Array.map (Array.map renamed)
            }
        Values = Array.rev p.Values
        Policies = p.Policies |> List.map Array.rev
    }

/// With action a called `highest` - a.
let actionsReversed highest (p: Problem) =
    { p with
        Process =
            { p.Process with
                Choices =
                    p.Process.Choices
                    |> Array.map (
                        Array.map (fun choice ->
                            { choice with
                                Action = highest - choice.Action
                            })
                        >> Array.rev
                    )
            }
        Policies =
            p.Policies
            |> List.map (Array.mapi (fun s position -> p.Process.Choices[s].Length - 1 - position))
    }

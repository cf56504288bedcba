module OnlinePolicyAdaptation.Tests.Training.Advantages

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Training

type private Step =
    {
        Reward: float32
        Value: float32
        NextValue: float32
        End: StepEnd
    }

let private estimate discount decay (steps: Step[]) =
    let result = Array.zeroCreate<float32> steps.Length

    Advantages.Estimate(
        ReadOnlySpan(steps |> Array.map _.Reward),
        ReadOnlySpan(steps |> Array.map _.Value),
        ReadOnlySpan(steps |> Array.map _.NextValue),
        ReadOnlySpan(steps |> Array.map _.End),
        discount,
        decay,
        Span result
    )

    result |> Array.map float

/// The definition, term by term: the differences of the rest of the episode, each discounted by its distance.
let private slowly discount decay (steps: Step[]) =
    let difference step =
        let next =
            if step.End = StepEnd.Terminated then
                0.0
            else
                float step.NextValue

        float step.Reward + discount * next - float step.Value

    Array.init steps.Length (fun t ->
        let episode =
            match steps[t..] |> Array.tryFindIndex (fun step -> step.End <> StepEnd.None) with
            | Some last -> steps[t .. t + last]
            | None -> steps[t..]

        episode
        |> Array.mapi (fun k step -> (discount * decay) ** float k * difference step)
        |> Array.sum)

let private random seed count =
    let mutable sequence = RandomKey(seed).Sequence()

    Array.init count (fun _ ->
        {
            Reward = float32 (sequence.NextNormal())
            Value = float32 (sequence.NextNormal())
            NextValue = float32 (sequence.NextNormal())
            End =
                match sequence.NextInt 8 with
                | 0 -> StepEnd.Truncated
                | 1 -> StepEnd.Terminated
                | _ -> StepEnd.None
        })

let private step =
    {
        Reward = 1f
        Value = 10f
        NextValue = 20f
        End = StepEnd.None
    }

let private near expected actual =
    Expect.sequenceEqual (actual |> Array.map (fun (x: float) -> Math.Round(x, 4))) expected "by hand"

[<Tests>]
let tests =
    testList
        "Training.Advantages"
        [
            for seed in 1UL .. 20UL do
                test $"estimates are those of the definition, trajectory {seed}" {
                    let steps = random seed 40
                    let fast = estimate 0.97 0.9 steps

                    Array.iter2
                        (fun a b -> Expect.isLessThan (abs (a - b)) 1e-5 "single precision")
                        fast
                        (slowly 0.97 0.9 steps)
                }

            test "truncation counts on the value of the state reached" {
                near [| 9.0 |] (estimate 0.9 0.5 [| { step with End = StepEnd.Truncated } |])
            }

            test "termination does not" {
                near [| -9.0 |] (estimate 0.9 0.5 [| { step with End = StepEnd.Terminated } |])
            }

            test "nothing is carried over the end of an episode" {
                // 9 alone, not 9 + 0.45 times the 9 of the next episode.
                near [| 9.0; 9.0 |] (estimate 0.9 0.5 [| { step with End = StepEnd.Truncated }; step |])
                near [| 13.05; 9.0 |] (estimate 0.9 0.5 [| step; step |])
            }
        ]

module OnlinePolicyAdaptation.Tests.Training.MaskedCategorical

open Expecto
open OnlinePolicyAdaptation.Training
open OnlinePolicyAdaptation.Tests.Training

/// One row of two controls: the first may not move down, the second may only keep.
let private forbidden =
    Tensors.flags [ true; false; false; true; false; true ]
    |> Tensors.shaped [ 1L; 2L; 3L ]

let private logits = [ 50.0; 1.0; 1.0; 9.0; -4.0; 3.0 ]

let private distribution (leaf: Tensors.Tensor) =
    MaskedCategorical.LogProbabilities(Tensors.shaped [ 1L; 2L; 3L ] leaf, forbidden)

[<Tests>]
let tests =
    testList
        "Training.MaskedCategorical"
        [
            test "a masked choice has probability exactly 0, however much its logit prefers it" {
                let probabilities = (distribution (Tensors.leaf logits)).exp() |> Tensors.toArray
                Expect.equal probabilities[0] 0.0 "masked"
                Expect.equal probabilities[3..5] [| 0.0; 1.0; 0.0 |] "one choice is left"
                Expect.floatClose Accuracy.medium probabilities[1] 0.5 "the rest is as without it"
                Expect.floatClose Accuracy.medium probabilities[2] 0.5 "the rest is as without it"
            }

            test "entropy is that of the choices left: log 2 and nothing" {
                let entropy =
                    MaskedCategorical.Entropy(distribution (Tensors.leaf logits)) |> Tensors.toArray

                Expect.hasLength entropy 1 "one per row"
                Expect.floatClose Accuracy.medium entropy[0] (log 2.0) "summed over controls"
            }

            test "a masked logit has no gradient, neither of entropy nor of a probability" {
                let leaf = Tensors.leaf [ 50.0; 2.0; 1.0; 9.0; -4.0; 3.0 ]
                let distribution = distribution leaf

                let scalar =
                    MaskedCategorical.Entropy(distribution).sum()
                    + distribution.view(-1L).narrow(0L, 1L, 1L).sum()

                let gradient = Tensors.gradient scalar leaf
                Expect.equal [ gradient[0]; gradient[3]; gradient[5] ] [ 0.0; 0.0; 0.0 ] "masked"
                Expect.isGreaterThan (abs gradient[1]) 0.01 "allowed"
            }
        ]

module OnlinePolicyAdaptation.Tests.Training.PpoLoss

open System
open Expecto
open OnlinePolicyAdaptation.Training
open OnlinePolicyAdaptation.Tests.Training

let private near expected (actual: float) =
    Expect.isLessThan (abs (actual - expected)) 1e-5 $"expected {expected}, got {actual}"

/// Objective of one step and its derivative with respect to the logarithm of the new probability.
let private objective ratio advantage =
    let leaf = Tensors.leaf [ log ratio ]

    let value =
        PpoLoss.Objective(leaf, Tensors.vector [ 0.0 ], Tensors.vector [ advantage ], 0.2)

    struct (Tensors.number value, (Tensors.gradient value leaf)[0])

let private case name ratio advantage expected derivative =
    test name {
        let struct (value, gradient) = objective ratio advantage
        near expected value
        near derivative gradient
    }

[<Tests>]
let tests =
    testList
        "Training.PpoLoss"
        [
            // The derivative of ratio times A by the logarithm is the same number; that of a clipped term is 0.
            case "within the clip range, the objective is ratio times advantage" 1.1 2.0 2.2 2.2
            case "a good action is not made likelier beyond the range" 1.5 2.0 2.4 0.0
            case "a good action that has become unlikely is made likelier" 0.5 2.0 1.0 1.0
            case "a bad action is not made less likely beyond the range" 0.5 -2.0 -1.6 0.0
            case "a bad action that has become likely is made less likely" 1.5 -2.0 -3.0 -3.0

            test "without a clip range, the critic's error is the mean square" {
                let leaf = Tensors.leaf [ 1.0; 4.0 ]

                let error =
                    PpoLoss.ValueError(leaf, Tensors.vector [ 0.0; 0.0 ], Tensors.vector [ 3.0; 5.0 ], Nullable())

                near 2.5 (Tensors.number error)
                Expect.sequenceEqual (Tensors.gradient error leaf) [ -2.0; -1.0 ] "(value - return)"
            }

            test "with one, a critic that has moved too far towards the return gets no gradient" {
                let leaf = Tensors.leaf [ 1.0; 1.0 ]

                let error =
                    PpoLoss.ValueError(leaf, Tensors.vector [ 0.0; 0.0 ], Tensors.vector [ 3.0; -3.0 ], Nullable 0.5)

                // Held at 0.5, the first is 2.5 from its return: the worse of the two. The second moved the wrong way.
                near ((6.25 + 16.0) / 2.0) (Tensors.number error)
                Expect.sequenceEqual (Tensors.gradient error leaf) [ 0.0; 4.0 ] "only the second"
            }
        ]

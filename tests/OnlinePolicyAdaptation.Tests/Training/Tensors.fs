/// Small tensors, and what is in them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Training.Tensors

open TorchSharp

type Tensor = torch.Tensor

let vector (values: float list) : Tensor =
    torch.tensor (values |> List.map float32 |> List.toArray, System.Nullable torch.float32)

/// A leaf of the computation graph.
let leaf (values: float list) : Tensor = (vector values).requires_grad_ true

let shaped (shape: int64 list) (tensor: Tensor) : Tensor = tensor.reshape (List.toArray shape)

let flags (values: bool list) : Tensor =
    torch.tensor (values |> List.toArray, System.Nullable torch.bool)

let toArray (tensor: Tensor) =
    tensor.detach().contiguous().data<float32>().ToArray() |> Array.map float

/// What is in a scalar.
let number (tensor: Tensor) = (toArray tensor)[0]

/// The gradient of a scalar with respect to a leaf.
let gradient (scalar: Tensor) (leaf: Tensor) =
    scalar.backward ()

    match leaf.grad with
    | null -> invalidOp "no gradient reached the leaf"
    | gradient -> toArray gradient

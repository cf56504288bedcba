/// Services on nodes whose factors are known, and what the filter is told of them. Response times follow the plain law.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.FilteredNodes

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.SystemModels

let private lawError = 0.05

/// A standard normal deviate.
let normal (sequence: byref<RandomSequence>) =
    let radius = sqrt (-2.0 * log (1.0 - sequence.NextDouble()))
    radius * cos (2.0 * Math.PI * sequence.NextDouble())

/// What a service shows where its nodes have these shares and this is the logarithm of measured over predicted.
let observation service (shares: float[]) noise correlation logRatio =
    FactorObservation(
        Service = service,
        LogRatio = logRatio,
        Shares = shares,
        Law = FactorGrid.PlainLaw(),
        LawError = lawError,
        Prior = 1e-4,
        Anchors = [| LawAnchor(0.0, 0.0, 30.0) |],
        Noise = noise,
        Correlation = correlation
    )

/// Logarithm of what nodes with these factors make of a service's response time.
let logRatio (shares: float[]) (factors: float[]) =
    log (Array.map2 (*) shares factors |> Array.sum)

/// A mesh: the shares of every service.
type Mesh =
    {
        Shares: float[][]
        Noise: float
        /// Lag-1 correlation of the noise.
        Correlation: float
        /// The share of intervals that take from 1.6 times as long to 60 s.
        Outliers: float
    }

/// Each service on three nodes, in shares drawn at random.
let mesh nodes services (key: RandomKey) =
    let mutable sequence = key.Sequence()

    {
        Shares =
            Array.init services (fun _ ->
                let shares = Array.zeroCreate<float> nodes

                for _ in 1..3 do
                    let node = int (sequence.NextDouble() * float nodes)
                    shares[node] <- shares[node] + 0.2 + sequence.NextDouble()

                let total = Array.sum shares
                shares |> Array.map (fun share -> share / total))
        Noise = 0.05
        Correlation = 0.0
        Outliers = 0.0
    }

/// The filter after each interval of a mesh whose nodes have these factors in each.
let run (mesh: Mesh) (key: RandomKey) (factors: (int -> float[])) intervals =
    let nodes = mesh.Shares[0].Length
    let mutable sequence = key.Sequence()
    let noise = mesh.Shares |> Array.map (fun _ -> mesh.Noise * normal &sequence)
    let mutable filter = NodeFactorFilter.Unchanged(nodes, mesh.Shares.Length)

    [|
        for interval in 0 .. intervals - 1 do
            let truth = factors interval
            let observations = ResizeArray<FactorObservation>()

            for service in 0 .. mesh.Shares.Length - 1 do
                let fresh = mesh.Noise * normal &sequence
                let rho = mesh.Correlation
                noise[service] <- rho * noise[service] + sqrt (1.0 - rho * rho) * fresh

                let outlier =
                    if sequence.NextDouble() < mesh.Outliers then
                        log 1.6 + sequence.NextDouble() * log 400.0
                    else
                        0.0

                observations.Add(
                    observation
                        service
                        mesh.Shares[service]
                        mesh.Noise
                        rho
                        (logRatio mesh.Shares[service] truth + noise[service] + outlier)
                )

            filter <- filter.After observations
            filter
    |]

/// The intervals from a change on until the node's median stays within 0.15 of its factor's logarithm for three; at most all.
let delay (filters: NodeFactorFilter[]) node (factor: float) change =
    let isNear (filter: NodeFactorFilter) =
        abs (filter.Median node - log factor) < 0.15

    let rest = filters[change..]

    seq { 0 .. rest.Length - 3 }
    |> Seq.tryFind (fun i -> Array.forall isNear rest[i .. i + 2])
    |> Option.map (fun i -> i + 1)
    |> Option.defaultValue Int32.MaxValue

/// What is thought of two nodes of one service, jointly: every pair of factors, by brute force, with the same jumps,
/// drift and noise. Slow and obvious.
type JointOracle() =
    let points = FactorGrid.Points
    let single = NodeFactorFilter.Unchanged(1, 1)

    /// What becomes of each factor of a node, told nothing: the filter's own prediction, seen through one of probability 1.
    let transition =
        Array.init points (fun from ->
            let certain = Array.zeroCreate<float> points
            certain[from] <- 1.0
            let state = single.State

            let filter =
                NodeFactorFilter.Of(
                    NodeFactorState([||], certain, state.Announced, state.Streaks, state.LeftOver, state.Ages)
                )
            // Two intervals without requests would not be the same: a node that is seen jumps more often.
            filter.After([| observation 0 [| 1.0 |] 1e6 0.0 0.0 |]).Probabilities(0).ToArray())

    let mutable joint =
        Array.init points (fun i ->
            Array.init points (fun j ->
                if i = FactorGrid.Unchanged && j = FactorGrid.Unchanged then
                    1.0
                else
                    0.0))

    let along (rows: float[][]) =
        rows
        |> Array.map (fun row ->
            Array.init points (fun next -> Seq.sum (Seq.init points (fun i -> row[i] * transition[i][next]))))

    let likelihood noise (logRatio: float) (measured: float) =
        let anchors = [| LawAnchor(0.0, 0.0, 30.0) |]

        let struct (shift, variance) =
            LawCorrection.At(ReadOnlySpan anchors, noise, 1e-4, lawError, logRatio)

        let scale = sqrt (noise * noise * Math.Clamp(exp logRatio, 1.0, 4.0) + variance)

        let z = (measured - logRatio - shift) / scale
        0.97 * 0.3827 / scale * Math.Pow(1.0 + z * z / 6.0, -3.5) + 0.003

    member _.After(shares: float[], noise, measured) =
        let predicted = joint |> along |> Array.transpose |> along |> Array.transpose

        let weighted =
            Array.init points (fun i ->
                Array.init points (fun j ->
                    let ratio =
                        log (shares[0] * exp (FactorGrid.Log i) + shares[1] * exp (FactorGrid.Log j))

                    predicted[i][j] * likelihood noise ratio measured))

        let total = weighted |> Array.sumBy Array.sum
        joint <- weighted |> Array.map (Array.map (fun p -> p / total))

    member _.Mean node =
        let ofNode = if node = 0 then joint else Array.transpose joint

        ofNode
        |> Array.mapi (fun i row -> FactorGrid.Log i * Array.sum row)
        |> Array.sum

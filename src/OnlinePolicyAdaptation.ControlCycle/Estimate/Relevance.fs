/// What is known of a system after it has changed.
///
/// A change makes some of what is known wrong and leaves the rest true, and the few configurations that a controller visits
/// do not say at once which. So, once a change was noticed (`ChangeDetector`):
///
/// 1. What the configurations measured before and after it have in common is read from the nodes: a node that has become
///    slower slows every configuration by the share of requests it gets (`NodeFactors`). What was known of configurations
///    not measured since is corrected by that factor, long before they are visited.
/// 2. Where something was measured since, older samples, so corrected, keep their weight if they agree with it, and lose it
///    as the disagreement grows. Weights never grow again.
/// 3. Within a configuration the newest samples replace the oldest.
///
/// A window over time forgets what is still true, and so do weights that only fall with age. Replacement per configuration
/// alone knows of a configuration when it was visited, so it visits every bad one on its way. A forest fitted to the
/// changes instead of the factors of nodes was tried and was worse: it cannot extrapolate from the routing weights 0.8 and
/// 0.6 to 0. Measured by `opar run --forgetting`: scenarios/README.md.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Relevance

open System
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels

/// A cell once the system is seen to have changed: what was measured before `since` is what was known. What was already of an
/// older system is corrected, for good, by what the change before this one is thought to have done. `current` are the samples
/// since that one.
let renew (since: int) (nodeFactors: NodeFactors[]) (current: WeightedSample list) (cell: Cell) =
    let samples =
        cell.Samples
        |> List.mapi (fun i sample ->
            if i < current.Length || nodeFactors.Length = 0 then
                sample
            else
                { sample with
                    Seconds =
                        Array.map2
                            (fun seconds (factors: NodeFactors) -> seconds * factors.Factor cell.Configuration)
                            sample.Seconds
                            nodeFactors
                })

    let before =
        samples
        |> List.filter (fun sample -> sample.Cycle < since && sample.Weight > 0.0)

    { cell with
        Samples = samples
        Reference =
            match before with
            | [] -> ValueNone
            | _ -> ValueSome(Array.init before.Head.Seconds.Length (CellStatistics.meanLog before))
    }

/// The largest factor by which a single measurement is taken to have changed.
let private largestFactor = 10.0

/// What the cells measured before and after a change tell about the nodes, one entry per service.
let nodeFactors (grid: ControlGrid) services (window: SampleWindow) =
    [|
        for service in 0 .. services - 1 ->
            (NodeFactors(grid, service), window.Cells)
            ||> Seq.fold (fun factors cell ->
                let current = CellStatistics.measured (SampleWindow.current window cell) service

                match cell.Reference, current with
                | ValueSome reference, _ :: _ when not (Double.IsNaN reference[service]) ->
                    let deviation = CellStatistics.deviation current service

                    let change (sample: WeightedSample) =
                        min
                            largestFactor
                            (max CellStatistics.shortest sample.Seconds[service] / exp reference[service])
                        - 1.0

                    let variance = deviation * deviation / float current.Length
                    factors.After(cell.Configuration, List.averageBy change current, variance)
                | _ -> factors)
    |]

/// Lowers the weight of a cell's older samples by how much the newer ones contradict them, the older being corrected.
let reweigh (nodeFactors: NodeFactors[]) (current: WeightedSample list) (cell: Cell) =
    let older = cell.Samples |> List.skip current.Length

    match older, current with
    | [], _
    | _, [] -> cell
    | _ when older |> List.forall (fun sample -> sample.Weight = 0.0) -> cell
    | _ ->
        let contradiction service =
            // 0 where the service was not measured before or since.
            let older = CellStatistics.measured older service
            let current = CellStatistics.measured current service
            let counted = older |> List.sumBy _.Weight

            let difference =
                CellStatistics.meanLog current service
                - log (nodeFactors[service].Factor cell.Configuration)
                - CellStatistics.meanLog older service

            let deviation = CellStatistics.deviation older service

            if older.IsEmpty || current.IsEmpty || counted = 0.0 then
                0.0
            else
                difference * difference
                / (deviation * deviation * (1.0 / counted + 1.0 / float current.Length))

        let largest = Seq.max (Seq.init nodeFactors.Length contradiction)
        let agreement = exp (-0.5 * max 0.0 (largest - 1.0))

        { cell with
            Samples =
                current
                @ (older
                   |> List.map (fun sample ->
                       { sample with
                           Weight = min sample.Weight agreement
                       }))
        }

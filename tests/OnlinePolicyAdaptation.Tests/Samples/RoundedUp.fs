/// A stage of a user's own: loads are planned for as if they were the next higher ones.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Samples.RoundedUp

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

let private up step (loads: EquatableArray<RequestRate>) =
    loads
    |> Seq.map (fun load -> RequestRate(step * Math.Ceiling(load.PerSecond / step)))
    |> EquatableArray.ToEquatableArray

/// Rounds offered loads up to a multiple of `step`, in req/s. Samples are learned from under the same loads.
let stage step =
    Stage.stateless "roundedUp" (fun (element: Element<Monitored>) ->
        match element with
        | Element.Interval(taken, monitored) ->
            let loads =
                up
                    step
                    (monitored.Metrics.Services
                     |> Seq.map _.OfferedLoad
                     |> EquatableArray.ToEquatableArray)

            Element.Interval(
                taken,
                { monitored with
                    Loads = loads
                    Sample =
                        monitored.Sample
                        |> Result.map (fun sample -> { sample with OfferedLoads = loads })
                }
            )
        | Element.Event event -> Element.Event event)

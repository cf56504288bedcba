namespace OnlinePolicyAdaptation.Service

open System
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Streams.Dsl
open Akka.Util
open OnlinePolicyAdaptation.ControlCycle

/// Waits for the next elements of a source, of which there are some at once; none: the source has ended.
type Pull = CancellationToken -> Task<Arrival[]>

/// Where intervals come from, as a part of the graph.
type MetricsSource = internal MetricsSource of Source<Arrival[], NotUsed>

[<RequireQualifiedAccess>]
module Pull =

    /// As a source that ends where the function gives none, or when the token is cancelled.
    let source (pull: Pull) (cancellation: CancellationToken) =
        Source.UnfoldAsync(
            0,
            fun _ ->
                task {
                    try
                        let! arrived = pull cancellation

                        return
                            if arrived.Length = 0 || cancellation.IsCancellationRequested then
                                Option<struct (int * Arrival[])>.None
                            else
                                Option.Create(struct (0, arrived))
                    with :? OperationCanceledException when cancellation.IsCancellationRequested ->
                        return Option<struct (int * Arrival[])>.None
                }
        )
        |> MetricsSource

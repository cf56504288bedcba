namespace OnlinePolicyAdaptation.Service

open System
open System.Threading.Channels
open System.Threading.Tasks
open OnlinePolicyAdaptation.ControlCycle

/// Intervals that are posted: each line waits for its turn, up to `capacity` of them, and then for its answer.
[<Sealed>]
type PostedSource(system: SystemDescription, capacity: int, time: TimeProvider) =
    let waiting =
        Channel.CreateBounded<struct (Line * int64 * TaskCompletionSource<Answer>)>(capacity)

    let reader = IntervalReader system
    let atOnce = 256
    let mutable position = 0L

    /// Lines that wait.
    member _.Waiting = waiting.Reader.Count

    /// Whether no line finds room now.
    member _.IsFull = waiting.Reader.Count >= capacity

    /// The answer to a line, once it is on the disk; `Busy` at once where there is no room for it. Safe from any thread.
    member _.Offer (line: Line) cancellation : Task<Answer> =
        let answer =
            TaskCompletionSource<Answer> TaskCreationOptions.RunContinuationsAsynchronously

        if waiting.Writer.TryWrite(struct (line, time.GetTimestamp(), answer)) then
            answer.Task.WaitAsync(cancellation: Threading.CancellationToken)
        else
            Task.FromResult
                {
                    Outcome = Outcome.Busy
                    Decision = ValueNone
                }

    /// Never ends.
    member _.Pull: Pull =
        fun cancellation ->
            task {
                let! _ = waiting.Reader.WaitToReadAsync cancellation
                let found = ResizeArray<Arrival>()
                let mutable goesOn = true

                while goesOn && found.Count < atOnce do
                    match waiting.Reader.TryRead() with
                    | true, struct (line, received, answer) ->
                        let reply = ValueSome(fun given -> answer.TrySetResult given |> ignore)
                        found.Add(LineSource.arrival reader position received reply line)
                        position <- position + 1L
                    | _ -> goesOn <- false

                return found.ToArray()
            }

namespace OnlinePolicyAdaptation.Service

open System
open System.Threading

/// How often lines of each kind may be logged: the first at once, then at most one in a while, with how many were passed over.
type LogLimit =
    private
        {
            /// By kind: when the last line was logged, and how many were passed over since.
            Kinds: Map<string, struct (TimeSpan * int64)>
        }

[<RequireQualifiedAccess>]
module LogLimit =

    let empty = { Kinds = Map.empty }

    /// Between two lines of a kind.
    let pause = TimeSpan.FromMinutes 1.0

    /// One more line of a kind, at a time since any beginning: how many were passed over before it if it is logged, none if it
    /// is passed over itself. Kinds must be few.
    let next (now: TimeSpan) (kind: string) limit : struct (LogLimit * int64 voption) =
        match limit.Kinds.TryFind kind with
        | Some(struct (last, passedOver)) when now - last < pause ->
            struct ({
                        Kinds = limit.Kinds.Add(kind, struct (last, passedOver + 1L))
                    },
                    ValueNone)
        | known ->
            let passedOver =
                match known with
                | Some(struct (_, passedOver)) -> passedOver
                | None -> 0L

            struct ({
                        Kinds = limit.Kinds.Add(kind, struct (now, 0L))
                    },
                    ValueSome passedOver)

    /// How many lines of each kind were passed over since the last one that was logged, where any were.
    let passedOver limit =
        [
            for KeyValue(kind, struct (_, passedOver)) in limit.Kinds do
                if passedOver > 0L then
                    kind, passedOver
        ]

/// A limit by a monotonic clock. Safe from any thread.
[<Sealed>]
type LimitedLog(time: TimeProvider) =
    let gate = Lock()
    let began = time.GetTimestamp()
    let mutable limit = LogLimit.empty
    let mutable known = Set.empty<string>

    let locked (work: unit -> 'a) =
        let scope = gate.EnterScope()

        try
            work ()
        finally
            scope.Dispose()

    /// Calls `write` with the words for what was passed over, at most once a minute for each kind.
    member _.Say (kind: string) (write: string -> unit) =
        let passedOver =
            locked (fun () ->
                let struct (next, passedOver) = LogLimit.next (time.GetElapsedTime began) kind limit

                limit <- next
                passedOver)

        match passedOver with
        | ValueSome 0L -> write ""
        | ValueSome count -> write $" ({count} more of this kind since the last line)"
        | ValueNone -> ()

    /// Calls `write` the first time only that it is called with a kind.
    member _.SayOnce (kind: string) (write: unit -> unit) =
        let isNew =
            locked (fun () ->
                let isNew = not (known.Contains kind)
                known <- known.Add kind
                isNew)

        if isNew then
            write ()

    /// What was passed over and not yet told.
    member _.PassedOver = locked (fun () -> LogLimit.passedOver limit)

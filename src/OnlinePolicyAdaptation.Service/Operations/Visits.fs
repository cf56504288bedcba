namespace OnlinePolicyAdaptation.Service

open System
open System.Collections.Generic
open System.Net
open System.Threading

/// How many connections there may be at once, and how long they may be silent.
type ConnectionLimits =
    {
        /// At least 1; there may be fewer where the process can open fewer files.
        Most: int
        /// Of one remote address, at least 1.
        OfOneClient: int
        /// Further ones, for the operators' pages alone; at least 1.
        ForProbes: int
        /// Without a request.
        Silence: TimeSpan
        /// From the first byte of a request to the end of its headers.
        Headers: TimeSpan
    }

/// A connection of a client; `cut` ends it.
[<Sealed>]
type internal Visit(client: IPAddress, cut: unit -> unit) =
    member _.Client = client
    member _.Cut() = cut ()
    /// Whether a request is under way.
    member val IsServed = false with get, set
    /// Whether there is no room for it but for the operators' pages.
    member val IsForProbes = false with get, set

/// All connections there are. When one too many comes, the one that has been without a request for longest makes room: of the
/// same client where it has its share. Where all are served, the newcomer may only ask for the operators' pages. Safe from any
/// thread.
[<Sealed>]
type internal Visits(limits: ConnectionLimits) =
    let gate = obj ()
    /// Those without a request for longest first.
    let all = List<Visit>()

    let first (isWanted: Visit -> bool) =
        all |> Seq.tryFind isWanted |> ValueOption.ofOption

    let count (isWanted: Visit -> bool) =
        all |> Seq.sumBy (fun visit -> if isWanted visit then 1 else 0)

    let isRegular (visit: Visit) = not visit.IsForProbes

    let makesRoom (newcomer: Visit) =
        let isOfTheSame (visit: Visit) = visit.Client.Equals newcomer.Client

        if count (fun visit -> isRegular visit && isOfTheSame visit) >= limits.OfOneClient then
            ValueSome isOfTheSame
        elif count isRegular >= limits.Most then
            ValueSome(fun _ -> true)
        else
            ValueNone

    let replaced (visit: Visit voption) (newcomer: Visit) =
        visit |> ValueOption.iter (fun visit -> all.Remove visit |> ignore)
        all.Add newcomer
        visit

    let enter (newcomer: Visit) =
        match makesRoom newcomer with
        | ValueNone -> replaced ValueNone newcomer
        | ValueSome mayGo ->
            match first (fun visit -> isRegular visit && not visit.IsServed && mayGo visit) with
            | ValueSome idle -> replaced (ValueSome idle) newcomer
            | ValueNone ->
                newcomer.IsForProbes <- true

                if count _.IsForProbes >= limits.ForProbes then
                    replaced (first _.IsForProbes) newcomer
                else
                    replaced ValueNone newcomer

    /// Takes one in; the one that has to go for it, which is to be cut.
    member _.Enter(newcomer: Visit) : Visit voption = lock gate (fun () -> enter newcomer)

    /// It has ended.
    member _.Leave(visit: Visit) =
        lock gate (fun () -> all.Remove visit |> ignore)

    /// A request begins on it.
    member _.Serve(visit: Visit) =
        lock gate (fun () -> visit.IsServed <- true)

    /// The request has ended.
    member _.Rest(visit: Visit) =
        lock gate (fun () ->
            visit.IsServed <- false

            // One that was cut meanwhile does not come back.
            if all.Remove visit then
                all.Add visit)

    member _.Count = lock gate (fun () -> all.Count)

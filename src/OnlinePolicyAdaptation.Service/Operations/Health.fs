namespace OnlinePolicyAdaptation.Service

open System
open System.Threading

/// Whether the controller does its work.
[<RequireQualifiedAccess>]
type Readiness =
    | Ready
    /// A reason a line, each with the name of its condition.
    | NotReady of reason: string

/// A way of being unwell, known by its name.
[<RequireQualifiedAccess>]
type Condition =
    /// It has not begun to take intervals in.
    | Starting
    /// What would be decided could not be kept, so nothing is decided.
    | Journal
    /// Deciding has failed several times in a row, which is a fault of the program.
    | Deciding
    /// No interval has come for long, or what was to measure it gave none several times in a row.
    | Source
    /// So many intervals wait that posts are turned away.
    | Busy

[<RequireQualifiedAccess>]
module Condition =

    /// The word in the answer of `/readyz`.
    let word =
        function
        | Condition.Starting -> "starting"
        | Condition.Journal -> "journal"
        | Condition.Deciding -> "deciding"
        | Condition.Source -> "source"
        | Condition.Busy -> "busy"

/// The conditions that hold of the controller now, and why. Safe from any thread.
/// `longestSilence`: after so long without an interval the source is said to be silent, where that is known.
[<Sealed>]
type Health(time: TimeProvider, longestSilence: TimeSpan voption) =
    let gate = Lock()
    let mutable raised = Map.empty<Condition, string>
    let mutable probes = Map.empty<Condition, unit -> string voption>
    let mutable failures = 0
    let mutable sourceFailures = 0
    let mutable hasTaken = false
    let mutable lastInterval = time.GetTimestamp()

    let raiseIt condition reason = raised <- raised.Add(condition, reason)

    let locked (work: unit -> 'a) =
        let scope = gate.EnterScope()

        try
            work ()
        finally
            scope.Dispose()

    let silence () =
        let silent = time.GetElapsedTime lastInterval

        match longestSilence with
        | ValueSome longest when silent > longest ->
            ValueSome $"no interval for {silent.TotalSeconds:F0} s; expected one within {longest.TotalSeconds:F0} s"
        | _ -> ValueNone

    let withProbed (known: Map<Condition, string>) =
        (known, probes)
        ||> Map.fold (fun known condition probe ->
            match probe () with
            | ValueSome reason -> known.Add(condition, reason)
            | ValueNone -> known)

    let withSilence (known: Map<Condition, string>) =
        match silence () with
        | ValueSome reason when not (known.ContainsKey Condition.Source) -> known.Add(Condition.Source, reason)
        | _ -> known

    /// What fails so often in a row does not come right by itself.
    static member FailuresInARow = 3

    /// It holds from now on, for this reason, until it is cleared.
    member _.Raise(condition, reason) =
        locked (fun () -> raiseIt condition reason)

    /// It holds no longer.
    member _.Clear condition =
        locked (fun () -> raised <- raised.Remove condition)

    /// It holds whenever this gives a reason, which is asked for each time, at once and from any thread.
    member _.Ask(condition, probe) =
        locked (fun () -> probes <- probes.Add(condition, probe))

    /// An interval was taken in.
    member _.Took() =
        locked (fun () ->
            lastInterval <- time.GetTimestamp()
            hasTaken <- true
            sourceFailures <- 0
            raised <- raised.Remove Condition.Source)

    /// The source was asked and gave no interval. Before the first one this is a reason at once.
    member _.SourceFailed(reason: string) =
        locked (fun () ->
            sourceFailures <- sourceFailures + 1

            if sourceFailures >= Health.FailuresInARow || not hasTaken then
                raiseIt Condition.Source $"no interval, {sourceFailures} times in a row, last: {reason}")

    /// A decision was taken as it should be.
    member _.Decided() =
        locked (fun () ->
            failures <- 0
            raised <- raised.Remove Condition.Deciding)

    /// Deciding on an interval failed.
    member _.DecidingFailed(reason: string) =
        locked (fun () ->
            failures <- failures + 1

            if failures >= Health.FailuresInARow then
                raiseIt Condition.Deciding $"failed {failures} times in a row, last: {reason}")

    /// What holds now, and why.
    member _.Conditions: Map<Condition, string> =
        locked (fun () -> raised |> withSilence |> withProbed)

    member this.Readiness =
        if this.Conditions.IsEmpty then
            Readiness.Ready
        else
            this.Conditions
            |> Map.toSeq
            |> Seq.map (fun (condition, reason) -> $"{Condition.word condition}: {reason}")
            |> String.concat "\n"
            |> Readiness.NotReady

    /// Why no posts are taken at all now; none where they are.
    member this.Refusal =
        this.Conditions
        |> Map.tryFind Condition.Journal
        |> function
            | Some reason -> ValueSome $"nothing is taken in: {reason}"
            | None -> ValueNone

/// Where decisions go.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.Sink

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Streams.Dsl
open OnlinePolicyAdaptation.ControlCycle

/// Where decisions go, as a part of the graph.
type DecisionSink = internal DecisionSink of Sink<Kept, Task>

/// A sink of one's own, of everything that has passed the journal; its task ends when it has taken all there was.
let create (sink: Sink<Kept, Task>) = DecisionSink sink

/// A sink of decisions: its task ends when the last one has been dealt with.
let private ended (flow: Flow<Kept, 'a, NotUsed>) =
    DecisionSink(flow.ToMaterialized(Sink.Ignore<'a>(), (fun _ ended -> ended :> Task)))

let private decided: Flow<Kept, DecidedInterval, NotUsed> =
    Flow.Create<Kept>().Where(fun kept -> kept.Decided.IsSome).Select(fun kept -> kept.Decided.Value)

/// Calls a function for each decision.
let each (call: DecidedInterval -> Task) : DecisionSink =
    decided.SelectAsync(
        1,
        fun decided ->
            task {
                do! call decided
                return decided
            }
    )
    |> ended

/// Calls a function for each decision, which takes no time.
let watching (call: DecidedInterval -> unit) : DecisionSink =
    decided.Select(fun decided ->
        call decided
        decided)
    |> ended

/// Lines that are written by one call of a thread.
let private atOnce = 256L

/// Decisions of an earlier process first, in their order, and then those of this one.
let private after (earlier: Outgoing[]) (decisions: Flow<Kept, Outgoing, NotUsed>) =
    decisions.Prepend(Source.From earlier)

/// A line to be written, and the cycle whose decision it is.
[<Struct>]
type private Written = { Text: string; Cycle: int voption }

let private decisionLine (sent: Outgoing) =
    {
        Text = sent.Text
        Cycle = ValueSome sent.Cycle
    }

/// Writes lines one after the other, so that of what is cut off little is written again. `written` is called with the cycle of
/// each decision. Where a line cannot be written `failed` is called, and the sink goes on taking elements: the next line begins
/// after what was left of that one.
let private writing
    (stream: Stream)
    (written: int -> unit)
    (failed: string -> unit)
    (flow: Flow<Kept, Written, NotUsed>)
    =
    let mutable isTorn = false

    let write (line: Written) =
        let beginning = if isTorn then "\n" else ""

        try
            stream.Write(ReadOnlySpan(Encoding.UTF8.GetBytes $"{beginning}{line.Text}\n"))
            stream.Flush()
            isTorn <- false
            line.Cycle |> ValueOption.iter written
        with :? IOException as e ->
            isTorn <- true
            failed e.Message

    // On a thread of its own: a reader that does not read holds the source back, and nothing else.
    flow
        .Batch(
            atOnce,
            (fun line -> List [ line ]),
            (fun batch line ->
                batch.Add line
                batch)
        )
        .SelectAsync(
            1,
            fun batch ->
                Task.Run(fun () ->
                    Seq.iter write batch
                    batch)
        )
    |> ended

/// One line of JSON for each decision. Before them stand lines that an earlier process has not written. `written` is called with
/// the cycle of each, `failed` where a line cannot be written.
let lines (stream: Stream) (earlier: Outgoing[]) (written: int -> unit) (failed: string -> unit) : DecisionSink =
    (after earlier (decided.Select _.Outgoing)).Select decisionLine
    |> writing stream written failed

/// One line of JSON for each element of the source: the decision on it, or why there is none (`AnswerJson`); else as `lines`.
let answers (stream: Stream) (written: int -> unit) (failed: string -> unit) : DecisionSink =
    Flow
        .Create<Kept>()
        .Select(fun kept ->
            match kept with
            | { Decided = ValueSome decided } -> ValueSome(decisionLine decided.Outgoing)
            | { Element = Element.Event passed } ->
                AnswerJson.ofEvent passed
                |> ValueOption.map (fun text -> { Text = text; Cycle = ValueNone })
            | _ -> ValueNone)
        .Where(_.IsSome)
        .Select(_.Value)
    |> writing stream written failed

/// Brings a decision to where it is acted on. The function is asked right before each attempt whether it is still wanted.
type Receiver = Outgoing -> (unit -> Result<unit, string>) -> CancellationToken -> Task<Delivery>

/// How decisions are brought to a receiver.
type ReceiverOptions =
    {
        Receiver: Receiver
        Clock: Clock
        /// Nothing is sent that is older, where times are real.
        MaximumAge: TimeSpan
        Time: TimeProvider
        /// What became of a decision, and why.
        Record: Outgoing -> Fate -> string -> unit
        /// Ends a delivery that is under way.
        GiveUp: CancellationToken
    }

let isActedOn (sent: Outgoing) =
    match sent.Mode with
    | Mode.Shadow -> false
    | Mode.Act
    | Mode.Base -> not sent.Action.IsKeep

/// Why a decision is too old to be acted on, if so.
let private tooOld options isReal (sent: Outgoing) =
    let age = options.Time.GetUtcNow() - sent.Time

    if isReal && age > options.MaximumAge then
        Error $"its metrics are {age.TotalSeconds:F1} s old; at most {options.MaximumAge.TotalSeconds} s are acted on"
    else
        Ok()

/// Sends a decision, and records what became of it. Of one that the end of the process cuts off nothing is recorded: it is sent
/// again after the next start, where it is still wanted.
let private send options stillWanted isSuperseded (sent: Outgoing) =
    task {
        try
            match! options.Receiver sent stillWanted options.GiveUp with
            | Delivery.Delivered -> options.Record sent Fate.Delivered ""
            | Delivery.GaveUp reason -> options.Record sent Fate.GaveUp reason
            | Delivery.Refused reason -> options.Record sent Fate.Refused reason
            | Delivery.Withdrawn reason ->
                options.Record sent (if isSuperseded () then Fate.Superseded else Fate.Stale) reason
        with :? OperationCanceledException when options.GiveUp.IsCancellationRequested ->
            ()
    }

/// A decision to be sent, and those that it stands for.
type private Latest =
    {
        Sent: Outgoing
        Superseded: Outgoing list
    }

/// A time this near to now is real; one further away is that of a recording, whatever its age.
let private recording = TimeSpan.FromDays 1.0

/// Actions, each posted to a receiver; what keeps the configuration is not. Actions of an earlier process that may not have
/// arrived go first: receivers know them by their keys. In real time a newer decision supersedes an older one that the receiver
/// does not have yet; in lockstep the source waits. Where times are real, age is checked again at the moment of sending: times
/// are in real time, and where the first interval was not old when it came.
let receiver (options: ReceiverOptions) (earlier: Outgoing[]) : DecisionSink =
    let isOfEarlier (sent: Outgoing) =
        earlier |> Array.tryLast |> Option.exists (fun last -> sent.Cycle <= last.Cycle)

    let mutable newest = -1
    let mutable isReal = ValueNone

    let ageOf (sent: Outgoing) =
        (options.Time.GetUtcNow() - sent.Time).Duration()

    let note (sent: Outgoing) =
        Volatile.Write(&newest, sent.Cycle)

        if isReal.IsNone && not (isOfEarlier sent) then
            isReal <- ValueSome(ageOf sent <= options.MaximumAge)

        sent

    /// When the first interval of an earlier process came is not known.
    let hasRealTime (sent: Outgoing) =
        options.Clock = Clock.RealTime
        || (if isOfEarlier sent then
                ageOf sent < recording
            else
                isReal = ValueSome true)

    let supersededBy cycle =
        $"superseded by the decision of cycle {cycle}"

    let isSuperseded (sent: Outgoing) =
        options.Clock = Clock.RealTime && Volatile.Read &newest > sent.Cycle

    let stillWanted (sent: Outgoing) () =
        if isSuperseded sent then
            Error(supersededBy (Volatile.Read &newest))
        else
            tooOld options (hasRealTime sent) sent

    let deliver latest =
        task {
            for old in latest.Superseded do
                options.Record old Fate.Superseded (supersededBy latest.Sent.Cycle)

            if isActedOn latest.Sent then
                do! send options (stillWanted latest.Sent) (fun () -> isSuperseded latest.Sent) latest.Sent
            else
                options.Record latest.Sent Fate.Delivered ""

            return latest
        }

    let sent = (after earlier (decided.Select _.Outgoing)).Select note
    let single sent = { Sent = sent; Superseded = [] }

    let latest: Flow<Kept, Latest, NotUsed> =
        match options.Clock with
        | Clock.Lockstep -> sent.Select single
        | Clock.RealTime ->
            sent.ConflateWithSeed(
                single,
                fun latest newer ->
                    {
                        Sent = newer
                        Superseded = latest.Sent :: latest.Superseded
                    }
            )

    latest.SelectAsync(1, deliver) |> ended

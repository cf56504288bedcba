/// A controller of the system of `TwoNodes` at work, without a process around it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.SmallController

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Threading
open System.Threading.Tasks
open Akka.Streams.Dsl
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Service

/// All of what estimation can do, on few trees.
let options refitEvery : ControllerSettings =
    let settings = TwoNodes.settings (Planner.Rollout 2)

    { settings with
        Estimation =
            { settings.Estimation with
                Forest = ForestOptions(Trees = 5)
                RegrownTrees = 2
                RefitEvery = refitEvery
                Forgetting = Forgetting.ByRelevance 5
                RiskAttitude = RiskAttitude.Optimistic 0.6
            }
    }

let inRealTime (options: ControllerSettings) = { options with Clock = Clock.RealTime }

/// Calls a function before each action of the base policy, which may throw.
let withPolicy act (options: ControllerSettings) =
    let given = options.BasePolicy

    { options with
        BasePolicy =
            { new IPolicy<SystemState, ControlAction> with
                member _.Act(state, mask, key) =
                    act state
                    given.Act(state, mask, key)
            }
    }

/// What it has measured before it starts: some configurations.
let history =
    TwoNodes.configurations
    |> List.indexed
    |> List.filter (fun (i, _) -> i % 2 = 0)
    |> List.map (fun (_, configuration) -> TwoNodes.sample 0.08 configuration)

let start options =
    Cycle.create options history (RandomKey 7UL)

let identity: JournalIdentity =
    {
        Description = "small"
        Fingerprint = "1"
        Differences = id
    }

let openJournal path =
    match Journal.Open(path, identity) with
    | Ok journal -> journal
    | Error message -> failtest message

/// Entries alone.
let transaction entries : JournalTransaction =
    {
        Entries = entries
        Models = []
        Commands = []
        Checkpoint = ValueNone
    }

let watch: Watch =
    {
        Decided = fun _ _ _ -> ()
        Refitted = ignore
        RefitFailed = ignore
        Quarantined = ignore
        AlreadyKnown = ignore
        Commanded = ignore
        JournalState = ignore
        Delivery = fun _ _ _ -> ()
    }

/// Takes decisions in.
let into (decisions: ICollection<Outgoing>) : Sink.DecisionSink =
    Sink.each (fun decided ->
        decisions.Add decided.Outgoing
        Task.CompletedTask)

let service (cycle: Cycle) sinks : ServiceOptions =
    {
        Journal =
            {
                Cycle = cycle
                Name = "small"
                SystemDescription = Intervals.system
                Journal = ValueNone
                Retention = 100_000
                Quarantine = ValueNone
                Watch = watch
                Time = TimeProvider.System
                GiveUp = CancellationToken.None
            }
        Deadline = TimeSpan.FromSeconds 60.0
        Commands = ControlService.noCommands
        Sinks = sinks
    }

/// Changes what the journal stage is told.
let journaling change (options: ServiceOptions) =
    { options with
        Journal = change options.Journal
    }

let withJournal journal =
    journaling (fun options ->
        { options with
            Journal = ValueSome journal
        })

let watched change =
    journaling (fun options ->
        { options with
            Watch = change options.Watch
        })

let arrival position interval : Arrival =
    {
        Position = position
        Content = Ok interval
        Text = ""
        Received = TimeProvider.System.GetTimestamp()
        Reply = ValueNone
    }

/// Elements in groups of a few.
let arrivals (elements: Arrival seq) : Pull =
    let groups = elements |> Seq.chunkBySize 4 |> Queue
    fun _ -> Task.FromResult(if groups.Count > 0 then groups.Dequeue() else [||])

let source (intervals: Interval seq) : Pull =
    intervals |> Seq.mapi (fun i interval -> arrival (int64 i) interval) |> arrivals

/// Intervals each of which comes once the one before is decided on and kept, and the options that tell when that is.
let oneByOne (intervals: Interval seq) (options: ServiceOptions) =
    let isNext = new SemaphoreSlim 1

    let queue =
        intervals |> Seq.mapi (fun i interval -> arrival (int64 i) interval) |> Queue

    let pull: Pull =
        fun cancellation ->
            task {
                if queue.Count = 0 then
                    return [||]
                else
                    do! isNext.WaitAsync cancellation
                    return [| queue.Dequeue() |]
            }

    options
    |> watched (fun watch ->
        { watch with
            Decided =
                fun decision latency passing ->
                    watch.Decided decision latency passing
                    isNext.Release() |> ignore
        }),
    pull

/// Lines of JSON, as standard input gives them.
let lines (text: string seq) : Pull =
    let bytes = text |> Seq.map (fun line -> line + "\n") |> String.concat ""
    LineSource.create Intervals.system TimeProvider.System (new MemoryStream(Encoding.UTF8.GetBytes bytes))

let private engine = lazy (Engine.start ())

let runUntil (cancellation: CancellationToken) (options: ServiceOptions) state (pull: Pull) : Task<Counts> =
    ControlService.run engine.Value options state (Pull.source pull cancellation) cancellation

/// Runs to the end of a source, from the states of stages.
let runFrom options state pull =
    (runUntil CancellationToken.None options state pull).GetAwaiter().GetResult()

/// Runs to the end of a source.
let run (options: ServiceOptions) pull =
    runFrom options (Cycle.start options.Journal.Cycle) pull

/// Runs in closed loop with an environment until `observe` gives nothing.
let runWith (options: ServiceOptions) state observe environment : Task<Counts> =
    ControlService.runWith engine.Value options state observe environment

let texts (decisions: Outgoing seq) =
    decisions |> Seq.map _.Text |> List.ofSeq

let text (decision: Decision) =
    Encoding.UTF8.GetString(DecisionJson.write "small" Intervals.system decision)

/// What comes out for each input, one after the other, by nothing but `Cycle.step`; and the states at the end.
let steps cycle state (inputs: Input seq) =
    inputs
    |> Seq.mapFold
        (fun state input ->
            let step = Cycle.step cycle state input
            step.Decided, step.State)
        state
    |> fun (elements, state) -> List.ofSeq elements, state

/// An interval as an input, where no clock tells the time.
let input interval =
    Input.Arrived(arrival 0L interval, ValueNone)

let decided (elements: Element<Decision> seq) =
    [
        for element in elements do
            match element with
            | Element.Interval(_, decision) -> decision
            | Element.Event _ -> ()
    ]

/// The decisions on intervals from the states of stages, by nothing but `Cycle.step`.
let decisionsFrom cycle state intervals =
    steps cycle state (intervals |> Seq.map input)
    |> fst
    |> decided
    |> List.map text

let decisions cycle intervals =
    decisionsFrom cycle (Cycle.start cycle) intervals

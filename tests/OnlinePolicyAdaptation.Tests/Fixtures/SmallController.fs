/// A controller of the system of `TwoNodes` at work, without a process around it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.SmallController

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Service

/// All of what estimation can do, on few trees.
let options refitEvery : ControllerOptions =
    let settings = TwoNodes.settings (Planner.Rollout 2)

    {
        Settings =
            { settings with
                Estimation =
                    { settings.Estimation with
                        Forest = ForestOptions(Trees = 5)
                        RegrownTrees = 2
                        RefitEvery = refitEvery
                        Forgetting = Forgetting.ByRelevance 5
                        Outlook = Outlook.Optimistic 0.6
                    }
            }
        Guard = Guard.permissive TwoNodes.grid
        Mode = Mode.Act
    }

let withPolicy act (options: ControllerOptions) =
    let given = options.Settings.BasePolicy

    { options with
        Settings =
            { options.Settings with
                BasePolicy =
                    { new IPolicy<SystemState, ControlAction> with
                        member _.Act(state, mask, key) =
                            act state
                            given.Act(state, mask, key)
                    }
            }
    }

/// It has measured some configurations before it starts.
let start (options: ControllerOptions) =
    let history =
        TwoNodes.configurations
        |> List.indexed
        |> List.filter (fun (i, _) -> i % 2 = 0)
        |> List.map (fun (_, configuration) -> TwoNodes.sample 0.08 configuration)

    Controller.start options history (RandomKey 7UL)

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

let watch: Watch =
    {
        Decided = fun _ _ -> ()
        Refitted = ignore
        RefitFailed = ignore
        Quarantined = ignore
        AlreadyKnown = ignore
        Undelivered = fun _ _ -> ()
    }

/// Takes decisions in.
let into (decisions: ICollection<Outgoing>) : Deliver =
    fun sent _ ->
        for decision in sent do
            decisions.Add decision

        Task.FromResult []

let loop (options: ControllerOptions) deliver : LoopOptions =
    {
        Controller = options
        Name = "small"
        Vocabulary = Intervals.vocabulary
        Clock = Clock.Lockstep
        Deadline = TimeSpan.FromSeconds 60.0
        Journal = ValueNone
        Retention = 100_000
        Quarantine = ValueNone
        Deliver = deliver
        Watch = watch
        Time = TimeProvider.System
    }

let arrival position interval : Arrival =
    {
        Position = position
        Content = Ok interval
        Text = ""
        Received = TimeProvider.System.GetTimestamp()
        Reply = ValueNone
    }

/// Intervals in groups of a few.
let source (intervals: Interval seq) : Pull =
    let groups =
        intervals
        |> Seq.mapi (fun i interval -> arrival (int64 i) interval)
        |> Seq.chunkBySize 4
        |> Queue

    fun _ -> Task.FromResult(if groups.Count > 0 then groups.Dequeue() else [||])

/// Lines of JSON, as standard input gives them.
let lines (text: string seq) : Pull =
    let bytes = text |> Seq.map (fun line -> line + "\n") |> String.concat ""
    LineSource.create Intervals.vocabulary TimeProvider.System (new MemoryStream(Encoding.UTF8.GetBytes bytes))

let private engine = lazy (Stream.startEngine ())

let runUntil (cancellation: CancellationToken) isClosedLoop options state pull : Task<Counts> =
    Pipeline.run engine.Value options state pull isClosedLoop cancellation

/// Runs to the end of a source.
let run options state pull =
    (runUntil CancellationToken.None false options state pull).GetAwaiter().GetResult()

let texts (decisions: Outgoing seq) =
    decisions |> Seq.map _.Text |> List.ofSeq

/// The decisions on intervals, one after the other, by nothing but `Controller.step`.
let decisions (options: ControllerOptions) state intervals =
    intervals
    |> Seq.mapFold
        (fun state interval ->
            let next, decision = Controller.step options state interval
            Encoding.UTF8.GetString(DecisionJson.write "small" Intervals.vocabulary decision), next)
        state
    |> fst
    |> List.ofSeq

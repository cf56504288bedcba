namespace OnlinePolicyAdaptation.Service

open System
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Streams.Dsl
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.ControlCycle

/// Orders of operators, as a part of the graph.
type Commands = internal Commands of Source<Command, NotUsed>

/// A controller as a service, and what it is joined to.
type ServiceOptions =
    {
        Journal: JournalOptions
        Deadline: TimeSpan
        Commands: Commands
        Sinks: Sink.DecisionSink list
    }

/// The controller from a source of metrics, or a managed system in the process, to its journal and sinks.
[<RequireQualifiedAccess>]
module ControlService =

    /// Where nobody gives orders.
    let noCommands =
        Commands(Source.Maybe<Command>().MapMaterializedValue(fun _ -> NotUsed.Instance))

    /// Each in its turn, from a function that waits for the next one.
    let commands (next: unit -> Task<Command>) =
        Source.UnfoldAsync(
            0,
            fun _ ->
                task {
                    let! command = next ()
                    return Akka.Util.Option.Create(struct (0, command))
                }
        )
        |> Commands

    let private surroundings options (journal: JournalStage) : Surroundings<Kept> =
        {
            Time = options.Journal.Time
            Deadline = options.Deadline
            Commands = (let (Commands commands) = options.Commands in commands)
            Journal = journal.Flow
            Sinks = [ for Sink.DecisionSink sink in options.Sinks -> sink ]
        }

    /// Runs until the source ends or the token is cancelled; then all that was taken in has been decided on, kept and sent.
    /// What has happened, counted.
    let run engine options start (MetricsSource source) (cancellation: CancellationToken) =
        task {
            let journal = JournalStage(options.Journal, start)
            do! ControlLoop.run engine options.Journal.Cycle start (surroundings options journal) source cancellation
            return journal.Counts
        }

    /// The same in closed loop with a managed system whose next interval `observe` gives; none ends the run.
    let runWith engine options start (observe: unit -> Task<Arrival voption>) (environment: IEnvironment) =
        task {
            let journal = JournalStage(options.Journal, start)

            let act (kept: Kept) =
                match kept.Decided with
                | ValueSome {
                                Outgoing = { Mode = Mode.Act | Mode.Base } as sent
                            } -> environment.ApplyAsync(sent.Target, CancellationToken.None).AsTask()
                | _ -> Task.CompletedTask

            do!
                ControlLoop.join
                    engine
                    options.Journal.Cycle
                    start
                    (surroundings options journal)
                    {
                        Observe = observe
                        Act = act
                        IsTurn = Kept.isTurn
                    }

            return journal.Counts
        }

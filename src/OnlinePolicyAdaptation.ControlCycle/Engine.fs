namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Threading.Tasks
open Akka.Actor
open Akka.Configuration
open Akka.Streams

/// Where graphs run. Disposing of it ends them.
type Engine internal (system: ActorSystem) =
    member val internal Materializer = system.Materializer()

    interface IAsyncDisposable with
        member _.DisposeAsync() = ValueTask(system.Terminate())

[<RequireQualifiedAccess>]
module Engine =

    /// Akka writes nothing of its own: standard output is for decisions, and a graph's failure is that of its task.
    let start () =
        new Engine(
            ActorSystem.Create(
                "opar",
                ConfigurationFactory.ParseString
                    "akka { loglevel = OFF, stdout-loglevel = OFF, coordinated-shutdown.run-by-clr-shutdown-hook = off }"
            )
        )

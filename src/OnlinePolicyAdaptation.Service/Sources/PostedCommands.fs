namespace OnlinePolicyAdaptation.Service

open System.Collections.Concurrent
open System.Threading
open System.Threading.Channels
open System.Threading.Tasks
open OnlinePolicyAdaptation.ControlCycle

/// Commands of operators that are posted: each waits for its turn, and then until it is kept. Safe from any thread.
/// `standing`: the order that an earlier process has left.
[<Sealed>]
type PostedCommands(standing: Command voption) =
    /// That may wait; an operator gives one, and looks what it has led to.
    let capacity = 16

    let given = Channel.CreateBounded<Command> capacity

    let waiting =
        ConcurrentDictionary<Command, TaskCompletionSource> HashIdentity.Reference<Command>

    let mutable standing = ValueOption.toOption standing

    /// The order to hold that was given last and was not taken back.
    member _.Standing = Volatile.Read &standing

    /// Gives a command. Its task ends once the command is in force and kept; none: there is no room for it now.
    member _.Give (command: Command) (cancellation: CancellationToken) : Task voption =
        let kept = TaskCompletionSource TaskCreationOptions.RunContinuationsAsynchronously
        waiting[command] <- kept

        if given.Writer.TryWrite command then
            ValueSome(kept.Task.WaitAsync cancellation)
        else
            waiting.TryRemove command |> ignore
            ValueNone

    /// The next command.
    member _.Next() = given.Reader.ReadAsync().AsTask()

    /// Is told of each command that is in force and kept.
    member _.Kept(command: Command) =
        Volatile.Write(
            &standing,
            match command.Order with
            | Order.Hold _ -> Some command
            | Order.Resume -> None
        )

        match waiting.TryRemove command with
        | true, kept -> kept.SetResult()
        | false, _ -> ()

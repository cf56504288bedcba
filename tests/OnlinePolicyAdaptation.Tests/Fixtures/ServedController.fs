/// The web server of a controller that is not there: what it would do is given.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.ServedController

open System
open System.IO
open System.Threading
open System.Threading.Tasks
open Microsoft.Extensions.Logging.Abstractions
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service

let private anyPort = "http://127.0.0.1:0"

let private listenAddress url tokenFile =
    match ListenAddress.create url tokenFile with
    | Ok address -> address
    | Error message -> invalidOp message

/// The door to a controller that is ready and acts.
let operators commands : OperatorsDoor =
    {
        Commands = commands
        Status = Status("small", Mode.Act, (fun () -> Readiness.Ready), commands)
        Clock = Clock.RealTime
        Time = TimeProvider.System
    }

let settings () =
    {
        Address = listenAddress anyPort None
        Connections = WebHost.connections
        Limits = Door.limits
        Offer = None
        Operators = operators (PostedCommands ValueNone)
        Measures = Measures [ "web"; "search" ]
        Refusal = fun () -> ValueNone
        Readiness = fun () -> Readiness.Ready
        Logs = NullLoggerFactory.Instance
    }

/// Of an element on which there is no decision.
let answer outcome =
    {
        Outcome = outcome
        Decision = ValueNone
    }

let start settings =
    task {
        match! WebHost.start settings CancellationToken.None with
        | Ok host -> return host
        | Error message -> return invalidOp message
    }

/// Runs a test with the address of the server.
let run settings (test: Uri -> Task<unit>) =
    task {
        let! (host: WebHost) = start settings
        use _ = host
        do! test host.Address
    }

/// Settings with this address and token, which is in a file while they are made.
let withTokenAt url (token: string) settings =
    let path = Path.GetTempFileName()

    try
        File.WriteAllText(path, token)

        { settings with
            Address = listenAddress url (Some path)
        }
    finally
        File.Delete path

let withToken token settings = withTokenAt anyPort token settings

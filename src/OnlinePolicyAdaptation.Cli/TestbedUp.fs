/// opar testbed up and change: a real system that runs until it is stopped, and what happens to it meanwhile.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedUp

open System
open System.Globalization
open System.IO
open System.Threading
open System.Threading.Tasks
open Argu
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Testbed

[<RequireQualifiedAccess>]
type private Requested =
    | OfSystem of TestbedChange
    /// Factor on all loads.
    | Load of float

let private expected =
    "expected slowdown:NODE=FACTOR, work:SERVICE=FACTOR, gone:NODE, back:NODE or load:FACTOR"

/// A change in words, such as slowdown:node-2=3.
let private parse (topology: Topology) (text: string) =
    let factor (text: string) make =
        match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, factor when Double.IsFinite factor && factor > 0.0 && factor <= 1e6 -> Ok(make factor)
        | _ -> Error $"'{text}'; expected a factor above 0"

    let index kind (known: string seq) name =
        match known |> Seq.tryFindIndex ((=) name) with
        | Some index -> Ok index
        | None ->
            let known = String.concat ", " known
            Error $"{kind} '{name}'; expected one of {known}"

    let node name = index "node" topology.Nodes name

    match text.Split(':', 2), text.Split(':', '=') with
    | [| "load"; given |], _ -> factor given Requested.Load
    | [| "gone"; name |], _ -> node name |> Result.map (TestbedChange.Gone >> Requested.OfSystem)
    | [| "back"; name |], _ -> node name |> Result.map (TestbedChange.Back >> Requested.OfSystem)
    | _, [| "slowdown"; name; given |] ->
        node name
        |> Result.bind (fun node ->
            factor given (fun factor -> Requested.OfSystem(TestbedChange.Slowdown(node, factor))))
    | _, [| "work"; name; given |] ->
        index "service" topology.Services name
        |> Result.bind (fun service ->
            factor given (fun factor -> Requested.OfSystem(TestbedChange.Work(service, factor))))
    | _ -> Error $"'{text}'; {expected}"

/// Where a testbed of the scenario that is up says how it is reached.
let private addressFile (scenario: Scenario) =
    Path.Combine("results", $"{scenario.Name}-testbed", "address")

let private hold (scenario: Scenario) (testbed: TestbedPart) withLoad (cancellation: CancellationToken) =
    task {
        use! processes = TestbedSystem.start scenario testbed cancellation

        let key = RandomKey(uint64 testbed.Recording.Seed)

        let patterns =
            if withLoad then
                MeshEnvironment.loads scenario testbed.SecondsPerCycle key
            else
                []

        use load = TestbedSystem.load scenario processes patterns key

        let take (text: string) token : Task =
            task {
                match parse scenario.System.Topology text with
                | Error message -> raise (BadInputException message)
                | Ok(Requested.Load factor) -> load.Factor <- factor
                | Ok(Requested.OfSystem change) -> do! TestbedSystem.change scenario testbed processes token change

                Terminal.tell $"changed: {text}"
            }

        use! door = ChangesDoor.StartAsync(Func<_, _, _>(take))
        let file = addressFile scenario
        Directory.CreateDirectory(Path.GetDirectoryName file |> string) |> ignore
        File.WriteAllText(file, door.Address.AbsoluteUri)
        printfn $"front {processes.FrontAddress}"

        for name, address in Seq.zip scenario.System.Topology.Nodes processes.NodeAddresses do
            printfn $"{name} {address}"

        printfn $"changes: opar testbed change DIR CHANGE; {expected}"

        try
            do! Task.Delay(Timeout.Infinite, cancellation)
        finally
            File.Delete file
    }

let up (arguments: ParseResults<TestbedUpArguments>) =
    result {
        let! scenario = Scenario.load (arguments.GetResult TestbedUpArguments.Scenario)
        let! testbed = TestbedSystem.part scenario
        let withLoad = not (arguments.Contains TestbedUpArguments.Without_Load)

        return
            Terminal.untilInterrupted Terminal.atOnce (fun cancellation ->
                try
                    (hold scenario testbed withLoad cancellation).GetAwaiter().GetResult()
                with :? OperationCanceledException ->
                    ())
    }

let change (arguments: ParseResults<TestbedChangeArguments>) =
    result {
        let folder, change = arguments.GetResult TestbedChangeArguments.Request
        let! scenario = Scenario.load folder
        let! _ = parse scenario.System.Topology change
        let file = addressFile scenario

        if not (File.Exists file) then
            return! Error $"{file} is not there: no testbed of {scenario.Name} is up in this folder"
        else
            ChangesDoor.AskAsync(Uri(File.ReadAllText file), change, CancellationToken.None).GetAwaiter().GetResult()
            printfn $"changed: {change}"
    }

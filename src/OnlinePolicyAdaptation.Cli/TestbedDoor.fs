/// The door at which a testbed that runs takes changes, and where it is found.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedDoor

open System
open System.Globalization
open System.IO
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Testbed

[<RequireQualifiedAccess>]
type Requested =
    | OfSystem of TestbedChange
    /// Factor on all loads.
    | Load of float

let expected =
    "expected slowdown:NODE=FACTOR, work:SERVICE=FACTOR, gone:NODE, back:NODE or load:FACTOR"

/// A change in words, such as slowdown:node-2=3.
let parse (topology: Topology) (text: string) =
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

/// Opens the door of a testbed, until it is disposed of.
let start (scenario: Scenario) (testbed: TestbedPart) processes (load: TestbedLoad) =
    task {
        let take (text: string) (cancellation: CancellationToken) : Task =
            task {
                match parse scenario.System.Topology text with
                | Error message -> raise (BadInputException message)
                | Ok(Requested.Load factor) -> load.Factor <- factor
                | Ok(Requested.OfSystem change) ->
                    do! TestbedSystem.change scenario testbed processes cancellation change

                Terminal.tell $"changed: {text}"
            }

        let! door = ChangesDoor.StartAsync(Func<_, _, _>(take))
        let file = addressFile scenario
        Directory.CreateDirectory(Path.GetDirectoryName file |> string) |> ignore
        File.WriteAllText(file, door.Address.AbsoluteUri)

        return
            { new IAsyncDisposable with
                member _.DisposeAsync() =
                    File.Delete file
                    door.DisposeAsync()
            }
    }

/// Asks for a change of the scenario's testbed that runs in this folder.
let ask (scenario: Scenario) change =
    parse scenario.System.Topology change
    |> Result.bind (fun _ ->
        let file = addressFile scenario

        if File.Exists file then
            ChangesDoor.AskAsync(Uri(File.ReadAllText file), change, CancellationToken.None).GetAwaiter().GetResult()
            Ok()
        else
            Error $"{file} is not there: no testbed of {scenario.Name} is up in this folder")

/// The laws of the house, read from the compiled assemblies: what a project refers to is what it depends on.
module OnlinePolicyAdaptation.Tests.Architecture

open System
open System.IO
open System.Reflection.Metadata
open System.Reflection.PortableExecutable
open Expecto
open OnlinePolicyAdaptation.Tests

/// What `query` finds in the metadata of an assembly that lies beside the tests.
let private read assembly (query: MetadataReader -> 'a list) =
    use file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll"))
    use image = new PEReader(file)
    query (image.GetMetadataReader())

/// Files of a folder of the sources, by their paths in it, whose text has any of these words.
let private mentioning (folder: string) (words: string list) =
    let folder = Path.Combine(Repository.folder, "src", folder)

    [
        for file in Directory.EnumerateFiles(folder, "*.fs", SearchOption.AllDirectories) do
            let path = Path.GetRelativePath(folder, file).Replace('\\', '/')

            if
                not (path.Contains "obj/")
                && words |> List.exists (File.ReadAllText(file).Contains)
            then
                path
    ]
    |> List.sort

/// Names of the assemblies referred to directly.
let private references assembly =
    read assembly (fun metadata ->
        [
            for handle in metadata.AssemblyReferences ->
                let reference = metadata.GetAssemblyReference handle
                metadata.GetString reference.Name
        ])

let private typeName (metadata: MetadataReader) handle =
    let reference = metadata.GetTypeReference handle
    $"{metadata.GetString reference.Namespace}.{metadata.GetString reference.Name}"

/// Full names of the foreign types used, and of the members called on them ("System.DateTime.get_Now").
let private uses assembly =
    read assembly (fun metadata ->
        [
            for handle in metadata.TypeReferences do
                yield typeName metadata handle

            for handle in metadata.MemberReferences do
                let reference = metadata.GetMemberReference handle

                if reference.Parent.Kind = HandleKind.TypeReference then
                    let parent = TypeReferenceHandle.op_Explicit reference.Parent
                    yield $"{typeName metadata parent}.{metadata.GetString reference.Name}"
        ])

let private clocks =
    set
        [
            "System.DateTime.get_Now"
            "System.DateTime.get_UtcNow"
            "System.DateTime.get_Today"
            "System.DateTimeOffset.get_Now"
            "System.DateTimeOffset.get_UtcNow"
            "System.Environment.get_TickCount"
            "System.Environment.get_TickCount64"
            "System.Diagnostics.Stopwatch"
            "System.TimeProvider"
        ]

let private fsharpCore assembly =
    references assembly |> List.filter ((=) "FSharp.Core")

let private akka assembly =
    references assembly
    |> List.filter (fun name -> name = "Akka" || name.StartsWith "Akka.")

let private training assembly =
    references assembly
    |> List.filter (fun name -> name = "TorchSharp" || name = "OnlinePolicyAdaptation.Training")

let private onnx assembly =
    references assembly
    |> List.filter (fun name ->
        name.StartsWith "Microsoft.ML.OnnxRuntime"
        || name = "OnlinePolicyAdaptation.Onnx")

let private filesAndClocks assembly =
    uses assembly
    |> List.filter (fun name -> name.StartsWith "System.IO." || clocks.Contains name)

[<Tests>]
let tests =
    testList
        "Architecture"
        [
            testList
                "a C# assembly knows no FSharp.Core"
                [
                    for assembly in
                        [
                            "OnlinePolicyAdaptation.Domain"
                            "OnlinePolicyAdaptation.Learning"
                            "OnlinePolicyAdaptation.Training"
                            "OnlinePolicyAdaptation.Onnx"
                            "OnlinePolicyAdaptation.Testbed"
                        ] -> testCase assembly (fun () -> Expect.equal (fsharpCore assembly) [] "F# stays above C#")
                ]

            testList
                "only ControlCycle, Service and what joins them refer to Akka"
                [
                    for assembly in
                        [
                            "OnlinePolicyAdaptation.Domain"
                            "OnlinePolicyAdaptation.Learning"
                            "OnlinePolicyAdaptation.Planning"
                            "OnlinePolicyAdaptation.Scenarios"
                            "OnlinePolicyAdaptation.Experiments"
                            "OnlinePolicyAdaptation.Testbed"
                        ] -> testCase assembly (fun () -> Expect.equal (akka assembly) [] "streams stay there")
                ]

            testCase
                "one file draws the graph, and only what it is made of, sources, sinks and the journal's stage know Akka besides"
                (fun () ->
                    Expect.equal
                        (mentioning "" [ "GraphDsl"; ".JoinMaterialized" ]
                         |> List.filter _.StartsWith("OnlinePolicyAdaptation.ControlCycle/"))
                        [ "OnlinePolicyAdaptation.ControlCycle/ControlLoop.fs" ]
                        "the drawing"

                    let drawing =
                        Path.Combine(Repository.folder, "src", "OnlinePolicyAdaptation.ControlCycle", "ControlLoop.fs")

                    Expect.isLessThanOrEqual (File.ReadAllLines drawing).Length 150 "it can be read at once"

                    Expect.equal
                        (mentioning "" [ "Akka" ])
                        [
                            "OnlinePolicyAdaptation.ControlCycle/ClosedLoop.fs"
                            "OnlinePolicyAdaptation.ControlCycle/ControlLoop.fs"
                            "OnlinePolicyAdaptation.ControlCycle/Engine.fs"
                            "OnlinePolicyAdaptation.ControlCycle/StageFlow.fs"
                            "OnlinePolicyAdaptation.ControlCycle/Surroundings.fs"
                            "OnlinePolicyAdaptation.Service/ControlService.fs"
                            "OnlinePolicyAdaptation.Service/Journal/JournalStage.fs"
                            "OnlinePolicyAdaptation.Service/Sinks/Sink.fs"
                            "OnlinePolicyAdaptation.Service/Sources/Pull.fs"
                        ]
                        "files")

            testCase "a stage knows no clock, no file and no thread" (fun () ->
                let effects =
                    [
                        "TimeProvider"
                        "Stopwatch"
                        "UtcNow"
                        ".Now"
                        "TickCount"
                        "System.IO"
                        "Task"
                        "Thread"
                    ]

                // What runs, joins, times and keeps the stages; Adapt takes a token to be cancelled by.
                Expect.equal
                    (mentioning "OnlinePolicyAdaptation.ControlCycle" effects)
                    [
                        "Adapt.fs"
                        "Chain.fs"
                        "Checkpoint.fs"
                        "ClosedLoop.fs"
                        "ControlLoop.fs"
                        "Cycle.fs"
                        "Engine.fs"
                        "Estimate/EstimatorFile.fs"
                        "Plans.fs"
                        "Stage.fs"
                        "StageFlow.fs"
                        "Surroundings.fs"
                    ]
                    "files"

                for file in [ "Adapt.fs"; "Plans.fs"; "Stage.fs" ] do
                    let text =
                        File.ReadAllText(
                            Path.Combine(Repository.folder, "src", "OnlinePolicyAdaptation.ControlCycle", file)
                        )

                    Expect.equal
                        (effects |> List.filter (text.Replace("open System.Threading\n", "").Contains))
                        []
                        $"{file}: a token, and no more")

            testList
                "only Training refers to TorchSharp, and only the command to Training"
                [
                    for assembly in
                        [
                            "OnlinePolicyAdaptation.Domain"
                            "OnlinePolicyAdaptation.Learning"
                            "OnlinePolicyAdaptation.Planning"
                            "OnlinePolicyAdaptation.ControlCycle"
                            "OnlinePolicyAdaptation.Experiments"
                            "OnlinePolicyAdaptation.Scenarios"
                            "OnlinePolicyAdaptation.Service"
                            "OnlinePolicyAdaptation.Onnx"
                            "OnlinePolicyAdaptation.Testbed"
                        ] do
                        yield
                            testCase assembly (fun () ->
                                Expect.equal (training assembly) [] "libtorch stays in training")

                    yield
                        testCase "opar" (fun () ->
                            Expect.equal
                                (training "opar")
                                [ "OnlinePolicyAdaptation.Training" ]
                                "the command trains, but touches no tensor")
                ]

            testList
                "only Onnx refers to ONNX Runtime, and only the command to Onnx"
                [
                    for assembly in
                        [
                            "OnlinePolicyAdaptation.Domain"
                            "OnlinePolicyAdaptation.Learning"
                            "OnlinePolicyAdaptation.Training"
                            "OnlinePolicyAdaptation.Planning"
                            "OnlinePolicyAdaptation.ControlCycle"
                            "OnlinePolicyAdaptation.Experiments"
                            "OnlinePolicyAdaptation.Scenarios"
                            "OnlinePolicyAdaptation.Service"
                        ] do
                        yield testCase assembly (fun () -> Expect.equal (onnx assembly) [] "ONNX stays at the edge")

                    yield
                        testCase "opar" (fun () ->
                            Expect.equal
                                (onnx "opar")
                                [ "OnlinePolicyAdaptation.Onnx" ]
                                "the command imports, but runs no session")
                ]

            testCase "Planning uses no file and no clock" (fun () ->
                Expect.equal (filesAndClocks "OnlinePolicyAdaptation.Planning") [] "planning is a pure function")

            // An empty answer proves nothing unless a breach would show: these assemblies do what the laws forbid.
            testCase "a breach of each law is seen" (fun () ->
                Expect.isNonEmpty (fsharpCore "OnlinePolicyAdaptation.Tests") "the tests are F#"
                Expect.isNonEmpty (akka "Akka.Streams") "Akka.Streams is made of Akka"
                Expect.isNonEmpty (training "OnlinePolicyAdaptation.Training") "training is made of TorchSharp"

                Expect.containsAll
                    (onnx "OnlinePolicyAdaptation.Onnx")
                    [ "Microsoft.ML.OnnxRuntime" ]
                    "the import asks the runtime"

                Expect.containsAll
                    (filesAndClocks "OnlinePolicyAdaptation.Tests")
                    [ "System.IO.File"; "System.DateTimeOffset.get_UtcNow" ]
                    "this file opens assemblies, and TestingPlatform.fs reads the clock")
        ]

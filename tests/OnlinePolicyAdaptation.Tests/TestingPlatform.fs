/// Expecto as a test framework of Microsoft.Testing.Platform, the protocol that `dotnet test` and editors speak.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.TestingPlatform

open System
open System.IO
open System.Threading.Tasks
open Expecto
open Expecto.Impl
open Expecto.Logging
open Microsoft.Testing.Platform.Builder
open Microsoft.Testing.Platform.Capabilities.TestFramework
open Microsoft.Testing.Platform.Extensions
open Microsoft.Testing.Platform.Extensions.Messages
open Microsoft.Testing.Platform.Extensions.TestFramework
open Microsoft.Testing.Platform.Requests
open Microsoft.Testing.Platform.TestHost

let private fullName (test: FlatTest) = String.concat "." test.name

/// Only the tests that the platform selected by uid; a test's uid is its full name.
let private selected (filter: ITestExecutionFilter) (tests: Test) =
    match filter with
    | :? TestNodeUidListFilter as filter ->
        let uids = set [ for uid in filter.TestNodeUids -> uid.Value ]
        tests |> Test.filter "." (fun path -> uids.Contains(String.concat "." path))
    | _ -> tests

let private timing (duration: TimeSpan) =
    let now = DateTimeOffset.UtcNow
    TimingProperty(TimingInfo(now - duration, now, duration))

type private Framework(tests: Test) =
    interface IExtension with
        member _.Uid = "Expecto"
        member _.Version = string (typeof<Test>.Assembly.GetName().Version)
        member _.DisplayName = "Expecto"
        member _.Description = "Runs Expecto tests."
        member _.IsEnabledAsync() = Task.FromResult true

    interface IDataProducer with
        member _.DataTypesProduced = [| typeof<TestNodeUpdateMessage> |]

    interface ITestFramework with
        member _.CreateTestSessionAsync _ =
            Task.FromResult(CreateTestSessionResult(IsSuccess = true))

        member _.CloseTestSessionAsync _ =
            Task.FromResult(CloseTestSessionResult(IsSuccess = true))

        member framework.ExecuteRequestAsync context =
            task {
                let publish (session: TestSessionContext) name (properties: IProperty list) =
                    let node =
                        TestNode(
                            Uid = TestNodeUid name,
                            DisplayName = name,
                            Properties = PropertyBag(Array.ofList properties)
                        )

                    context.MessageBus.PublishAsync(framework, TestNodeUpdateMessage(session.SessionUid, node))

                match context.Request with
                | :? DiscoverTestExecutionRequest as request ->
                    for test in selected request.Filter tests |> Test.toTestCodeList do
                        do! publish request.Session (fullName test) [ DiscoveredTestNodeStateProperty.CachedInstance ]
                | :? RunTestExecutionRequest as request ->
                    let report name properties =
                        publish request.Session name properties |> Async.AwaitTask

                    let printer =
                        { TestPrinters.silent with
                            beforeEach = fun name _ -> report name [ InProgressTestNodeStateProperty.CachedInstance ]
                            passed =
                                fun name time -> report name [ PassedTestNodeStateProperty.CachedInstance; timing time ]
                            ignored = fun name reason -> report name [ SkippedTestNodeStateProperty reason ]
                            failed =
                                fun name message time ->
                                    report name [ FailedTestNodeStateProperty(message.Trim()); timing time ]
                            exn =
                                fun name error time ->
                                    report name [ ErrorTestNodeStateProperty(error, error.Message); timing time ]
                        }

                    // The platform counts what was reported and sets the exit code itself: 2 failures, 8 no test.
                    selected request.Filter tests
                    |> runTestsWithCLIArgsAndCancel
                        context.CancellationToken
                        [ Printer printer; No_Spinner; Colours 0; Verbosity LogLevel.Fatal ]
                        [||]
                    |> ignore
                | _ -> ()

                context.Complete()
            }

/// Without this the platform leaves a folder `TestResults` wherever it is started.
let private keepingResultsBesideTests args =
    if Array.contains "--results-directory" args then
        args
    else
        Array.append
            args
            [|
                "--results-directory"
                Path.Combine(AppContext.BaseDirectory, "TestResults")
            |]

/// Serves one session of the testing platform; returns the platform's exit code.
let run (args: string array) (tests: Test) =
    task {
        let! builder = TestApplication.CreateBuilderAsync(keepingResultsBesideTests args)

        builder.RegisterTestFramework((fun _ -> TestFrameworkCapabilities()), (fun _ _ -> Framework tests))
        |> ignore

        use! application = builder.BuildAsync()
        return! application.RunAsync()
    }
    |> _.GetAwaiter().GetResult()

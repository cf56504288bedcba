module OnlinePolicyAdaptation.Tests.TestbedNode

open System.Diagnostics
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Testbed.Nodes

let private cpuSeconds (processor: SharedProcessor) (seconds: float list) =
    let product = MatrixProduct(RandomKey 1UL)

    seconds
    |> List.map (fun seconds -> processor.RunAsync(WorkStep product.Step, seconds, CancellationToken.None))
    |> Task.WhenAll
    |> _.GetAwaiter().GetResult()

    processor.CpuSeconds

[<Tests>]
let tests =
    testList
        "Testbed.Node"
        [
            testCase "requests take the CPU time that they are to take" (fun () ->
                use processor = new SharedProcessor 1.0
                let used = cpuSeconds processor [ for i in 1..20 -> 0.001 * float i ]
                // Each is over or under by half a step, which is a small part of a millisecond.
                Expect.floatClose { absolute = 0.01; relative = 0.0 } used 0.21 "the sum of 1 to 20 ms")

            testCase "a quota is never exceeded by more than a step" (fun () ->
                let quota = 0.2
                let clock = Stopwatch.StartNew()
                use processor = new SharedProcessor(quota)
                let used = cpuSeconds processor [ for _ in 1..10 -> 0.004 ]
                // The quota of the period that has begun is there at once.
                Expect.isLessThan used (quota * (clock.Elapsed.TotalSeconds + 0.01) + 0.003) "CPU seconds")

            testCase "short requests are not held up by a long one that came first" (fun () ->
                use processor = new SharedProcessor 1.0
                let product = MatrixProduct(RandomKey 1UL)

                let run seconds =
                    processor.RunAsync(WorkStep product.Step, seconds, CancellationToken.None)

                let long = run 0.2
                (run 0.002).GetAwaiter().GetResult()
                Expect.isFalse long.IsCompleted "they take turns"
                long.GetAwaiter().GetResult())

            testCase "abandoned requests take no more time" (fun () ->
                use processor = new SharedProcessor 0.0
                use abandoned = new CancellationTokenSource()

                let request =
                    processor.RunAsync(
                        WorkStep(fun () -> failtest "without a quota nothing runs"),
                        1.0,
                        abandoned.Token
                    )

                abandoned.Cancel()

                Expect.throwsT<TaskCanceledException> (fun () -> request.GetAwaiter().GetResult()) "given up"
                Expect.equal processor.InProgress 0 "none is left")

            testCase "a state out of range is refused, and the message says what was expected" (fun () ->
                let refusal state =
                    try
                        (state: NodeState).Check [| "shop" |]
                        ""
                    with :? BadInputException as e ->
                        e.Message

                let fine = NodeState.Of 2.0
                Expect.equal (refusal fine) "" "one that is fine"
                Expect.equal (refusal (NodeState.Of -1.0)) "cpuCores is -1; expected at least 0" "cores"

                Expect.equal
                    (refusal (NodeState(2.0, 0.0, fine.WorkFactors)))
                    "slowdown is 0; expected above 0"
                    "slowdown"

                Expect.equal
                    (refusal (NodeState(2.0, 1.0, dict [ "mail", 2.0 ] |> System.Collections.Generic.Dictionary)))
                    "workFactors names mail; expected one of shop"
                    "services")
        ]

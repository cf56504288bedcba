module OnlinePolicyAdaptation.Tests.TestbedProcesses

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Net
open System.Net.Http
open System.Net.Sockets
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Testbed
open OnlinePolicyAdaptation.Testbed.Fronts
open OnlinePolicyAdaptation.Testbed.Nodes
open OnlinePolicyAdaptation.Testbed.Processes

let private host =
    HostCommand(Dotnet.dotnet, [| Path.Combine(AppContext.BaseDirectory, "opar.dll") |])

let private services = [| "shop"; "mail" |]

let private planOf front ports =
    TestbedPlan(
        [|
            ServiceWork("shop", WorkKind.Compute, 0.2, 0.0)
            ServiceWork("mail", WorkKind.Information, 0.2, 1.0)
        |],
        [|
            for i, port in List.indexed ports -> NodePlan($"node-{i + 1}", port, NodeState.Of 10.0)
        |],
        0.1,
        front,
        0,
        1UL
    )

let private withTestbedOf plan tell (test: TestbedProcesses -> Task<unit>) =
    task {
        let! testbed = TestbedProcesses.StartAsync(host, plan, tell, CancellationToken.None)

        use _ = testbed
        do! test testbed
    }

let private withTestbed ports =
    withTestbedOf (planOf FrontKind.Embedded ports)

/// Answers by service, status and node, of so many requests to each service, eight at once.
let private answers (client: HttpClient) (front: Uri) count =
    task {
        let answers = ConcurrentBag()

        do!
            Parallel.ForEachAsync(
                [
                    for _ in 1..count do
                        yield! services
                ],
                ParallelOptions(MaxDegreeOfParallelism = 8),
                fun service cancellation ->
                    task {
                        use! response = client.GetAsync(Uri(front, service), cancellation)

                        let node =
                            match response.Headers.TryGetValues TestbedHeaders.Node with
                            | true, NonNull values -> Seq.head values
                            | _ -> ""

                        answers.Add(struct (service, int response.StatusCode, node))
                    }
                    |> ValueTask
            )

        return answers |> Seq.countBy id |> Map.ofSeq
    }

let private route name first blocked =
    ServiceRoute(name, Dictionary(dict [ "node-1", first; "node-2", 1.0 - first ]), blocked)

[<Tests>]
let tests =
    testList
        "Testbed.Processes"
        [
            testTask "the front splits and refuses as set, and a change takes effect without a failed request" {
                do!
                    withTestbed [ 0; 0 ] ignore (fun testbed ->
                        task {
                            use client = new HttpClient()

                            let set = FrontConfiguration [| route "shop" 0.25 0.3; route "mail" 1.0 0.0 |]

                            do! testbed.Front.ApplyAsync(set, CancellationToken.None)
                            let! inForce = testbed.Front.ReadBackAsync CancellationToken.None
                            Expect.equal inForce.Services[0].Weights["node-1"] 0.25 "what is in force is read back"
                            Expect.equal inForce.Services[0].BlockingRate 0.3 "the blocking rate, too"

                            let! counted = answers client testbed.FrontAddress 1000

                            let count key =
                                counted.TryFind key |> Option.defaultValue 0
                            // Four standard deviations of 1,000 draws are at most 63.
                            let near expected actual what =
                                Expect.isLessThan (abs (actual - expected)) 63 $"{what}: {actual} of {expected}"

                            near 300 (count (struct ("shop", 429, ""))) "refused"
                            near 175 (count (struct ("shop", 200, "node-1"))) "a quarter of the rest"
                            near 525 (count (struct ("shop", 200, "node-2"))) "three quarters of the rest"
                            Expect.equal (count (struct ("mail", 200, "node-1"))) 1000 "all to one node"
                            Expect.equal (counted.Values |> Seq.sum) 2000 "nothing else"

                            let under = answers client testbed.FrontAddress 300

                            for first in [ 0.0; 1.0; 0.5; 0.0 ] do
                                do!
                                    testbed.Front.ApplyAsync(
                                        FrontConfiguration [| route "shop" first 0.0; route "mail" first 0.0 |],
                                        CancellationToken.None
                                    )

                            let! under = under

                            let failed =
                                under.Keys
                                |> Seq.filter (fun (struct (_, status, _)) -> status <> 200 && status <> 429)

                            Expect.isEmpty failed "none has failed while weights changed"
                            let! after = answers client testbed.FrontAddress 20

                            Expect.equal
                                after
                                (Map.ofList [ struct ("shop", 200, "node-2"), 20; struct ("mail", 200, "node-2"), 20 ])
                                "the last change holds"
                        })
            }

            testTask "premium clients are never refused" {
                do!
                    withTestbed [ 0 ] ignore (fun testbed ->
                        task {
                            use client = new HttpClient()
                            client.DefaultRequestHeaders.Add(TestbedHeaders.ClientGroup, "premium")

                            do!
                                testbed.Front.ApplyAsync(
                                    FrontConfiguration
                                        [|
                                            for service in services ->
                                                ServiceRoute(service, Dictionary(dict [ "node-1", 1.0 ]), 1.0)
                                        |],
                                    CancellationToken.None
                                )

                            let! answered = answers client testbed.FrontAddress 10

                            Expect.equal
                                (answered
                                 |> Map.toList
                                 |> List.sumBy (fun (struct (_, status, _), n) -> if status = 200 then n else 0))
                                20
                                "answered"
                        })
            }

            testTask "a slower node takes the factor of its CPU time, also after it has died and is back" {
                let told = ConcurrentQueue<string>()
                let back = TaskCompletionSource()

                let tell (message: string) =
                    told.Enqueue message

                    if message.Contains " is back at " then
                        back.TrySetResult() |> ignore

                do!
                    withTestbed [ 0 ] tell (fun testbed ->
                        task {
                            use client = new HttpClient()

                            do!
                                testbed.ChangeNodeAsync(
                                    0,
                                    (fun node -> NodeState(node.CpuCores, 30.0, node.WorkFactors)),
                                    CancellationToken.None
                                )

                            use died = Process.GetProcessById testbed.ProcessIds[0]
                            died.Kill()
                            do! back.Task
                            Expect.equal (List.ofSeq told).Head "node-1 has ended; it is started again" "it is said"

                            for _ in 1..20 do
                                let! answer = client.GetAsync(Uri(testbed.FrontAddress, "shop"))
                                Expect.equal (int answer.StatusCode) 200 "it serves again"

                            match! testbed.UsageAsync(0, CancellationToken.None) with
                            | null -> failtest "the node is there"
                            | usage ->
                                Expect.equal usage.RequestsServed["shop"] 20L "requests since the new start"

                                Expect.floatClose
                                    { absolute = 0.01; relative = 0.0 }
                                    usage.CpuSeconds
                                    0.12
                                    "20 times 0.2 ms times 30"
                        })
            }

            testTask "with HAProxy as its front the same is steered, also after that has died and is back" {
                if isNull HaProxyProcess.Program then
                    skiptest "haproxy is not installed (apt-get install haproxy)"

                let back = TaskCompletionSource()

                let tell (message: string) =
                    if message.Contains "front is back at " then
                        back.TrySetResult() |> ignore

                do!
                    withTestbedOf (planOf FrontKind.HaProxy [ 0; 0 ]) tell (fun testbed ->
                        task {
                            use client = new HttpClient()
                            let set = FrontConfiguration [| route "shop" 0.25 0.3; route "mail" 1.0 0.0 |]
                            do! testbed.Front.ApplyAsync(set, CancellationToken.None)
                            let address = testbed.FrontAddress

                            use front = Process.GetProcessById testbed.ProcessIds[2]
                            Expect.equal front.ProcessName "haproxy" "the front"
                            front.Kill()
                            do! back.Task

                            let! inForce = testbed.Front.ReadBackAsync CancellationToken.None
                            Expect.equal inForce.Services[0].Weights["node-1"] 0.25 "it starts with what was set last"
                            Expect.equal inForce.Services[0].BlockingRate 0.3 "the blocking rate, too"
                            Expect.equal testbed.FrontAddress address "at the same address"
                            let! counted = answers client address 20

                            Expect.equal
                                (counted.TryFind(struct ("mail", 200, "node-1")))
                                (Some 20)
                                "it routes to the nodes by their names"
                        })
            }

            testTask "a port that is taken is said, and nothing is left" {
                let taken = new TcpListener(IPAddress.Loopback, 0)
                taken.Start()

                let port =
                    match taken.LocalEndpoint with
                    | :? IPEndPoint as point -> point.Port
                    | other -> failtest $"{other}"

                let! message =
                    task {
                        try
                            do! withTestbed [ 0; port ] ignore (fun _ -> Task.FromResult())
                            return ""
                        with :? BadInputException as e ->
                            return e.Message
                    }

                taken.Stop()

                Expect.equal
                    message
                    $"node-2: port {port} is taken by another process; expected a free one"
                    "name and port"
            }
        ]

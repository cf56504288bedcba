/// A real HAProxy, from Debian's package, before two nodes of the test's own.
module OnlinePolicyAdaptation.Tests.Testbed.HaProxyTests

open System
open System.Collections.Generic
open System.IO
open System.Net
open System.Net.Http
open System.Net.Sockets
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Testbed
open OnlinePolicyAdaptation.Testbed.Fronts
open OnlinePolicyAdaptation.Tests

let private services = [ "shop"; "search" ]

let private route service (weights: (string * float) list) blockingRate =
    ServiceRoute(service, Dictionary(dict weights), blockingRate)

let private configurationOf shop search =
    FrontConfiguration [ route "shop" (fst shop) (snd shop); route "search" (fst search) (snd search) ]

let private even = [ "n1", 0.5; "n2", 0.5 ]

let private startWith = configurationOf (even, 0.0) (even, 0.0)

let private weightsOf (front: FrontConfiguration) service =
    let route = front.Services |> Seq.find (fun route -> route.Name = service)
    route.Weights["n1"], route.Weights["n2"], route.BlockingRate

/// Runs a test with an HAProxy before two nodes, each of which says its name.
let private run (test: HaProxyProcess -> Task<unit>) : Task<unit> =
    if isNull HaProxyProcess.Program then
        skiptest "haproxy is not installed (apt-get install haproxy)"

    StubServer.run (StubServer.reply 200 "n1") (fun one ->
        StubServer.run (StubServer.reply 200 "n2") (fun two ->
            task {
                let nodes = Dictionary(dict [ "n1", one; "n2", two ])

                let! front =
                    HaProxyProcess.StartAsync(FrontSettings(0, nodes, startWith, 1UL), CancellationToken.None)

                try
                    do! test front
                finally
                    front.DisposeAsync().AsTask().Wait()
            }))

/// What became of so many requests: by status, and by the node that answered, which is the one that the header names.
let private ask (client: HttpClient) (front: HaProxyProcess) service (group: string option) count =
    task {
        let seen = ResizeArray<string>()

        for _ in 1..count do
            use request =
                new HttpRequestMessage(HttpMethod.Get, Uri(front.Address, (service: string)))

            group
            |> Option.iter (fun group -> request.Headers.Add(TestbedHeaders.ClientGroup, group))

            use! response = client.SendAsync request
            let! node = response.Content.ReadAsStringAsync()

            let outcome =
                match response.StatusCode with
                | HttpStatusCode.OK ->
                    Expect.equal (Seq.head (response.Headers.GetValues TestbedHeaders.Node)) node "the node's name"
                    node
                | status -> string (int status)

            seen.Add outcome

        return fun outcome -> float (seen |> Seq.filter ((=) outcome) |> Seq.length) / float count
    }

/// Of a share of requests that are drawn independently, 5 standard deviations.
let private expectShare count expected found what =
    let deviation = sqrt (expected * (1.0 - expected) / float count)
    Expect.isLessThan (abs (found - expected)) (5.0 * deviation + 1e-9) $"{what}: {found}, expected {expected}"

let private rounded resolution (weights: (string * float) list) service (front: FrontConfiguration) =
    let one, two, _ = weightsOf front service

    for (node, weight), found in List.zip weights [ one; two ] do
        Expect.isLessThanOrEqual (abs (found - weight)) (resolution + 1e-12) $"{service}: the weight of {node}"

let private apply (front: IFront) configuration =
    front.ApplyAsync(configuration, CancellationToken.None)

let private readBack (front: IFront) =
    front.ReadBackAsync CancellationToken.None

let private refused (front: IFront) configuration (part: string) =
    task {
        try
            do! apply front configuration
            failtest $"taken, though {part}"
        with :? BadInputException as e ->
            Expect.stringContains e.Message part "says why"
    }

[<Tests>]
let tests =
    testList
        "Testbed.Fronts.HaProxy"
        [
            testCaseTask "requests are routed and blocked as was set, from the next one on" (fun () ->
                run (fun front ->
                    task {
                        use client = new HttpClient()

                        do!
                            apply
                                front.Front
                                (configurationOf ([ "n1", 0.2; "n2", 0.8 ], 0.3) ([ "n1", 0.0; "n2", 1.0 ], 0.0))

                        let count = 600
                        let! shop = ask client front "shop" None count
                        expectShare count 0.3 (shop "429") "blocked"
                        expectShare count 0.14 (shop "n1") "at n1"
                        expectShare count 0.56 (shop "n2") "at n2"
                        let! search = ask client front "search" None 50
                        Expect.equal (search "n2") 1.0 "none to a node of weight 0, none blocked"
                        let! premium = ask client front "shop" (Some "premium") 50
                        Expect.equal (premium "429") 0.0 "premium clients are never refused"

                        do! apply front.Front (configurationOf ([ "n1", 1.0; "n2", 0.0 ], 0.0) (even, 1.0))
                        let! shop = ask client front "shop" None 50
                        Expect.equal (shop "n1") 1.0 "from the next request on"
                        let! search = ask client front "search" None 20
                        Expect.equal (search "429") 1.0 "all are refused"

                        do! apply front.Front (configurationOf ([ "n1", 0.0; "n2", 0.0 ], 0.0) (even, 0.0))
                        let! shop = ask client front "shop" None 200
                        expectShare 200 0.5 (shop "n1") "with no weight at all, each as likely"
                        let! other = ask client front "other" None 1
                        Expect.equal (other "404") 1.0 "a service that is not there"
                    }))

            testCaseTask "what is read back is what was set, within the resolution" (fun () ->
                run (fun front ->
                    let share =
                        Gen.choose (0, 1000) |> Gen.map (fun thousandths -> float thousandths / 1000.0)

                    let law =
                        Prop.forAll (Arb.fromGen (Gen.listOfLength 6 share)) (fun values ->
                            let shop = [ "n1", values[0]; "n2", values[1] ]
                            let search = [ "n1", values[2]; "n2", values[3] ]

                            (apply front.Front (configurationOf (shop, values[4]) (search, values[5])))
                                .GetAwaiter()
                                .GetResult()

                            let found = (readBack front.Front).GetAwaiter().GetResult()
                            rounded front.Front.Resolution shop "shop" found
                            rounded front.Front.Resolution search "search" found

                            for service, rate in [ "shop", values[4]; "search", values[5] ] do
                                let _, _, blocked = weightsOf found service
                                Expect.floatClose Accuracy.high blocked rate $"{service}: blocking rate"

                            (apply front.Front found).GetAwaiter().GetResult()
                            let again = (readBack front.Front).GetAwaiter().GetResult()

                            for service in services do
                                Expect.equal
                                    (weightsOf again service)
                                    (weightsOf found service)
                                    "what is read back is taken as it is")

                    Check.One(Config.QuickThrowOnFailure.WithMaxTest 30, law)
                    Task.FromResult()))

            testCaseTask "the start is in force at once, and what cannot be is refused with the reason" (fun () ->
                run (fun front ->
                    task {
                        let! found = readBack front.Front
                        Expect.equal (weightsOf found "shop") (0.5, 0.5, 0.0) "the start"

                        do!
                            refused
                                front.Front
                                (configurationOf ([ "n1", 2.0 ], 0.0) (even, 0.0))
                                "n1 is 2; HAProxy expects 0 to 1"

                        do! refused front.Front (configurationOf ([ "n3", 1.0 ], 0.0) (even, 0.0)) "n3"
                        do! refused front.Front (configurationOf (even, 1.5) (even, 0.0)) "blockingRate is 1.5"
                        let! found = readBack front.Front
                        Expect.equal (weightsOf found "shop") (0.5, 0.5, 0.0) "nothing has changed"

                        let taken = front.Address.Port

                        let! message =
                            task {
                                try
                                    let nodes = Dictionary(dict [ "n1", front.Address; "n2", front.Address ])

                                    let! second =
                                        HaProxyProcess.StartAsync(
                                            FrontSettings(taken, nodes, startWith, 1UL),
                                            CancellationToken.None
                                        )

                                    do! second.DisposeAsync()
                                    return "it started"
                                with :? BadInputException as e ->
                                    return e.Message
                            }

                        Expect.stringContains message $"{taken}" "the port that is taken"
                    }))

            testCaseTask "one that dies cannot be reached, and leaves nothing behind" (fun () ->
                run (fun front ->
                    task {
                        let before = front.Front
                        front.Kill()
                        do! front.Ended

                        let! message =
                            task {
                                try
                                    let! _ = readBack before
                                    return "it answered"
                                with :? IOException as e ->
                                    return e.Message
                            }

                        Expect.stringContains message "HAProxy's socket" "says what"
                        use listener = new TcpListener(IPAddress.Loopback, front.Address.Port)
                        listener.Start()
                    }))

            test "names that HAProxy does not take are refused" {
                Expect.throwsT<BadInputException>
                    (fun () -> HaProxyFront("/tmp/s", HaProxyNames([| "a b" |], [| "n1" |], "map")) |> ignore)
                    "a blank"
            }
        ]

module OnlinePolicyAdaptation.Tests.Service.Visits

open System
open System.Net
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Service

let private limits =
    { WebHost.connections with
        Most = 4
        OfOneClient = 3
        ForProbes = 2
    }

let private visit (client: int) =
    Visit(IPAddress [| 10uy; 0uy; 0uy; byte client |], ignore)

let private entered (visits: Visits) client =
    let visit = visit client
    let out = visits.Enter visit
    visit, out

let private enter visits client = fst (entered visits client)

let private makesRoom (expected: Visit) (out: Visit voption) why =
    match out with
    | ValueSome out -> Expect.isTrue (Object.ReferenceEquals(expected, out)) why
    | ValueNone -> failtest $"{why}: nobody has to go"

[<Tests>]
let tests =
    testList
        "Service.Visits"
        [
            test "a client that has its share gives up the connection that has rested longest" {
                let visits = Visits limits
                let first = enter visits 1
                let second = enter visits 1
                let third = enter visits 1
                visits.Serve first
                visits.Rest first
                let fourth, out = entered visits 1
                makesRoom second out "the first had a request since"
                Expect.isFalse fourth.IsForProbes "a connection like others"
                visits.Serve third
                let _, out = entered visits 1
                makesRoom first out "the third is served"
            }

            test "where there are as many as may be, anybody's gives way" {
                let visits = Visits limits
                let first = enter visits 1
                enter visits 2 |> ignore
                enter visits 2 |> ignore
                Expect.equal (snd (entered visits 3)) ValueNone "the last one for which there is room"
                makesRoom first (snd (entered visits 4)) "one more"
            }

            test "where all are served, a newcomer is for probes, of which the first gives way" {
                let visits = Visits limits

                for client in [ 1; 1; 1; 2 ] do
                    visits.Serve(enter visits client)

                let probe, out = entered visits 1
                Expect.isTrue probe.IsForProbes "for probes"
                Expect.equal out ValueNone "in addition"
                Expect.isTrue (enter visits 3).IsForProbes "for probes"
                makesRoom probe (snd (entered visits 4)) "the first of those for probes"
            }

            test "who has left leaves room" {
                let visits = Visits limits
                let all = [ for client in [ 1; 1; 1; 2 ] -> enter visits client ]
                all |> List.iter visits.Serve
                visits.Leave all.Head
                let next, out = entered visits 1
                Expect.isFalse next.IsForProbes "room"
                Expect.equal out ValueNone "nobody has to go"
            }

            test "one that had to go does not come back when its request ends" {
                let visits = Visits limits
                let first = enter visits 1
                visits.Leave first
                visits.Rest first
                Expect.equal visits.Count 0 "gone"
            }

            test
                "there are never more than there may be, and nobody who is served has to go for a connection like others" {
                Prop.forAll
                    (Arb.fromGen (Gen.listOf (Gen.zip (Gen.choose (0, 3)) (Gen.choose (0, 9)))))
                    (fun commands ->
                        let visits = Visits limits
                        let mutable here: Visit list = []

                        commands
                        |> List.forall (fun (command, number) ->
                            match command, here with
                            | (0 | 1), _ ->
                                let visit, out = entered visits (number % 3)
                                let gone = ValueOption.toList out

                                here <-
                                    visit
                                    :: (here
                                        |> List.filter (fun visit ->
                                            not (List.exists (fun out -> Object.ReferenceEquals(out, visit)) gone)))

                                gone |> List.forall (fun out -> out.IsForProbes || not out.IsServed)
                            | _, [] -> true
                            | 2, _ ->
                                visits.Serve here[number % here.Length]
                                true
                            | _ ->
                                visits.Rest here[number % here.Length]
                                true
                            && visits.Count = here.Length
                            && here |> List.filter _.IsForProbes |> List.length <= limits.ForProbes
                            && here |> List.filter (fun visit -> not visit.IsForProbes) |> List.length
                               <= limits.Most
                            && here
                               |> List.filter (fun visit -> not visit.IsForProbes)
                               |> List.countBy _.Client
                               |> List.forall (fun (_, count) -> count <= limits.OfOneClient)))
                |> Check.QuickThrowOnFailure
            }

            test "there are no more connections than files that may be open, and always some" {
                let most files =
                    let afforded = WebHost.affordable files WebHost.connections
                    afforded.Most, afforded.ForProbes

                Expect.equal (most None) (256, 32) "without a limit"
                Expect.equal (most (Some 1024)) (256, 32) "the usual limit"
                Expect.equal (most (Some 400)) (75, 25) "a low limit"
                Expect.equal (most (Some 250)) (3, 1) "hardly any"
                Expect.equal (most (Some 10)) (3, 1) "none"
            }

            test "the limit of open files is read" {
                let lines limit =
                    [
                        "Limit                     Soft Limit           Hard Limit           Units"
                        "Max processes             127                  127                  processes"
                        $"Max open files            {limit}                  250                  files"
                    ]

                Expect.equal (Descriptors.limitIn (lines "250")) (Some 250) "a number"
                Expect.equal (Descriptors.limitIn (lines "unlimited")) None "without a limit"
                Expect.equal (Descriptors.limitIn []) None "not told"
            }
        ]

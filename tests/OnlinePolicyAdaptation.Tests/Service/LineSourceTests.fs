module OnlinePolicyAdaptation.Tests.Service.LineSource

open System
open System.IO
open System.Text
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

/// The system that the files of cases are of.
let private system =
    { Intervals.system with
        Topology = Topology(TwoNodes.array [ "service-1" ], TwoNodes.array [ "n1"; "n2" ])
    }

let private read system (stream: Stream) =
    task {
        let pull = LineSource.create system TimeProvider.System stream
        let! arrived = pull CancellationToken.None
        return [ for arrival in arrived -> arrival.Content ]
    }

let private readCase name =
    task {
        use file =
            File.OpenRead(Path.Combine(Repository.folder, "tests", "OnlinePolicyAdaptation.Tests", "Cases", name))

        return! read system file
    }

let private levels (content: Result<Interval, Fault>) =
    match content with
    | Ok interval -> List.ofSeq interval.Configuration.Levels
    | Error fault -> failtest fault.Reason

[<Tests>]
let tests =
    testList
        "Service.LineSource"
        [
            testTask "rounding noise at the ends of a grid is a level" {
                let! contents = readCase "rounding-noise.ndjson"
                Expect.equal (contents |> List.map levels) [ [ 0; 4 ]; [ 5; 4 ] ] "levels"
            }

            testTask "a byte-order mark does not spoil the first line" {
                let! contents = readCase "byte-order-mark.ndjson"
                Expect.equal (contents |> List.map levels) [ [ 5; 4 ]; [ 5; 4 ] ] "levels"
            }

            testTask "a time without offset is not of the machine's zone" {
                let! contents = readCase "time-without-offset.ndjson"
                Expect.isNonEmpty contents "lines"

                for content in contents do
                    match content with
                    | Ok(interval: Interval) -> failtest $"read as {interval.Time}"
                    | Error fault ->
                        Expect.equal fault.Kind FaultKind.BadValue "kind"
                        Expect.stringContains fault.Reason "no offset" "reason"
            }
        ]

/// opar testbed load: requests to an address, and how they were answered.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedLoadCommand

open System
open System.Threading
open System.Threading.Tasks
open Argu
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Testbed.Collection
open OnlinePolicyAdaptation.Testbed.LoadGeneration

type private LoadRequest =
    {
        Front: Uri
        Loads: ServiceLoad list
        Seconds: float
        Timeout: TimeSpan
        MostInFlight: int
        Key: RandomKey
    }

/// What there is to draw with the seed.
let private sending, private patterns = 0, 1

let private within option lowest highest unit value =
    if value >= lowest && value <= highest then
        Ok value
    else
        Error $"{option} {value}; expected {unit}, from {lowest} to {highest}"

let private distinct (loads: ServiceLoad list) =
    match loads |> List.countBy _.Requests |> List.tryFind (fun (_, count) -> count > 1) with
    | Some(requests, count) -> Error $"--service {requests}: given {count} times; expected once"
    | None -> Ok loads

let private requestOf (arguments: ParseResults<TestbedLoadArguments>) =
    result {
        let key = RandomKey(uint64 (arguments.GetResult(Seed, 1)))

        let! front =
            CommandLine.address "a server" (arguments.GetResult TestbedLoadArguments.Front)

        let! loads =
            arguments.GetResults Service
            |> List.mapi (fun i text -> LoadText.parse (key.Split(patterns).Split i) text)
            |> List.sequenceResultM
            |> Result.bind distinct

        let! seconds =
            arguments.GetResult(Seconds, 10.0) |> within "--seconds" 0.1 1e6 "seconds"

        let! timeout =
            arguments.GetResult(TestbedLoadArguments.Timeout, 10.0)
            |> within "--timeout" 0.001 3600.0 "seconds"

        let! mostInFlight =
            arguments.GetResult(Most_In_Flight, 2000)
            |> within "--most-in-flight" 1 100000 "requests"

        return
            {
                Front = front
                Loads = loads
                Seconds = seconds
                Timeout = TimeSpan.FromSeconds timeout
                MostInFlight = mostInFlight
                Key = key.Split sending
            }
    }

let private milliseconds (time: Nullable<ResponseTime>) =
    match Option.ofNullable time with
    | Some time -> $"{time.Seconds * 1e3:F1}"
    | None -> "-"

let private quantile (measured: MeasuredRequests) (of': ResponseTimeStatistics -> Nullable<ResponseTime>) =
    match measured.Statistics with
    | null -> "-"
    | statistics -> milliseconds (of' statistics)

let private sum (count: MeasuredRequests -> int64) (measured: MeasuredInterval) = measured.Services |> Seq.sumBy count

/// How the last second went.
let private note (measured: MeasuredInterval) =
    let offered, failed = sum _.Offered measured, sum _.Failed measured
    let inFlight = sum _.InFlight measured
    let failures = if failed > 0L then $", {failed} failed" else ""
    $"{float offered / measured.LengthSeconds:F0} requests/s, {inFlight} in flight{failures}"

/// Sends the requests, with progress second by second, and gives what was measured in all; and for how long was sent.
let private send request (stop: CancellationToken) =
    WarmUp.RunAsync(stop).Wait()
    let classes = request.Loads |> List.map _.Requests
    let all = Collector(classes, TimeProvider.System)
    let second = Collector(classes, TimeProvider.System)
    use sender = new RequestSender(request.Front, request.Timeout)

    let generator =
        LoadGenerator(
            request.Loads,
            request.Key,
            (fun requests stop -> sender.SendAsync(requests, stop)),
            [ all; second ],
            MostInFlight = request.MostInFlight
        )

    let tenths = int64 (10.0 * request.Seconds)

    let started = TimeProvider.System.GetTimestamp()

    let elapsed () =
        TimeProvider.System.GetElapsedTime started

    Terminal.withMeter $"sending to {request.Front}" tenths (fun meter ->
        let run: Task = generator.RunAsync(request.Seconds, stop)
        let mutable sent = request.Seconds

        while not (run.Wait(TimeSpan.FromSeconds 1.0)) do
            if not stop.IsCancellationRequested then
                meter (int64 (10.0 * elapsed().TotalSeconds)) (note (second.Cut()))

        if stop.IsCancellationRequested then
            sent <- min sent (elapsed().TotalSeconds)

        meter tenths (note (second.Cut()))
        struct (all.Cut(), sent))

let private row seconds (measured: MeasuredRequests) =
    let rate (count: int64) = $"{float count / seconds:F1}"

    [
        measured.Name
        rate measured.Offered
        rate measured.Carried
        rate measured.Blocked
        rate measured.Failed
        milliseconds measured.MeanResponseTime
        quantile measured _.P50
        quantile measured _.P90
        quantile measured _.P95
        quantile measured _.P99
    ]

let private nodeRow seconds service (node: MeasuredAtNode) =
    let measured =
        MeasuredRequests(
            $"  {service} at {node.Node}",
            Carried = node.Carried,
            Failed = node.Failed,
            MeanResponseTime = node.MeanResponseTime,
            Statistics = node.Statistics
        )

    match row seconds measured with
    | name :: _ :: carried :: _ :: rest -> name :: "" :: carried :: "" :: rest
    | short -> short

let private print seconds (measured: MeasuredInterval) =
    let rows =
        [
            for requests in measured.Classes do
                row seconds requests

            for service in measured.Services do
                for node in service.Nodes do
                    nodeRow seconds service.Name node
        ]

    Terminal.table
        [
            "service"
            "offered/s"
            "carried/s"
            "blocked/s"
            "failed/s"
            "mean ms"
            "p50"
            "p90"
            "p95"
            "p99"
        ]
        rows

    for service in measured.Services do
        for failure in service.Failures do
            printfn $"{service.Name}: {failure.Count} failed: {failure.Reason}"

    let sending = measured.Sending

    printfn
        $"{sending.Sent} requests in {seconds:F1} s; sent {sending.MedianLatenessSeconds * 1e3:F2} ms late at the median, {sending.P99LatenessSeconds * 1e3:F2} ms at p99"

    if not sending.KeptUp then
        Terminal.tell
            $"the generator did not keep up: {sending.Unsent} requests were not sent, and 1 %% was sent {sending.P99LatenessSeconds * 1e3:F0} ms late or later; lower the rate, or give it more of the machine"

let private report seconds (measured: MeasuredInterval) =
    print seconds measured

    let offered = sum _.Offered measured

    match measured.Services |> Seq.collect _.Failures |> Seq.tryHead with
    | Some failure when offered = sum _.Failed measured ->
        Error $"none of {offered} requests was answered: {failure.Reason}"
    | _ -> Ok()

let run (arguments: ParseResults<TestbedLoadArguments>) =
    requestOf arguments
    |> Result.bind (fun request ->
        let struct (measured, seconds) =
            Terminal.untilInterrupted Terminal.atOnce (send request)

        report seconds measured)

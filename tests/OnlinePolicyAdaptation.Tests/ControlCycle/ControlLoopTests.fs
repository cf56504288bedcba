module OnlinePolicyAdaptation.Tests.ControlCycle.ControlLoop

open System
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private settings = TwoNodes.settings Planner.BasePolicy
let private cycle = Cycle.create settings [] (RandomKey 1UL)
let private corner = TwoNodes.configuration 1.0 5.0

/// The formula as an environment, which fails at a cycle, if any.
let private formula failingAt =
    let mutable configuration = corner
    let mutable interval = 0

    { new IEnvironment with
        member _.ObserveAsync _ =
            if Some interval = failingAt then
                raise (TimeoutException "no metrics")

            let seconds = ValueSome(TwoNodes.responseTime 0.08 configuration)
            let metrics = TwoNodes.metrics interval configuration seconds
            interval <- interval + 1
            ValueTask<Metrics> metrics

        member _.ApplyAsync(next, _) =
            configuration <- next
            ValueTask.CompletedTask

        member _.ReadBackAsync _ = ValueTask<Configuration> configuration
    }

let private runFrom state environment cycles sink (cancellation: CancellationToken) =
    task {
        use engine = Engine.start ()
        return! ClosedLoop.run engine cycle state environment cycles sink cancellation
    }

let private run environment cycles sink cancellation =
    task {
        let! _ = runFrom (Cycle.start cycle) environment cycles sink cancellation
        return ()
    }

[<Tests>]
let tests =
    testList
        "ControlCycle.ControlLoop"
        [
            testTask "every decision is taken on metrics that the last action led to" {
                let records = ResizeArray<CycleRecord>()
                do! run (formula None) 8 (fun timed -> records.Add timed.Record) CancellationToken.None
                Expect.equal (records |> Seq.map _.Cycle |> List.ofSeq) [ 0..7 ] "each cycle once, in order"

                for before, after in Seq.pairwise records do
                    Expect.equal after.Metrics.Configuration before.Next "closed loop"
            }

            testTask "a failing environment ends the stream with its error, after the records so far" {
                let records = ResizeArray<CycleRecord>()
                let mutable message = ""

                try
                    do! run (formula (Some 3)) 8 (fun timed -> records.Add timed.Record) CancellationToken.None
                with e ->
                    message <- e.GetBaseException().Message

                Expect.equal message "no metrics" "not swallowed"
                Expect.equal records.Count 3 "kept"
            }

            testTask "cancelling stops before the next cycle" {
                let source = new CancellationTokenSource()
                let records = ResizeArray<CycleRecord>()

                let sink (timed: TimedRecord) =
                    records.Add timed.Record

                    if records.Count = 4 then
                        source.Cancel()

                do! run (formula None) 1_000_000 sink source.Token
                Expect.isGreaterThanOrEqual records.Count 4 "what was decided is there"
                Expect.isLessThan records.Count 1_000_000 "stopped early"
            }

            testTask "a stream that is cancelled before it starts ends without a record" {
                let mutable records = 0
                let sink _ = records <- records + 1

                do! (run (formula None) 8 sink (CancellationToken true)).WaitAsync(TimeSpan.FromSeconds 20.0)
                Expect.equal records 0 "nothing was decided"
            }

            testTask "a loop goes on from the states that another one ended with" {
                let records = ResizeArray<CycleRecord>()
                let environment = formula None
                let sink (timed: TimedRecord) = records.Add timed.Record
                let! between = runFrom (Cycle.start cycle) environment 3 sink CancellationToken.None
                let! last = runFrom between environment 5 sink CancellationToken.None
                Expect.equal (records |> Seq.map _.Cycle |> List.ofSeq) [ 0..7 ] "each cycle once, in order"
                Expect.equal (Cycle.number cycle last) 8 "the next one"

                let whole = ResizeArray<CycleRecord>()
                do! run (formula None) 8 (fun timed -> whole.Add timed.Record) CancellationToken.None

                Expect.equal
                    (records |> Seq.map _.Next |> List.ofSeq)
                    (whole |> Seq.map _.Next |> List.ofSeq)
                    "as in one run"
            }
        ]

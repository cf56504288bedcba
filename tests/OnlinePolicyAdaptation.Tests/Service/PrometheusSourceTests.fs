module OnlinePolicyAdaptation.Tests.Service.PrometheusSource

open System
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service

/// A clock whose wait is over at once, and which can be set.
type private SettableClock() =
    inherit TimeProvider()
    let mutable steady = TimeSpan.Zero
    let mutable offset = TimeSpan.Zero

    member val Waits = ResizeArray<TimeSpan>()
    member _.Set step = offset <- offset + step
    override _.TimestampFrequency = TimeSpan.TicksPerSecond
    override _.GetTimestamp() = steady.Ticks

    override _.GetUtcNow() =
        DateTimeOffset(2024, 5, 6, 7, 8, 10, TimeSpan.Zero) + steady + offset

    override this.CreateTimer(callback, state, dueTime, period) =
        this.Waits.Add dueTime
        steady <- steady + dueTime
        TimeProvider.System.CreateTimer(callback, state, TimeSpan.Zero, period)

let private interval = TimeSpan.FromSeconds 5.0

/// The source on this clock, with a server that fails so often, and what it told.
let private sourceAfter last (clock: SettableClock) failures =
    let mutable left = failures
    let told = ResizeArray<SourceTrouble>()
    let unusable = ResizeArray<string>()
    let asked = ResizeArray<DateTimeOffset>()

    let query time (_: CancellationToken) =
        asked.Add time
        left <- left - 1

        Task.FromResult(
            if left >= 0 then
                Error(QueryError.Unreachable "down")
            else
                Error(
                    QueryError.Unusable
                        {
                            Kind = FaultKind.BadValue
                            Reason = "x"
                        }
                )
        )

    let tell trouble =
        match trouble with
        | SourceTrouble.Unusable reason -> unusable.Add reason
        | _ -> told.Add trouble

    PrometheusSource.create query tell interval last clock, told, asked

let private source clock failures = sourceAfter ValueNone clock failures

let private isWithinInterval (clock: SettableClock) =
    for wait in clock.Waits do
        Expect.isLessThanOrEqual wait interval "a pause"

[<Tests>]
let tests =
    testList
        "Service.PrometheusSource"
        [
            testTask "an outage is over an interval after the server is back" {
                let clock = SettableClock()
                let pull, told, asked = source clock 20
                let! _ = pull CancellationToken.None
                isWithinInterval clock
                Expect.equal asked.Count 21 "asked at each interval's end"
                Expect.equal (List.ofSeq told) (List.replicate 20 (SourceTrouble.Unreachable "down")) "told"
            }

            for step in [ -120.0; 120.0 ] do
                testTask $"a clock that is set by {step} s is told and followed" {
                    let clock = SettableClock()
                    let pull, told, asked = source clock 0
                    let! _ = pull CancellationToken.None
                    clock.Set(TimeSpan.FromSeconds step)
                    let! _ = pull CancellationToken.None
                    let! _ = pull CancellationToken.None
                    isWithinInterval clock
                    Expect.equal (List.ofSeq told) [ SourceTrouble.ClockStepped(TimeSpan.FromSeconds step) ] "told"
                    Expect.equal (asked[2] - asked[1]) interval "one interval further"
                    Expect.isLessThanOrEqual asked[2] (clock.GetUtcNow()) "not of the future"
                }

            testTask "intervals go on in their rhythm after the clock was put back, and end at none of the times before" {
                let clock = SettableClock()
                let pull, _, asked = source clock 0
                let stamps = ResizeArray<TimeSpan>()

                for n in 0..19 do
                    let! _ = pull CancellationToken.None
                    stamps.Add(TimeSpan(clock.GetTimestamp()))

                    if n = 5 || n = 12 then
                        clock.Set(TimeSpan.FromSeconds -30.0)

                for before, after in Seq.pairwise stamps do
                    Expect.isLessThanOrEqual (after - before) (interval + TimeSpan.FromMilliseconds 1.0) "a pause"
                    Expect.isGreaterThanOrEqual (after - before) interval "not asked twice for the same"

                Expect.equal (Seq.distinct asked |> Seq.length) 20 "times"
            }

            testTask "a clock that was put back since an earlier process is told and followed" {
                let clock = SettableClock()
                let start = clock.GetUtcNow()

                let pull, told, asked =
                    sourceAfter (ValueSome(start + TimeSpan.FromSeconds 90.0)) clock 0

                let! _ = pull CancellationToken.None
                isWithinInterval clock
                Expect.equal (List.ofSeq told) [ SourceTrouble.ClockStepped(TimeSpan.FromSeconds -90.0) ] "told"
                Expect.isTrue (asked[0] > start && asked[0] <= clock.GetUtcNow()) "by the clock as it is"
                let behind = (start + TimeSpan.FromSeconds 90.0 - asked[0]).Ticks % interval.Ticks
                Expect.notEqual behind 0L "another rhythm than that of the earlier process"
            }

            testTask "an earlier process that ended before now is nothing to tell" {
                let clock = SettableClock()
                let pull, told, asked = sourceAfter (ValueSome(clock.GetUtcNow())) clock 0
                let! _ = pull CancellationToken.None
                Expect.isEmpty told "nothing"
                Expect.equal (asked[0].UtcTicks % interval.Ticks) 0L "at whole multiples"
            }
        ]

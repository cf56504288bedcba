module OnlinePolicyAdaptation.Tests.Service.LogLimit

open System
open System.Collections.Generic
open System.Threading
open Expecto
open FsCheck
open FsCheck.FSharp
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// A clock that goes when it is told to.
type private StillClock() =
    inherit TimeProvider()
    let mutable now = 0L
    member _.Go(time: TimeSpan) = now <- now + time.Ticks
    override _.TimestampFrequency = TimeSpan.TicksPerSecond
    override _.GetTimestamp() = now

/// Lines as they are logged, and the exceptions with them.
type private Lines() =
    let lines = List<struct (string * exn | null)>()
    member _.Texts = [ for struct (text, _) in lines -> text ]

    member _.Exceptions =
        [ for struct (_, error) in lines -> error ] |> List.choose Option.ofObj

    interface ILogger with
        member _.IsEnabled _ = true
        member _.BeginScope _ = null

        member _.Log(_, _, state, error, format) =
            lines.Add(struct (format.Invoke(state, error), error))

let private watching (test: StillClock -> Lines -> Watch -> unit) =
    let clock = StillClock()
    let lines = Lines()

    let watch =
        WatchLog.create
            (Measures [ "web" ])
            (Health(TimeProvider.System, ValueNone))
            lines
            (LimitedLog clock)
            TwoNodes.reward
            [ "web" ]
            TwoNodes.grid

    test clock lines watch

let private fault kind reason = { Kind = kind; Reason = reason }

/// How many lines were logged and how many told of, in the slow and obvious way: of all in a minute since a logged one, one.
let private slow (times: float list) =
    (([], None), times)
    ||> List.fold (fun (logged, last) time ->
        match last with
        | Some before when time - before < 60.0 -> logged, last
        | _ -> time :: logged, Some time)
    |> fst
    |> List.rev

[<Tests>]
let tests =
    testList
        "Service.LogLimit"
        [
            test "the first line of a kind is logged at once, further ones once a minute with how many were passed over" {
                let clock = StillClock()
                let limit = LimitedLog clock
                let said = List<string>()

                let say kind =
                    limit.Say kind (fun more -> said.Add $"{kind}{more}")

                say "a"
                say "b"
                say "a"
                clock.Go(TimeSpan.FromSeconds 59.999)
                say "a"
                Expect.equal (List.ofSeq said) [ "a"; "b" ] "one of each"
                Expect.equal limit.PassedOver [ "a", 2L ] "known"
                clock.Go(TimeSpan.FromSeconds 0.001)
                say "a"
                say "b"
                Expect.equal said[2] "a (2 more of this kind since the last line)" "told"
                Expect.equal said[3] "b" "nothing to tell"
                Expect.equal limit.PassedOver [] "all is told"
            }

            testProperty "no line is lost: each is logged, or counted" (fun (gaps: NonNegativeInt list) ->
                let times =
                    gaps
                    |> List.scan (fun time (NonNegativeInt gap) -> time + float (gap % 100)) 0.0

                let step (limit, logged, told) time =
                    match LogLimit.next (TimeSpan.FromSeconds(time: float)) "k" limit with
                    | struct (next, ValueSome passedOver) -> next, time :: logged, told + passedOver
                    | struct (next, ValueNone) -> next, logged, told

                let limit, logged, told = ((LogLimit.empty, [], 0L), times) ||> List.fold step
                let rest = LogLimit.passedOver limit |> List.sumBy snd
                Expect.equal (List.rev logged) (slow times) "when"
                Expect.equal (int64 logged.Length + told + rest) (int64 times.Length) "how many")

            test "quarantine is logged by kind, in one bounded line, without secrets" {
                watching (fun _ lines watch ->
                    let foreign = "https://u:secret@h/?secret\n" + String('x', 5000)

                    for _ in 1..1000 do
                        watch.Quarantined(fault FaultKind.BadValue foreign)

                    watch.Quarantined(fault FaultKind.Backwards "late")
                    Expect.equal lines.Texts.Length 2 "one of each kind"
                    Expect.stringContains lines.Texts[0] "badValue" "its kind"
                    Expect.isLessThan lines.Texts[0].Length 700 "bounded"
                    Expect.isFalse (lines.Texts[0].Contains '\n') "one line"
                    Expect.isFalse (lines.Texts[0].Contains "secret") "no secret")
            }

            test "what goes on for long is told once a minute" {
                watching (fun clock lines watch ->
                    for _ in 1..180 do
                        watch.RefitFailed { Reason = "none"; Failure = ValueNone }
                        clock.Go(TimeSpan.FromSeconds 1.0)

                    Expect.equal lines.Texts.Length 3 "of three minutes"
                    Expect.stringContains lines.Texts[1] "59 more" "with how many")
            }

            test "the stack of a fault is logged once for each kind" {
                watching (fun clock lines watch ->
                    let failure (error: exn) : StageFailure voption =
                        ValueSome { Stage = "adapt"; Exception = error }

                    for i in 1..100 do
                        watch.RefitFailed
                            {
                                Reason = "none"
                                Failure = failure (InvalidOperationException $"fault {i}")
                            }

                        clock.Go(TimeSpan.FromMinutes 5.0)

                    watch.RefitFailed
                        {
                            Reason = "none"
                            Failure = failure (ArgumentException "other")
                        }

                    Expect.equal lines.Exceptions.Length 2 "one of each")
            }
        ]

module OnlinePolicyAdaptation.Tests.Service.Health

open System
open Expecto
open OnlinePolicyAdaptation.Service

/// A clock that goes as it is told.
type private Clock() =
    inherit TimeProvider()
    member val Ticks = 0L with get, set
    override _.TimestampFrequency = TimeSpan.TicksPerSecond
    override this.GetTimestamp() = this.Ticks

    member this.Pass seconds =
        this.Ticks <- this.Ticks + TimeSpan.FromSeconds(float seconds).Ticks

let private health () = Health(Clock(), ValueNone)

let private reasons (health: Health) =
    match health.Readiness with
    | Readiness.Ready -> ""
    | Readiness.NotReady reason -> reason

[<Tests>]
let tests =
    testList
        "Service.Health"
        [
            test "a condition holds until it is cleared, and all that hold are told" {
                let health = health ()
                Expect.equal health.Readiness Readiness.Ready "at first"
                health.Raise(Condition.Journal, "disk full")
                health.Raise(Condition.Starting, "replaying")
                Expect.equal (reasons health) "starting: replaying\njournal: disk full" "both"
                health.Raise(Condition.Journal, "read-only")
                health.Clear Condition.Starting
                Expect.equal (reasons health) "journal: read-only" "the latest reason"
                health.Clear Condition.Journal
                Expect.equal health.Readiness Readiness.Ready "at last"
            }

            test "deciding is at fault after three failures in a row" {
                let health = health ()
                health.DecidingFailed "a"
                health.DecidingFailed "b"
                health.Decided()
                health.DecidingFailed "c"
                health.DecidingFailed "d"
                Expect.equal health.Readiness Readiness.Ready "two in a row"
                health.DecidingFailed "e"
                Expect.equal (reasons health) "deciding: failed 3 times in a row, last: e" "three in a row"
                health.Decided()
                Expect.equal health.Readiness Readiness.Ready "a decision"
            }

            test "a source is silent once no interval has come for longer than it may take" {
                let clock = Clock()
                let health = Health(clock, ValueSome(TimeSpan.FromSeconds 10.0))
                clock.Pass 10
                Expect.equal health.Readiness Readiness.Ready "as long as it may"
                clock.Pass 1
                Expect.equal (reasons health) "source: no interval for 11 s; expected one within 10 s" "longer"
                health.Took()
                Expect.equal health.Readiness Readiness.Ready "one came"
            }

            test "a source is at fault at once before the first interval, then after three failures in a row" {
                let health = health ()
                health.SourceFailed "two series"

                Expect.equal
                    (reasons health)
                    "source: no interval, 1 times in a row, last: two series"
                    "it has never given one"

                health.Took()
                Expect.equal health.Readiness Readiness.Ready "one came"
                health.SourceFailed "a"
                health.SourceFailed "b"
                health.Took()
                health.SourceFailed "c"
                health.SourceFailed "d"
                Expect.equal health.Readiness Readiness.Ready "two in a row"
                health.SourceFailed "e"
                Expect.equal (reasons health) "source: no interval, 3 times in a row, last: e" "three in a row"
            }

            test "why a source gives nothing is told rather than that it is silent" {
                let clock = Clock()
                let health = Health(clock, ValueSome(TimeSpan.FromSeconds 10.0))
                health.SourceFailed "two series"
                clock.Pass 11
                Expect.stringContains (reasons health) "two series" "the reason"
            }

            test "what is asked for holds as long as there is a reason" {
                let health = health ()
                let mutable full = ref ValueNone
                health.Ask(Condition.Busy, (fun () -> full.Value))
                Expect.equal health.Readiness Readiness.Ready "no reason"
                full.Value <- ValueSome "256 wait"
                Expect.equal (reasons health) "busy: 256 wait" "a reason"
            }

            test "posts are refused while the journal cannot be written, and not for other reasons" {
                let health = health ()
                health.Raise(Condition.Deciding, "x")
                health.Raise(Condition.Busy, "y")
                Expect.equal health.Refusal ValueNone "other reasons"
                health.Raise(Condition.Journal, "disk full")
                Expect.equal health.Refusal (ValueSome "nothing is taken in: disk full") "journal"
            }
        ]

module OnlinePolicyAdaptation.Tests.Service.Pace

open System
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// No timer of the platform takes longer.
let private longest = TimeSpan.FromMilliseconds(float (UInt32.MaxValue - 1u))

[<Tests>]
let tests =
    testList
        "Service.Pace"
        [
            for interval in [ 0.001; 5.0; 1e6 ] do
                for speed in [ 1e-300; 1e-9; 1e-3; 1e300 ] do
                    testTask
                        $"an interval of {interval} s at a speed of {speed} is waited for or passes, and can be given up" {
                        let stop = new CancellationTokenSource()
                        let clock = FastClock 1.0
                        let metronome = Metronome(Pace.Times speed, TimeSpan.FromSeconds interval, clock)
                        let next = metronome.Next stop.Token
                        Expect.isFalse next.IsFaulted $"{next.Exception}"

                        for wait in clock.Waits do
                            Expect.isLessThan wait longest "a timer takes it"

                        stop.Cancel()
                        let! _ = Task.WhenAny next
                        Expect.isFalse next.IsFaulted $"{next.Exception}"
                    }

            testTask "waits that are longer than a timer takes are waited for in parts, and in full" {
                let clock = FastClock 1e9
                let due = TimeSpan.FromDays 100.0
                let began = clock.GetTimestamp()
                do! Waiting.until clock began due CancellationToken.None
                Expect.isGreaterThanOrEqual (clock.GetElapsedTime began) due "in full"
                Expect.all clock.Waits (fun wait -> wait <= longest) "in parts"
            }

            testTask "a beat that is due later is waited for after one that has passed" {
                let clock = FastClock 1000.0
                let metronome = Metronome(Pace.Times 2.0, TimeSpan.FromSeconds 10.0, clock)
                let began = clock.GetTimestamp()
                do! metronome.Next CancellationToken.None
                do! metronome.Next CancellationToken.None
                do! metronome.Next CancellationToken.None

                Expect.isGreaterThanOrEqual
                    (clock.GetElapsedTime began)
                    (TimeSpan.FromSeconds 15.0)
                    "three half intervals"
            }
        ]

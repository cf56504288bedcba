/// What may come to a controller of the system of `TwoNodes`, one after the other: scripts of good and bad elements.
module OnlinePolicyAdaptation.Tests.Scripts

open System
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network

/// What comes next.
type Happening =
    /// The next interval, in the configuration of this number.
    | Next of configuration: int
    /// The next interval, in the last one's configuration.
    | Stay
    /// Several of these, as many as to learn from.
    | StayLong
    /// The next interval, in which the service answers nothing.
    | Silent
    /// What is no interval.
    | Bad
    /// The last interval once more.
    | Duplicate
    /// An interval between the last two.
    | Backwards
    /// The next interval so much later that it is doubted.
    | Jump
    /// The next interval after the one that is doubted.
    | Follow
    /// A response time that no system has.
    | Impossible
    /// From now on node 2 takes this many hundredths of a second.
    | Change of onNode2: int

let happening =
    Gen.frequency
        [
            6, Gen.choose (0, TwoNodes.grid.ConfigurationCount - 1) |> Gen.map Next
            6, Gen.constant Stay
            1, Gen.constant StayLong
            1, Gen.constant Silent
            1, Gen.constant Bad
            1, Gen.constant Duplicate
            1, Gen.constant Backwards
            1, Gen.constant Jump
            1, Gen.constant Follow
            1, Gen.constant Impossible
            1, Gen.elements [ 8; 30; 60 ] |> Gen.map Change
        ]

let script = Gen.listOf happening

/// Intervals further apart are doubted.
let maximumGap = TimeSpan.FromMinutes 1.0

/// A controller with everything that a stage may remember.
let settings refitEvery =
    let options = SmallController.options refitEvery

    { options with
        Admission =
            {
                MaximumGap = maximumGap
                PlausibleSeconds = 100.0
                PlausibleLoad = 1000.0
            }
        Losses = TwoNodes.losses
        Guard =
            { options.Guard with
                MaximumChanges = 3
                StabilisationWindow = TimeSpan.FromSeconds 60.0
                SettlingTime = TimeSpan.FromSeconds 7.0
                MaximumError = 0.6
            }
    }

type private Telling =
    {
        Time: DateTimeOffset
        Doubted: DateTimeOffset
        Configuration: Configuration
        OnNode2: float
        Told: int
    }

let private bad: Fault =
    {
        Kind = FaultKind.Unparsable
        Reason = "no interval"
    }

/// The elements of a script.
let arrivals (script: Happening list) : Arrival list =
    let length = TimeSpan.FromSeconds 5.0

    let interval telling time seconds =
        Interval(time, telling.Configuration, (TwoNodes.metrics 0 telling.Configuration seconds).Services)

    let measured telling =
        TwoNodes.responseTime telling.OnNode2 telling.Configuration
        + 0.002 * float (telling.Told * 5 % 7)
        |> ValueSome

    let rec tell telling happening =
        let said content =
            [ content ], { telling with Told = telling.Told + 1 }

        let next telling seconds =
            let time = telling.Time + length

            [ Ok(interval telling time seconds) ],
            { telling with
                Time = time
                Told = telling.Told + 1
            }

        match happening with
        | Next number ->
            let moved =
                { telling with
                    Configuration = TwoNodes.grid.ConfigurationAt number
                }

            next moved (measured moved)
        | Stay -> next telling (measured telling)
        | StayLong ->
            let told, telling = List.replicate 6 Stay |> List.mapFold tell telling
            List.concat told, telling
        | Silent -> next telling ValueNone
        | Bad -> said (Error bad)
        | Duplicate -> said (Ok(interval telling telling.Time (measured telling)))
        | Backwards -> said (Ok(interval telling (telling.Time - length / 2.0) (measured telling)))
        | Impossible -> said (Ok(interval telling (telling.Time + length / 2.0) (ValueSome 1e9)))
        | Jump ->
            let time = telling.Time + 10.0 * maximumGap
            let content, telling = said (Ok(interval telling time (measured telling)))
            content, { telling with Doubted = time }
        | Follow ->
            let times = [ for n in 1..3 -> telling.Doubted + float n * length ]

            [ for time in times -> Ok(interval telling time (measured telling)) ],
            { telling with
                Doubted = List.last times
                Time = max (List.last times) telling.Time
                Told = telling.Told + 3
            }
        | Change onNode2 ->
            [],
            { telling with
                OnNode2 = float onNode2 / 100.0
            }

    let start =
        {
            Time = Intervals.beginning
            Doubted = Intervals.beginning
            Configuration = TwoNodes.configuration 1.0 5.0
            OnNode2 = 0.08
            Told = 0
        }

    script
    |> List.mapFold tell start
    |> fst
    |> List.concat
    |> List.mapi (fun position content ->
        {
            Position = int64 position
            Content = content
            Text = ""
            Received = 0L
            Reply = ValueNone
        })

let inputs script =
    arrivals script |> List.map (fun arrival -> Input.Arrived(arrival, ValueNone))

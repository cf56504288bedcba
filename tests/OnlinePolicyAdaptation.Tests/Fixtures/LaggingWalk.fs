/// Walks over the grid of `TwoNodes` whose response times lag behind, and that nobody controls.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.LaggingWalk

open System
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// How a walk moves.
type Style =
    /// Each control by a step to either side or none, in some intervals.
    | Wandering
    /// From end to end.
    | Sweeping
    /// Where the response time has jumped.
    | Reacting

type Walk =
    {
        Lag: int
        Style: Style
        /// The share of intervals with a move.
        Moving: float
        /// The standard deviation of logarithms of response times.
        Noise: float
        /// Seconds on node 2 from a cycle on.
        Systems: (int * float) list
    }

/// Seconds on node 2 at first.
let seconds = 0.25

let private normal (random: Random) =
    sqrt (-2.0 * log (1.0 - random.NextDouble()))
    * cos (2.0 * Math.PI * random.NextDouble())

let private levels = [| for control in TwoNodes.grid.Controls -> control.Levels |]

/// Seconds on node 2 in a cycle.
let private node2 (walk: Walk) cycle =
    walk.Systems
    |> List.filter (fun (since, _) -> since <= cycle)
    |> List.last
    |> snd

/// Configuration and response time of so many intervals.
let run (walk: Walk) intervals seed =
    let random = Random(seed: int)
    let place = [| levels[0] - 1; levels[1] - 1 |]
    let direction = [| -1; -1 |]
    let visited = ResizeArray<Configuration>()
    let mutable last = 0.0

    [
        for cycle in 0 .. intervals - 1 do
            let configuration = Configuration(TwoNodes.array place)
            visited.Add configuration
            let shown = max 0 (cycle - walk.Lag)

            let seconds =
                TwoNodes.responseTime (node2 walk shown) visited[shown]
                * exp (walk.Noise * normal random)

            configuration, seconds

            let isMoving =
                match walk.Style with
                | Reacting -> abs (log seconds - last) > 0.1 || random.NextDouble() < 0.05
                | _ -> random.NextDouble() < walk.Moving

            last <- log seconds

            if isMoving then
                for control in 0 .. place.Length - 1 do
                    match walk.Style with
                    | Sweeping ->
                        if
                            place[control] + direction[control] < 0
                            || place[control] + direction[control] >= levels[control]
                        then
                            direction[control] <- -direction[control]

                        place[control] <- place[control] + direction[control]
                    | _ -> place[control] <- Math.Clamp(place[control] + random.Next 3 - 1, 0, levels[control] - 1)
    ]

/// A walk drawn at random, over a system that changes up to three times.
let draw lag noise (random: Random) =
    {
        Lag = lag
        Style = [| Wandering; Sweeping; Reacting |][random.Next 3]
        Moving = [| 0.1; 0.3; 0.6; 1.0 |][random.Next 4]
        Noise = noise
        Systems =
            (0, seconds)
            :: [
                for change in 1 .. random.Next 4 -> 30 * change + random.Next 20, 0.05 + 0.25 * random.NextDouble()
            ]
    }

let private settings = (TwoNodes.settings Planner.BasePolicy).Estimation

/// What was recorded of the system as it is at first.
let recorded =
    (SampleWindow.empty, TwoNodes.configurations |> List.indexed)
    ||> List.fold (fun window (i, configuration) ->
        (window, [ 0..2 ])
        ||> List.fold (fun window n ->
            SampleWindow.add settings (3 * i + n - 1000) (TwoNodes.sample seconds configuration) window))

/// The lag after each interval.
let lags recorded (intervals: (Configuration * float) list) =
    (MetricsLag.start, List.indexed intervals)
    ||> List.scan (fun lag (cycle, (configuration, seconds)) ->
        MetricsLag.observe
            recorded
            (MetricsLag.entry cycle configuration TwoNodes.load (ValueSome [| seconds |]) lag)
            lag)
    |> List.tail

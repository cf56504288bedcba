/// A small system, and what may come from a source that measures it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Soak.Elements

open System
open System.Globalization
open System.IO

let beginning = DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero)

let private scenario (intervalSeconds: float) (maximumAgeSeconds: float) =
    let number (value: float) =
        value.ToString CultureInfo.InvariantCulture

    """{
  "name": "soak",
  "title": "A small system in a bad world",
  "formatVersion": 2,
  "system": {
    "services": [{ "name": "s" }],
    "nodes": ["n1", "n2"],
    "controls": [
      { "name": "p11", "routingWeight": { "service": "s", "node": "n1" }, "lowest": 0, "highest": 1, "levels": 6 },
      { "name": "c1", "cpuCores": { "nodes": ["n1", "n2"] }, "lowest": 1, "highest": 5, "levels": 5 }
    ],
    "start": { "p11": 1, "c1": 5 }
  },
  "goal": {
    "services": [{ "name": "s", "sloSeconds": 0.12 }],
    "reward": { "saves": [["c1"]], "decimals": 3 },
    "discount": 0.99
  },
  "controller": { "basePolicy": { "threshold": { "cpuSecondsPerRequest": [0.065] } }, "estimation": { "trees": 10, "refitEvery": 20 }, "guard": { "maximumAgeSeconds": AGE } },
  "live": { "intervalSeconds": INTERVAL }
}
"""
        .Replace("INTERVAL", number intervalSeconds)
        .Replace("AGE", number maximumAgeSeconds)

let writeScenario folder interval maximumAge =
    File.WriteAllText(Path.Combine(folder, "scenario.json"), scenario interval maximumAge)

let private responseTime (share: float) cores =
    let onNode1 = if cores < 2 then 0.28 else 0.09
    share * onNode1 + (1.0 - share) * 0.08

/// The n-th good interval, which ends then; node by node its configuration goes over the grid.
let good n (time: DateTimeOffset) =
    let share = float (n * 7 % 6) / 5.0
    let cores = 1 + n * 3 % 5
    let seconds = responseTime share cores + 0.002 * float (n * 5 % 7)

    String.Format(
        CultureInfo.InvariantCulture,
        """{{"time":"{0:O}","controls":{{"p11":{1},"c1":{2}}},"services":{{"s":{{"offeredLoad":5,"carriedLoad":5,"meanResponseTime":{3}}}}}}}""",
        time,
        share,
        cores,
        seconds
    )

/// What cannot be used, or was there before, in the place of the n-th interval, which ends then.
let bad (random: Random) n (time: DateTimeOffset) =
    let line = good n time

    match random.Next 10 with
    | 0 -> "not JSON"
    | 1 -> line.Substring(0, line.Length / 2)
    | 2 -> "{}"
    | 3 -> line.Replace("\"c1\"", "\"c9\"")
    | 4 -> line.Replace("\"carriedLoad\":5", "\"carriedLoad\":1e308")
    | 5 -> line.Replace("\"offeredLoad\":5", "\"offeredLoad\":-5")
    | 6 -> good n (DateTimeOffset(9999, 12, 31, 0, 0, 0, TimeSpan.Zero))
    | 7 -> line.Replace("\"p11\":", "\"p11\":7")
    | 8 -> String('x', 20_000)
    | _ -> "\u0000\u0001{\"time\":null}"

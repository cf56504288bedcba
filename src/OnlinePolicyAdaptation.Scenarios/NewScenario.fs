/// A new scenario to start from: a simulated mesh whose first node becomes slower.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.NewScenario

open System.IO
open OnlinePolicyAdaptation.Domain

let private listed (items: string seq) = String.concat ",\n" items

let private numbered count (line: int -> string) = [ 1..count ] |> Seq.map line |> listed

/// The node that a service is routed to first: the services go round the nodes.
let private nodeOf nodes service = (service - 1) % nodes + 1

let private controls services nodes =
    [
        // On a single node there is nothing to route.
        if nodes > 1 then
            for i in 1..services do
                let node = nodeOf nodes i

                $"""      {{ "name": "p{i}", "routingWeight": {{ "service": "s{i}", "node": "n{node}" }}, "lowest": 0, "highest": 1, "levels": 5 }}"""
        for i in 1..nodes do
            $"""      {{ "name": "c{i}", "cpuCores": {{ "nodes": ["n{i}"] }}, "lowest": 1, "highest": 4, "levels": 4 }}"""
    ]
    |> listed

let private start services nodes =
    [
        if nodes > 1 then
            for i in 1..services do
                $"\"p{i}\": 0.5"
        for i in 1..nodes do
            $"\"c{i}\": 3"
    ]
    |> String.concat ", "

let private repeated count (text: string) =
    List.replicate count text |> String.concat ", "

/// The text of the scenario.json of such a mesh.
let json services nodes =
    let cores = [ for i in 1..nodes -> $"\"c{i}\"" ] |> String.concat ", "

    let node speed =
        $"""      {{ "speed": {speed}, "latencySeconds": 0.005, "capacity": 40 }}"""

    let title =
        $"A mesh of {services} services on {nodes} nodes, the first of which becomes slower"

    $"""{{
  "$schema": "scenario.schema.json",
  "name": "mesh-{services}-{nodes}",
  "title": "{title}",
  "formatVersion": 2,
  "system": {{
    "services": [
{numbered services (fun i -> $"      {{ \"name\": \"s{i}\" }}")}
    ],
    "nodes": [{[ for i in 1..nodes -> $"\"n{i}\"" ] |> String.concat ", "}],
    "controls": [
{controls services nodes}
    ],
    "start": {{ {start services nodes} }}
  }},
  "goal": {{
    "services": [
{numbered services (fun i -> $"      {{ \"name\": \"s{i}\", \"sloSeconds\": 0.12 }}")}
    ],
    "reward": {{ "saves": [[{cores}]] }},
    "discount": 0.95
  }},
  "controller": {{
    "lookahead": 1,
    "basePolicy": {{ "threshold": {{ "cpuSecondsPerRequest": [{repeated services "0.05"}] }} }},
    "estimation": {{ "trees": 60 }}
  }},
  "simulation": {{
    "services": [
{numbered services (fun _ -> "      { \"serviceTimeSeconds\": 0.05, \"distribution\": \"exponential\" }")}
    ],
    "nodes": [
{numbered nodes (fun _ -> node "1")}
    ],
    "loads": [{repeated services "{ \"requestsPerSecond\": 20 }"}],
    "recording": {{
      "intervalSeconds": 60,
      "settlingSeconds": 10,
      "intervals": 1,
      "loadLevels": [[{repeated services "20"}]],
      "loadUnit": 5,
      "seed": 7
    }}
  }},
  "experiment": {{
    "question": "Does rollout adapt when one node becomes slower?",
    "environment": "simulation",
    "cycles": 60,
    "seeds": 2,
    "changes": [{{ "atCycle": 30, "nodes": [{{ "node": "n1", "speed": 0.6 }}] }}]
  }}
}}
"""

/// Services or nodes beyond which a file is no longer sensible.
let private most = 5000

/// Writes the scenario and its schema into a folder that has neither.
let write (folder: string) services nodes =
    let scenario = Path.Combine(folder, "scenario.json")
    let schema = Path.Combine(folder, "scenario.schema.json")

    if services < 1 || services > most then
        Error $"--services: {services}; expected 1 to {most}"
    elif nodes < 1 || nodes > most then
        Error $"--nodes: {nodes}; expected 1 to {most}"
    elif File.Exists folder then
        Error $"{folder}: it is a file; expected a folder to write scenario.json into"
    else
        match [ scenario; schema ] |> List.tryFind File.Exists with
        | Some path -> Error $"{path}: it exists already; expected a folder without it"
        | None ->
            Directory.CreateDirectory folder |> ignore
            AtomicFile.Write(schema, (fun text -> text.Write Schema.text.Value))
            AtomicFile.Write(scenario, (fun text -> text.Write(json services nodes)))
            Ok scenario

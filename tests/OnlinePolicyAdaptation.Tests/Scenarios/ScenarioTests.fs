module OnlinePolicyAdaptation.Tests.Scenarios.Scenario

open System
open System.Collections.Immutable
open System.IO
open System.Text
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

/// Loading the small scenario with one text replaced fails with a message that holds all of the parts.
let private refuses name (original: string) (replacement: string) (parts: string list) =
    testCase name (fun () ->
        Expect.stringContains SmallScenario.json original "the text to replace is there"

        Scratch.withFile "scenario.json" (SmallScenario.json.Replace(original, replacement)) (fun path ->
            match Scenario.load (Path.GetDirectoryName path |> string) with
            | Ok _ -> failtest "accepted"
            | Error message ->
                for part in "scenario.json" :: parts do
                    Expect.stringContains message part "names place and value"))

[<Tests>]
let tests =
    testList
        "Scenarios.Scenario"
        [
            test "a scenario says its controls, objectives and start" {
                SmallScenario.withScenario (fun _ scenario ->
                    Expect.equal scenario.System.Start (TwoNodes.configuration 1.0 5.0) "start"
                    Expect.equal (scenario.System.Grid.ConfigurationCount) 30 "6 weights, 5 numbers of cores"
                    Expect.equal scenario.Experiment.Horizons [ 3 ] "lookahead")
            }

            refuses
                "an unknown field"
                "\"discount\""
                "\"discuont\": 1, \"discount\""
                [ ":17: goal.discuont"; "did you mean 'discount'" ]
            refuses
                "a field that stands twice"
                "\"discount\""
                "\"discount\": 0.9, \"discount\""
                [ ":17: goal.discount"; "twice" ]
            refuses "a missing field" ",\n    \"discount\": 0.99" "" [ "goal.discount: missing"; "above 0 and below 1" ]
            refuses
                "a text in place of a number"
                "\"discount\": 0.99"
                "\"discount\": \"high\""
                [ ":17: goal.discount: 'high'"; "a number" ]
            refuses "text that is not JSON" "{\n  \"name\"" "name" [ ":1:" ]
            refuses "a discount of 1" "0.99" "1.0" [ "goal.discount"; "1"; "below 1" ]
            refuses
                "a service that does not exist"
                "\"service\": \"s\""
                "\"service\": \"t\""
                [ "system.controls[0].routingWeight.service: 't' is no service"; "one of s" ]
            refuses
                "a node that does not exist"
                "[\"n1\", \"n2\"] }"
                "[\"n1\", \"n3\"] }"
                [ "system.controls[1].cpuCores.nodes[1]: 'n3' is no node (did you mean 'n1'?)" ]
            refuses
                "a control without a target"
                "\"cpuCores\": { \"nodes\": [\"n1\", \"n2\"] }, "
                ""
                [
                    "system.controls[1]: none of them"
                    "exactly one of routingWeight, cpuCores, blockingRate"
                ]
            refuses
                "a control with two targets"
                "\"cpuCores\": {"
                "\"blockingRate\": { \"service\": \"s\" }, \"cpuCores\": {"
                [ "system.controls[1]: cpuCores, blockingRate"; "exactly one" ]
            refuses
                "two controls of one name"
                "\"name\": \"c1\""
                "\"name\": \"p11\""
                [ "system.controls"; "2 controls with the same name p11" ]
            refuses
                "a weight above 1"
                "\"highest\": 1,"
                "\"highest\": 2,"
                [ "system.controls[0].highest: 2"; "at most 1" ]
            refuses
                "a grid upside down"
                "\"lowest\": 1,"
                "\"lowest\": 7,"
                [ "system.controls[1].highest: 5"; "above 7" ]
            refuses
                "a reward of an unknown control"
                "[[\"c1\"]]"
                "[[\"c9\"]]"
                [ "goal.reward.saves[0][0]: 'c9'"; "p11, c1" ]
            refuses "a control saved twice" "[[\"c1\"]]" "[[\"c1\", \"c1\"]]" [ "goal.reward.saves: 2 controls" ]
            refuses "a start off the grid" "\"p11\": 1" "\"p11\": 0.5" [ "system.start.p11: 0.5" ]
            refuses "a start without a control" "\"p11\": 1, " "" [ "system.start.p11: missing" ]
            refuses
                "a start of an unknown control"
                "\"p11\": 1"
                "\"q11\": 1, \"p11\": 1"
                [ "system.start.q11: 'q11' is no control"; "did you mean 'p11'" ]
            refuses
                "a bound of 0 s"
                "\"sloSeconds\": 0.12"
                "\"sloSeconds\": 0"
                [ "goal.services[0].sloSeconds: 0"; "above 0" ]

            for name in [ "../../x"; ".hidden"; "a/b"; "a\\nb"; ""; String('x', 65) ] do
                refuses $"the name '{name}'" "\"name\": \"small\"" $"\"name\": \"{name}\"" [ "name: '"; "letters" ]

            for name in [ "l1"; "cl1"; "d2"; "expected_l1"; "reward"; "cycle"; "response_time" ] do
                refuses
                    $"a control with the name of the column {name}"
                    "\"name\": \"c1\""
                    $"\"name\": \"{name}\""
                    [ $"system.controls[1].name: '{name}'"; "columns" ]

            refuses
                "two controls of one weight"
                "\"cpuCores\": { \"nodes\": [\"n1\", \"n2\"] }, \"lowest\": 1, \"highest\": 5"
                "\"routingWeight\": { \"service\": \"s\", \"node\": \"n1\" }, \"lowest\": 0, \"highest\": 1"
                [
                    "system.controls[1]: it sets the weight of service s on node n1, which control p11 sets already"
                ]

            refuses
                "two controls of the same cores"
                "\"routingWeight\": { \"service\": \"s\", \"node\": \"n1\" }"
                "\"cpuCores\": { \"nodes\": [\"n2\"] }"
                [
                    "system.controls[1]: it sets the cores of node n2, which control p11 sets already"
                ]

            let refusesLoad load parts =
                refuses $"a load {load}" "\"requestsPerSecond\": 5" load ("experiment.loads[0]" :: parts)

            refusesLoad "" [ "none of them"; "exactly one of requestsPerSecond, steps, sine, file" ]
            refusesLoad "\"steps\": { \"rates\": [5] }" [ ".steps.every: missing" ]

            refusesLoad
                "\"steps\": { \"rates\": [5], \"every\": 20 }, \"requestsPerSecond\": 4"
                [ "requestsPerSecond, steps" ]

            refusesLoad "\"steps\": { \"rates\": [], \"every\": 20 }" [ ".steps.rates: 0 entries"; "at least 1" ]
            refusesLoad "\"steps\": { \"rates\": [5, -1], \"every\": 20 }" [ ".steps.rates[1]: -1"; "above 0" ]
            refusesLoad "\"steps\": { \"rates\": [5], \"every\": 0 }" [ ".every: 0"; "at least 1" ]
            refusesLoad "\"sine\": { \"mean\": 0, \"amplitude\": 5, \"period\": 60 }" [ ".mean: 0"; "above 0" ]
            refusesLoad "\"sine\": { \"mean\": 10, \"amplitude\": 5, \"period\": -6 }" [ ".period: -6"; "above 0" ]

            refusesLoad
                "\"file\": { \"path\": \"none.csv\", \"column\": \"l\", \"unit\": \"req/s\" }"
                [ "none.csv: no such file" ]

            refuses "no load" "\"loads\": [{ \"requestsPerSecond\": 5 }]," "" [ "experiment.loads: missing" ]

            refuses
                "more loads than can be planned for"
                "\"requestsPerSecond\": 5"
                "\"sine\": { \"mean\": 9000, \"amplitude\": 8000, \"period\": 60 }"
                [ "experiment.loads: 3201"; "at most 1000" ]

            refuses
                "more loads than can be listed"
                "\"requestsPerSecond\": 5"
                "\"sine\": { \"mean\": 9e8, \"amplitude\": 8e8, \"period\": 60 }"
                [ "experiment.loads"; "at most 1000" ]

            refuses
                "an unknown environment"
                "\"cycles\": 30"
                "\"environment\": \"simulations\", \"cycles\": 30"
                [ "experiment.environment: 'simulations'"; "did you mean 'simulation'" ]

            refuses
                "a simulated environment without a simulation"
                "\"cycles\": 30"
                "\"environment\": \"simulation\", \"cycles\": 30"
                [ "experiment.environment"; "simulation, which is missing" ]

            refuses "no seed" "\"seeds\": 3" "\"seeds\": 0" [ "experiment.seeds: 0"; "at least 1" ]
            refuses "a lookahead of 0" "[3]" "[0]" [ "experiment.compared.horizons[0]: 0"; "at least 1" ]
            refuses "no lookahead" "[3]" "[]" [ "experiment.compared.horizons: 0 entries" ]

            refuses
                "a forest without trees"
                "\"trees\": 10"
                "\"trees\": 0"
                [ "controller.estimation.trees: 0"; "at least 1 and at most 10000" ]

            refuses
                "a way to forget"
                "\"trees\": 10"
                "\"forgetting\": \"window:0\""
                [ "controller.estimation.forgetting: 'window:0'"; "relevance:<samples" ]

            refuses "unknown edges" "\"start\"" "\"edges\": \"wrap\", \"start\"" [ "system.edges: 'wrap'"; "clip" ]

            refuses
                "too few available amounts"
                "\"decimals\": 3"
                "\"available\": [], \"decimals\": 3"
                [ "goal.reward: available" ]

            let withController text = "\"controller\": { " + text + ", "

            let refusesController name text parts =
                refuses name "\"controller\": { " (withController text) parts

            refusesController
                "changes without a window"
                "\"guard\": { \"maximumChanges\": 2 }"
                [ "controller.guard.stabilisationSeconds: missing" ]

            refusesController
                "a window without changes"
                "\"guard\": { \"stabilisationSeconds\": 60 }"
                [ "controller.guard.maximumChanges: missing" ]

            refusesController
                "a use of 80 in place of a share"
                "\"basePolicy\": { \"threshold\": { \"cpuSecondsPerRequest\": [0.1], \"targetUtilisation\": 80 } }"
                [ "targetUtilisation: 80"; "80 % is 0.8" ]

            refusesController
                "CPU time of a request in milliseconds"
                "\"basePolicy\": { \"threshold\": { \"cpuSecondsPerRequest\": [65] } }"
                [
                    "controller.basePolicy.threshold.cpuSecondsPerRequest[0]: 65"
                    "at most 6 s"
                    "65 ms are 0.065"
                ]

            for unit, factor, said in [ "ms", 1.0, "below"; "s", 1000.0, "above" ] do
                test $"response times 1,000 times {said} their bound are pointed out, with their column and unit" {
                    Scratch.withFolder (fun folder ->
                        SmallScenario.write folder

                        let rows =
                            File.ReadAllLines(Path.Combine(folder, "before.csv"))
                            |> Array.mapi (fun i line ->
                                if i = 0 then
                                    line
                                else
                                    let cells = line.Split ','
                                    cells[4] <- string (factor * float cells[4])
                                    String.concat "," cells)

                        File.WriteAllLines(Path.Combine(folder, "before.csv"), rows)

                        let columns =
                            sprintf
                                """"traces": { "before": "before.csv", "columns": { "controls": [{ "column": "p11", "unit": "fraction" }, { "column": "c1", "unit": "cores" }], "services": [{ "offeredLoad": { "column": "l1", "unit": "req/s" }, "carriedLoad": { "column": "cl1", "unit": "req/s" }, "meanResponseTime": { "column": "d1", "unit": "%s" } }] } }"""
                                unit

                        File.WriteAllText(
                            Path.Combine(folder, "scenario.json"),
                            SmallScenario.json.Replace("\"traces\": { \"before\": \"before.csv\" }", columns)
                        )

                        match RecordedUnits.doubts (SmallScenario.load folder) with
                        | doubt :: _ ->
                            for part in
                                [
                                    "before.csv: column d1"
                                    $"times {said} the bound of 0.12 s"
                                    $"is '{unit}' its unit?"
                                ] do
                                Expect.stringContains doubt part "place, value, expected"
                        | [] -> failtest "nothing is said")
                }

            test "response times near their bound raise no doubt" {
                SmallScenario.withScenario (fun _ scenario ->
                    Expect.isEmpty (RecordedUnits.doubts scenario) "in seconds")
            }

            refusesController
                "bounds off the grid"
                "\"guard\": { \"bounds\": { \"c1\": { \"lowest\": 1.5, \"highest\": 5 } } }"
                [ "controller.guard.bounds.c1.lowest: 1.5" ]

            refusesController
                "bounds of no control"
                "\"guard\": { \"bounds\": { \"c2\": { \"lowest\": 1, \"highest\": 5 } } }"
                [ "controller.guard.bounds.c2: 'c2' is no control (did you mean 'c1'?)" ]

            for seconds in [ "0"; "-5"; "1000001"; "1e999" ] do
                refuses
                    $"an interval of {seconds} s"
                    "\"controller\""
                    ("\"live\": { \"intervalSeconds\": " + seconds + " }, \"controller\"")
                    [ "live.intervalSeconds" ]

            test "a controller says what is plausible, or it follows from bounds and loads" {
                SmallScenario.withScenario (fun folder scenario ->
                    let expected =
                        {
                            ResponseTimeSeconds = 3600.0
                            RequestsPerSecond = 1e6
                        }

                    Expect.equal scenario.Controller.Plausible expected "the least"
                    Expect.equal scenario.Controller.MaximumGapIntervals 720 "an hour of 5 s"

                    let changed =
                        SmallScenario.json
                            .Replace("0.12", "20")
                            .Replace("\"requestsPerSecond\": 5", "\"requestsPerSecond\": 2000")

                    File.WriteAllText(Path.Combine(folder, "scenario.json"), changed)

                    Expect.equal
                        (SmallScenario.load folder).Controller.Plausible
                        {
                            ResponseTimeSeconds = 20000.0
                            RequestsPerSecond = 2e6
                        }
                        "a thousand times what is said")
            }

            test "every fault is told at once, each with its line" {
                let json =
                    SmallScenario.json
                        .Replace("\"name\": \"small\"", "\"name\": \"a b\", \"titel\": 1")
                        .Replace("\"node\": \"n1\"", "\"node\": \"n7\"")
                        .Replace("\"discount\": 0.99", "\"discount\": 7, \"discount\": 7")
                        .Replace("\"trees\": 10", "\"trees\": \"ten\"")
                        .Replace("\"cycles\": 30", "\"cycles\": 0")
                        .Replace("\"seeds\": 3,", "")
                        .Replace("[3]", "[]")

                Scratch.withFile "scenario.json" json (fun path ->
                    match Scenario.check path with
                    | Ok _ -> failtest "accepted"
                    | Error faults ->
                        for part in
                            [
                                ":2: name: 'a b'"
                                ":2: titel: 'titel' is no field (did you mean 'title'?)"
                                ":9: system.controls[0].routingWeight.node: 'n7'"
                                ":17: goal.discount: 7; expected"
                                ":17: goal.discount: the field stands here twice"
                                ":19: controller.estimation.trees: 'ten'"
                                ":22: experiment.cycles: 0"
                                ":26: experiment.compared.horizons: 0 entries"
                            ] do
                            Expect.exists faults (fun fault -> fault.Contains part) part

                        Expect.hasLength faults 8 "and nothing else")
            }

            test "faults of all sections are told at once" {
                let json =
                    SmallScenario.json
                        .Replace("[[\"c1\"]]", "[[\"c1\", \"c1\"]]")
                        .Replace(
                            "\"trees\": 10 }",
                            "\"trees\": 10, \"regrownTrees\": 11 }, \"guard\": { \"maximumChanges\": 1 }"
                        )
                        .Replace(", \"trace\": \"after.csv\"", "")

                Scratch.withFile "scenario.json" json (fun path ->
                    match Scenario.check path with
                    | Ok _ -> failtest "accepted"
                    | Error faults ->
                        for part in
                            [
                                "goal.reward.saves"
                                "controller.estimation.regrownTrees: 11"
                                "controller.guard.stabilisationSeconds"
                                "experiment.changes[0]: nothing that changes; expected nodes, services, loads, a trace or testbed"
                            ] do
                            Expect.exists faults (fun fault -> fault.Contains part) part)
            }

            refuses
                "the nodes after a change as they were once written"
                "  \"experiment\": {"
                "  \"simulation\": { \"nodesAfterChange\": [] },\n  \"experiment\": {"
                [
                    "simulation.nodesAfterChange: a field of before; expected experiment.changes[0].nodes"
                ]

            refuses
                "the trace after a change as it was once written"
                "\"before\": \"before.csv\""
                "\"before\": \"before.csv\", \"after\": \"after.csv\""
                [
                    "experiment.traces.after: a field of before; expected experiment.changes[0].trace"
                ]

            test "whatever stands in place of a value, what is wrong is said" {
                let places =
                    RegularExpressions.Regex.Matches(SmallScenario.json, "(?<=[:\\[,] ?)(\"[^\"]*\"|[0-9.]+)(?! *:)")
                    |> Seq.map (fun place -> place.Index, place.Length)
                    |> List.ofSeq

                Expect.isGreaterThan places.Length 30 "places"

                for index, length in places do
                    for value in
                        [
                            "null"
                            "[]"
                            "{}"
                            "-1"
                            "0"
                            "1e999"
                            "1e300"
                            "\"\""
                            "true"
                            "[null]"
                            "2.5"
                        ] do
                        let json = SmallScenario.json.Remove(index, length).Insert(index, value)

                        Scratch.withFile "scenario.json" json (fun path ->
                            match Scenario.check path with
                            | Ok _ -> ()
                            | Error faults -> Expect.isNonEmpty faults json)
            }

            test "a scenario of format 1 is refused by name" {
                Scratch.withFile
                    "scenario.json"
                    """{ "name": "x", "services": [], "controls": [], "trace": {} }"""
                    (fun path ->
                        match Scenario.check path with
                        | Error [ fault ] -> Expect.stringContains fault "format 1" "named"
                        | other -> failtest $"{other}")
            }

            test "a controller needs no experiment" {
                let json =
                    SmallScenario.json[.. SmallScenario.json.IndexOf("\"experiment\"") - 1].TrimEnd().TrimEnd(',')
                    + "}"

                Scratch.withFile "scenario.json" json (fun path ->
                    match Scenario.load path with
                    | Ok scenario -> Expect.equal scenario.Experiment.Horizons [ 3 ] "the controller's"
                    | Error message -> failtest message)
            }

            test "a whole number may have a point" {
                let json =
                    SmallScenario.json
                        .Replace("\"levels\": 6", "\"levels\": 6.0")
                        .Replace("\"seeds\": 3", "\"seeds\": 3e0")

                Scratch.withFile "scenario.json" json (fun path ->
                    match Scenario.load path with
                    | Error message -> failtest message
                    | Ok scenario ->
                        Expect.equal scenario.System.Grid.ConfigurationCount 30 "levels"
                        Expect.equal scenario.Experiment.Seeds 3 "seeds")
            }

            test "a device is no scenario" {
                if OperatingSystem.IsLinux() then
                    match Scenario.load "/dev/zero" with
                    | Ok _ -> failtest "accepted"
                    | Error message -> Expect.stringContains message "no regular file" "said"
            }

            test "a device is no policy" {
                if OperatingSystem.IsLinux() then
                    SmallScenario.withScenario (fun _ scenario ->
                        match
                            BasePolicySpecification.create
                                scenario.System.Grid
                                scenario.System.Topology
                                scenario.Goal.Reward
                                scenario.Goal.Discount
                                (BasePolicySpecification.Rules "/dev/zero")
                                (fun () -> Error "not asked")
                        with
                        | Ok _ -> failtest "accepted"
                        | Error message -> Expect.stringContains message "no regular file" "said")
            }

            testList
                "a scenario with a base policy runs"
                [
                    for kind in
                        [
                            "\"random\": {}"
                            "\"static\": {}"
                            "\"greedy\": { \"moveCharge\": 0.01 }"
                            "\"tabular\": { \"file\": \"table.json\" }"
                            "\"rules\": { \"file\": \"rules.json\" }"
                            "\"threshold\": { \"cpuSecondsPerRequest\": [0.4] }"
                            "\"network\": { \"file\": \"policy.safetensors\", \"decision\": \"sampled\" }"
                        ] ->
                        testCase kind (fun () ->
                            Scratch.withFolder (fun folder ->
                                let file name = Path.Combine(folder, name)
                                SmallScenario.write folder

                                let basePolicy = "\"controller\": { \"basePolicy\": { " + kind + " }, "
                                let json = SmallScenario.json.Replace("\"controller\": { ", basePolicy)
                                File.WriteAllText(file "scenario.json", json)
                                File.WriteAllText(file "table.json", "[" + String.replicate 29 "4," + "4]")
                                File.WriteAllText(file "rules.json", """[{ "move": { "c1": "down" } }]""")
                                let encoding, network = Networks.actorCritic (RandomKey 1UL) [ 4 ]

                                let origin =
                                    PolicyOrigin("small", System.Nullable(), ImmutableSortedDictionary.Empty)

                                PolicyFile.Save(SavedPolicy(network, encoding, origin), file "policy.safetensors")

                                let scenario =
                                    { SmallScenario.load folder with
                                        Experiment.Cycles = 3
                                        Experiment.Seeds = 1
                                    }

                                let result =
                                    (Experiment.run
                                        scenario
                                        (SmallScenario.traces scenario)
                                        Map.empty
                                        1
                                        ignore
                                        CancellationToken.None)
                                        .GetAwaiter()
                                        .GetResult()

                                Expect.equal result.Observations.Length (3 * result.Contenders.Length) "all cycles"))
                ]

            refuses
                "a further base policy"
                "\"horizons\": [3]"
                "\"horizons\": [3], \"basePolicies\": [{ \"random\": {} }, { \"rando\": {} }]"
                [
                    "experiment.compared.basePolicies[1].rando: 'rando' is no field (did you mean 'random'?)"
                ]

            let withPolicy policy parts =
                refusesController $"a base policy {policy}" ("\"basePolicy\": { " + policy + " }") parts

            withPolicy "\"best\": {}" [ "controller.basePolicy.best: 'best'"; "threshold" ]
            withPolicy "\"rules\": {}" [ "controller.basePolicy.rules.file: missing" ]
            withPolicy "\"random\": { \"file\": \"x\" }" [ "controller.basePolicy.random.file: 'file' is no field" ]
            withPolicy "\"random\": {}, \"static\": {}" [ "controller.basePolicy: random, static"; "exactly one" ]

            withPolicy
                "\"threshold\": { \"cpuSecondsPerRequest\": [] }"
                [ "cpuSecondsPerRequest: 0 entries"; "1, one per service" ]

            withPolicy "\"network\": { \"file\": \"x\", \"decision\": \"bold\" }" [ "network.decision: 'bold'" ]

            let prometheus controls services more =
                $"\"live\": {{ \"prometheus\": {{ \"url\": \"http://p:9090/x\", \"controls\": {controls}, \"services\": {services}{more} }} }}, \"controller\""

            let queriedControls = """{ "c1": "cores", "p11": "weight" }"""

            let queriedServices =
                """[{ "offeredLoad": "l", "carriedLoad": "cl", "meanResponseTime": "d" }]"""

            test "a scenario says what Prometheus is asked, in the order of controls" {
                let section =
                    prometheus queriedControls queriedServices """, "timeoutSeconds": 3, "bearerTokenFile": "token" """

                Scratch.withFile "scenario.json" (SmallScenario.json.Replace("\"controller\"", section)) (fun path ->
                    match Scenario.load path with
                    | Error message -> failtest message
                    | Ok scenario ->
                        let expected =
                            {
                                Url = Uri "http://p:9090/x/"
                                Controls = [ "weight"; "cores" ]
                                Services =
                                    [
                                        {
                                            OfferedLoad = "l"
                                            CarriedLoad = "cl"
                                            MeanResponseTime = "d"
                                        }
                                    ]
                                Timeout = TimeSpan.FromSeconds 3.0
                                BearerTokenFile = Some(Path.Combine(Path.GetDirectoryName path |> string, "token"))
                            }

                        Expect.equal scenario.Live.Prometheus (Some expected) "settings")
            }

            let unusablePrometheus name controls services more parts =
                refuses $"Prometheus with {name}" "\"controller\"" (prometheus controls services more) parts

            unusablePrometheus
                "a query of no control"
                """{ "c1": "a", "p11": "b", "c9": "c" }"""
                queriedServices
                ""
                [ "live.prometheus.controls.c9: 'c9'"; "p11, c1" ]

            unusablePrometheus
                "a control not asked for"
                """{ "c1": "a" }"""
                queriedServices
                ""
                [ "live.prometheus.controls.p11: missing" ]

            unusablePrometheus
                "a blank query"
                """{ "c1": " ", "p11": "b" }"""
                queriedServices
                ""
                [ "live.prometheus.controls.c1: ' '"; "PromQL" ]

            unusablePrometheus
                "no service"
                queriedControls
                "[]"
                ""
                [ "live.prometheus.services: 0 entries"; "1, one per service" ]

            unusablePrometheus
                "a timeout of 0"
                queriedControls
                queriedServices
                ", \"timeoutSeconds\": 0"
                [ "prometheus.timeoutSeconds: 0"; "0.01" ]

            refuses
                "Prometheus at an address that is none"
                "\"controller\""
                ((prometheus queriedControls queriedServices "").Replace("http://p", "ftp://p"))
                [ "prometheus.url: 'ftp://p:9090/x'"; "http://" ]

            test "a folder without a scenario is named" {
                match Scenario.load "no-such-folder" with
                | Ok _ -> failtest "accepted"
                | Error message -> Expect.stringContains message "no-such-folder: no such file" "named"
            }
        ]

module OnlinePolicyAdaptation.Tests.Experiments.Scenario

open System
open System.Collections.Immutable
open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Experiments
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
        "Experiments.Scenario"
        [
            test "a scenario says its controls, objectives and start" {
                SmallScenario.withScenario (fun _ scenario ->
                    Expect.equal scenario.Start (TwoNodes.configuration 1.0 5.0) "start"
                    Expect.equal (scenario.Grid.ConfigurationCount) 30 "6 weights, 5 numbers of cores"
                    Expect.equal scenario.Horizons [ 3 ] "lookahead")
            }

            refuses "an unknown field" "\"discount\"" "\"discuont\": 1, \"discount\"" [ ":12:"; "discuont" ]
            refuses "a missing field" "\"discount\": 0.99," "" [ "discount" ]
            refuses "a text in place of a number" "\"discount\": 0.99" "\"discount\": \"high\"" [ ":12:"; "discount" ]
            refuses "text that is not JSON" "{\n  \"name\"" "name" [ ":1:" ]
            refuses "a discount of 1" "0.99" "1.0" [ "discount"; "1"; "below 1" ]
            refuses
                "a service that does not exist"
                "\"service\": 1"
                "\"service\": 2"
                [ "controls[0].routingWeight.service"; "2" ]
            refuses "a node that does not exist" "[1, 2]" "[1, 3]" [ "controls[1].cpuCores.nodes"; "3" ]
            refuses
                "a control without a target"
                "\"cpuCores\": { \"nodes\": [1, 2] }, "
                ""
                [ "controls[1]"; "exactly one" ]
            refuses "two controls of one name" "\"name\": \"c1\"" "\"name\": \"p11\"" [ "controls"; "same name" ]
            refuses "a weight above 1" "\"highest\": 1," "\"highest\": 2," [ "controls[0]"; "reaches 2" ]
            refuses "a reward of an unknown control" "[[\"c1\"]]" "[[\"c9\"]]" [ "reward.saves"; "'c9'"; "p11, c1" ]
            refuses "a start off the grid" "\"p11\": 1" "\"p11\": 0.5" [ "start.p11"; "0.5" ]
            refuses "a start without a control" "\"p11\": 1, " "" [ "start"; "p11" ]
            refuses "a bound of 0 s" "\"sloSeconds\": 0.12" "\"sloSeconds\": 0" [ "services[0].sloSeconds"; "above 0" ]
            let withLoad load = "\"load\": { " + load + " }"

            let refusesLoad load parts =
                refuses $"a load {load}" "\"requestsPerSecond\": 5" (withLoad load) ("services[0].load" :: parts)

            refusesLoad "" [ "expected steps and every" ]
            refusesLoad "\"steps\": [5]" [ "expected steps and every" ]
            refusesLoad "\"steps\": [5], \"every\": 20, \"mean\": 4" [ "expected steps and every" ]
            refusesLoad "\"steps\": [], \"every\": 20" [ ".steps"; "at least one rate" ]
            refusesLoad "\"steps\": [5, -1], \"every\": 20" [ ".steps: -1"; "above 0" ]
            refusesLoad "\"steps\": [5], \"every\": 0" [ ".every: 0"; "at least 1" ]
            refusesLoad "\"mean\": 0, \"amplitude\": 5, \"period\": 60" [ ".mean: 0"; "above 0" ]
            refusesLoad "\"mean\": 10, \"amplitude\": 5, \"period\": -6" [ ".period: -6"; "above 0" ]
            refusesLoad "\"file\": \"none.csv\", \"column\": \"l\", \"unit\": \"req/s\"" [ "none.csv: no such file" ]

            refuses
                "a load and requestsPerSecond"
                "\"requestsPerSecond\": 5"
                ("\"requestsPerSecond\": 5, " + withLoad "\"steps\": [5], \"every\": 20")
                [ "services[0]"; "either" ]

            refuses "a service without a load" ", \"requestsPerSecond\": 5" "" [ "services[0]"; "either" ]

            refuses
                "more loads than can be planned for"
                "\"requestsPerSecond\": 5"
                (withLoad "\"mean\": 9000, \"amplitude\": 8000, \"period\": 60")
                [ "services: 3201"; "at most 1000" ]

            refuses
                "an unknown environment"
                "\"cycles\": 30"
                "\"environment\": \"moon\", \"cycles\": 30"
                [ "experiment.environment: 'moon'" ]

            refuses
                "a simulated environment without a simulation"
                "\"cycles\": 30"
                "\"environment\": \"simulation\", \"cycles\": 30"
                [ "experiment.environment"; "simulation, which is missing" ]

            refuses "no seed" "\"seeds\": 3" "\"seeds\": 0" [ "seeds"; "at least 1" ]
            refuses "a lookahead of 0" "[3]" "[0]" [ "lookahead"; "at least 1" ]
            refuses "a forest without trees" "\"trees\": 10" "\"trees\": 0" [ "estimation.trees: 0"; "1 to 10000" ]

            refuses "unknown edges" "\"reward\"" "\"edges\": \"wrap\", \"reward\"" [ "edges: 'wrap'"; "clip" ]

            refuses
                "too few available amounts"
                "\"decimals\": 3"
                "\"available\": [], \"decimals\": 3"
                [ "reward: available" ]

            testList
                "a scenario with a base policy runs"
                [
                    for kind in
                        [
                            "\"random\""
                            "\"static\""
                            "\"greedy\", \"moveCharge\": 0.01"
                            "\"tabular\", \"file\": \"table.json\""
                            "\"rules\", \"file\": \"rules.json\""
                            "\"threshold\", \"cpuSecondsPerRequest\": [0.4]"
                            "\"network\", \"file\": \"policy.safetensors\", \"decision\": \"sampled\""
                        ] ->
                        testCase kind (fun () ->
                            Scratch.withFolder (fun folder ->
                                let file name = Path.Combine(folder, name)
                                SmallScenario.write folder

                                let basePolicy = "\"basePolicy\": { \"kind\": " + kind + " }, \"reward\""
                                let json = SmallScenario.json.Replace("\"reward\"", basePolicy)
                                File.WriteAllText(file "scenario.json", json)
                                File.WriteAllText(file "table.json", "[" + String.replicate 29 "4," + "4]")
                                File.WriteAllText(file "rules.json", """[{ "move": { "c1": "down" } }]""")
                                let encoding, network = Networks.actorCritic (RandomKey 1UL) [ 4 ]

                                let origin =
                                    PolicyOrigin("small", System.Nullable(), ImmutableSortedDictionary.Empty)

                                PolicyFile.Save(SavedPolicy(network, encoding, origin), file "policy.safetensors")

                                let scenario =
                                    { SmallScenario.load folder with
                                        Cycles = 3
                                        Seeds = 1
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

            let withPolicy policy =
                refuses $"a base policy {policy}" "\"reward\"" ("\"basePolicy\": { " + policy + " }, \"reward\"")

            refuses
                "a further base policy"
                "\"lookahead\": [3]"
                "\"lookahead\": [3], \"alsoBasePolicies\": [{ \"kind\": \"random\" }, { \"kind\": \"best\" }]"
                [ "experiment.alsoBasePolicies[1].kind: 'best'" ]

            withPolicy "\"kind\": \"best\"" [ "basePolicy.kind: 'best'"; "threshold" ]
            withPolicy "\"kind\": \"rules\"" [ "basePolicy.file"; "needs a file" ]
            withPolicy "\"kind\": \"random\", \"file\": \"x\"" [ "basePolicy.file"; "no such field" ]
            withPolicy "\"kind\": \"threshold\"" [ "basePolicy.cpuSecondsPerRequest: 0"; "1 numbers" ]

            withPolicy
                "\"kind\": \"network\", \"file\": \"x\", \"decision\": \"bold\""
                [ "basePolicy.decision: 'bold'" ]

            let prometheus controls services more =
                $"\"prometheus\": {{ \"url\": \"http://p:9090/x\", \"controls\": {controls}, \"services\": {services}{more} }}, \"reward\""

            let queriedControls = """{ "c1": "cores", "p11": "weight" }"""

            let queriedServices =
                """[{ "offeredLoad": "l", "carriedLoad": "cl", "meanResponseTime": "d" }]"""

            test "a scenario says what Prometheus is asked, in the order of controls" {
                let section =
                    prometheus queriedControls queriedServices """, "timeoutSeconds": 3, "bearerTokenFile": "token" """

                Scratch.withFile "scenario.json" (SmallScenario.json.Replace("\"reward\"", section)) (fun path ->
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

                        Expect.equal scenario.Prometheus (Some expected) "settings")
            }

            let unusablePrometheus name controls services more parts =
                refuses $"Prometheus with {name}" "\"reward\"" (prometheus controls services more) parts

            unusablePrometheus
                "a query of no control"
                """{ "c1": "a", "p11": "b", "c9": "c" }"""
                queriedServices
                ""
                [ "prometheus.controls: 'c9'"; "p11, c1" ]

            unusablePrometheus
                "a control not asked for"
                """{ "c1": "a" }"""
                queriedServices
                ""
                [ "prometheus.controls: control p11 is missing" ]

            unusablePrometheus
                "a blank query"
                """{ "c1": " ", "p11": "b" }"""
                queriedServices
                ""
                [ "prometheus.controls.c1: ' '"; "PromQL" ]

            unusablePrometheus "no service" queriedControls "[]" "" [ "prometheus.services: 0"; "1 entries" ]

            unusablePrometheus
                "a timeout of 0"
                queriedControls
                queriedServices
                ", \"timeoutSeconds\": 0"
                [ "prometheus.timeoutSeconds: 0"; "0.01" ]

            refuses
                "Prometheus at an address that is none"
                "\"reward\""
                ((prometheus queriedControls queriedServices "").Replace("http://p", "ftp://p"))
                [ "prometheus.url: 'ftp://p:9090/x'"; "http://" ]

            test "a folder without a scenario is named" {
                match Scenario.load "no-such-folder" with
                | Ok _ -> failtest "accepted"
                | Error message -> Expect.stringContains message "no-such-folder: no such file" "named"
            }
        ]

/// Calls that work, for each command; those of a command are shown with its help.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.Examples

/// Those that are shown to who has not used it yet.
let first =
    [
        "opar run scenarios/2-system-change"
        "opar control scenarios/2-system-change --simulate --cycles 100 --journal journal.db"
        "opar explain --journal journal.db --cycle 40"
        "opar scenario new my-mesh --services 3"
    ]

let all =
    [
        "opar run scenarios/2-system-change"
        "opar run scenarios/2-system-change --trace-before before.csv --trace-after after.csv --seeds 10"
        "opar report results/2-system-change"
        "opar report results/2-system-change results/other-settings --out compared.html"
        "opar sweep scenarios/2-system-change --vary controller.estimation.trees=30,120"
        "opar sweep scenarios/2-system-change --vary controller.estimation.forgetting=relevance:30,newest:3 --vary controller.lookahead=1,3"
        "opar record --scenario scenarios/2-system-change --out before.csv"
        "opar record --scenario scenarios/2-system-change --after-change --out after.csv"
        "opar fit before.csv --out model.forest"
        "opar fit before.csv --out model.forest --trees 30 --seed 2"
        "opar predict model.forest --config c1=2,p11=1,l1=5,cl1=5"
        "opar predict model.forest --config c1=5,p11=0,l1=10,cl1=10"
        "opar evaluate before.csv after.csv"
        "opar evaluate monday.csv --save estimator.json"
        "opar evaluate tuesday.csv --resume estimator.json"
        "opar plan --scenario scenarios/2-system-change --out plan.json"
        "opar plan --scenario scenarios/1-two-services --algorithm rollout --lookahead 3 --out plan.json"
        "opar plan --scenario scenarios/1-two-services --algorithm sampled-rollout --base random --trajectories 200 --steps 20 --states 251 --out plan.json"
        "opar train scenarios/2-system-change --out base.policy"
        "opar train scenarios/2-system-change --after-change --warm-start base.policy --seed 2 --out adapted.policy"
        "opar policy import exported.safetensors --scenario scenarios/2-system-change --out policy.safetensors"
        "opar policy import actor.onnx --scenario scenarios/2-system-change --out policy.safetensors"
        "opar policy show policy.safetensors"
        "opar control scenarios/2-system-change --simulate --cycles 100 --journal journal.db"
        "opar control scenarios/2-system-change --stdin --mode shadow < intervals.ndjson > decisions.ndjson"
        "opar control my-mesh --prometheus --mode shadow --journal journal.db --listen http://127.0.0.1:8080"
        "opar control my-mesh --prometheus --webhook http://127.0.0.1:9000/actions --journal journal.db"
        "opar status --url http://127.0.0.1:8080"
        "opar status --url http://127.0.0.1:8080 --json"
        "opar hold --url http://127.0.0.1:8080"
        "opar hold --url http://127.0.0.1:8080 --minutes 30 --by anna"
        "opar resume --url http://127.0.0.1:8080"
        "opar resume --url https://controller.example --by anna --token-file token"
        "opar journal show journal.db --report journal.html"
        "opar journal export journal.db --out cycles.csv"
        "opar journal undo journal.db --to 2026-01-31T12:00:05Z"
        "opar explain --journal journal.db --cycle 40"
        "opar explain --journal journal.db --cycle 40 --scenario moved/2-system-change"
        "opar scenario new my-mesh --services 3"
        "opar scenario check my-mesh"
        "opar scenario schema > scenario.schema.json"
        "opar testbed up scenarios/6-live"
        "opar testbed change scenarios/6-live slowdown:node-2=3"
        "opar testbed record scenarios/6-live --out before.csv"
        "opar testbed run scenarios/6-live --quick"
        "opar testbed load http://127.0.0.1:8080 --service shop=50 --service shop@premium=5 --seconds 30"
        "opar testbed load http://127.0.0.1:8080 --service shop=sine:60:40:120 --service search=steps:20,50,80:30"
    ]

/// Of a command by its words, such as `journal` and `show`.
let ofCommand (words: string list) =
    let command = String.concat " " ("opar" :: words)
    all |> List.filter (fun example -> example.StartsWith(command + " "))

namespace OnlinePolicyAdaptation.Cli

open Argu

type RunArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | Seeds of N: int
    | Cycles of N: int
    | [<CustomCommandLine "--change-at">] Change_At of K: int
    | Lookahead of L: string
    | Forgetting of WAYS: string
    | Outlook of BOUND: string
    | [<CustomCommandLine "--also-base">] Also_Base of POLICIES: string
    | Retrain
    | [<CustomCommandLine "--no-retrain">] No_Retrain
    | [<CustomCommandLine "--base-policy">] Base_Policy of POLICY: string
    | [<CustomCommandLine "--trace-before">] Trace_Before of FILE: string
    | [<CustomCommandLine "--trace-after">] Trace_After of FILE: string
    | Threads of T: int
    | Out of DIR: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, with its scenario.json, or a file alike"
            | Seeds _ -> "number of repetitions with different random seeds (default: the scenario's)"
            | Cycles _ -> "number of control cycles of a run"
            | Change_At _ ->
                "the system changes before this cycle; 0: the first cycle already runs on the changed system"
            | Lookahead _ -> "lookahead horizons of the rollout policies, such as 1,3"
            | Forgetting _ ->
                "samples the system model is fitted to: never (forget), window:N, newest:N (of each configuration), relevance:N (default: the scenario's); further ones after a comma are compared at the longest horizon"
            | Outlook _ ->
                "response times that are planned with: expected, optimistic:P or cautious:P, P being the confidence of the bound (default: the scenario's)"
            | Also_Base _ ->
                "further base policies to compare, each with rollout on it, joint and one control after another: random, static, greedy, optimal, threshold:CPU-SECONDS-PER-REQUEST (of each service, with + between), rules:FILE, tabular:FILE, or a file written by opar train (default: the scenario's)"
            | Retrain ->
                "compare also with policies trained on the whole recording of the new system, from scratch and warm (default: the scenario's)"
            | No_Retrain -> "do not, although the scenario does"
            | Base_Policy _ ->
                "base policy instead of the scenario's: optimal (before the change), a file written by opar train, or as in --also-base"
            | Trace_Before _ -> "CSV trace of the system before the change, instead of the scenario's"
            | Trace_After _ -> "CSV trace of the system after the change, instead of the scenario's"
            | Threads _ -> "threads to run on (default: one per core); the results do not depend on it"
            | Out _ -> "folder for report.html, results.json and results.csv (default: results/<scenario>)"

type ReportArguments =
    | [<MainCommand; Mandatory>] Results of DIR: string list
    | Out of HTML: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Results _ -> "folders that opar run has written: of one the report is made again, several are compared"
            | Out _ -> "page to write (default: report.html in the folder, or results/comparison.html)"

type FitArguments =
    | [<MainCommand; ExactlyOnce>] Trace of TRACE: string
    | [<Mandatory>] Out of MODEL: string
    | Features of NAMES: string
    | Targets of NAMES: string
    | Trees of N: int
    | Seed of N: int
    | Threads of T: int

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Trace _ -> "CSV trace to learn from"
            | Out _ -> "file to write the model to"
            | Features _ ->
                "columns to predict from, such as c1,p11,l1,cl1 (default: all of c*, p*, l*, cl* that the trace has)"
            | Targets _ -> "columns to predict, such as d1 (default: d1, d2, .. that the trace has)"
            | Trees _ -> "number of trees (default 120)"
            | Seed _ -> "seed of the forest and of the split into training and held-out rows (default 1)"
            | Threads _ -> "threads to fit on (default: one per core); the model does not depend on it"

type PredictArguments =
    | [<MainCommand; ExactlyOnce>] Model of MODEL: string
    | [<Mandatory>] Config of VALUES: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Model _ -> "file written by opar fit"
            | Config _ -> "a value for every feature of the model, such as c1=2,p11=1,l1=5,cl1=5"

type EvaluateArguments =
    | [<MainCommand; Mandatory>] Traces of TRACE: string list
    | Scenario of DIR: string
    | Forgetting of WAY: string
    | [<CustomCommandLine "--full-refit">] Full_Refit
    | Save of FILE: string
    | Resume of FILE: string
    | Seed of N: int
    | Threads of T: int
    | Out of HTML: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Traces _ -> "CSV traces of one system; the system changes where one ends and the next begins"
            | Scenario _ ->
                "folder of the scenario whose controls, columns and estimation hold (default: controls are read off the traces' columns c1, p11, ..)"
            | Forgetting _ ->
                "samples the model is fitted to that is compared with the others, such as relevance:10 (default: the scenario's, or relevance:30)"
            | Save _ ->
                "file to keep the estimator in as it stands after the last trace: rows, weights, detector and trees"
            | Resume _ ->
                "go on from such a file, with this estimator alone: the predictions are the same as without a stop"
            | Full_Refit -> "evaluate the model also with all trees grown anew for each sample"
            | Seed _ -> "seed of the forests (default 1)"
            | Threads _ -> "models evaluated at once (default: one per core); use 1 to measure times of refits"
            | Out _ -> "page to write (default: results/evaluation.html)"

type RecordArguments =
    | [<Mandatory>] Scenario of DIR: string
    | [<Mandatory>] Out of CSV: string
    | [<CustomCommandLine "--after-change">] After_Change
    | [<CustomCommandLine "--without-statistics">] Without_Statistics
    | Intervals of N: int
    | Seed of N: int

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario (or its scenario.json), whose simulated mesh is recorded"
            | Out _ -> "CSV file to write"
            | After_Change -> "record the mesh as it is after the scenario's change"
            | Without_Statistics ->
                "leave out deviations, percentiles, times per node and drops: a file a third the size"
            | Intervals _ -> "monitoring intervals per configuration and load level (default: the scenario's)"
            | Seed _ -> "seed of the simulation (default: the scenario's)"

type PlanArguments =
    | [<Mandatory>] Scenario of DIR: string
    | [<CustomCommandLine "--delay-table">] Delay_Table of CSV: string
    | [<Mandatory>] Algorithm of NAME: string
    | Lookahead of L: int
    | Base of POLICY: string
    | Terminal of VALUES: string
    | States of NUMBERS: string
    | Theta of T: float
    | Sweeps of KIND: string
    | Evaluations of N: int
    | Trajectories of N: int
    | Steps of N: int
    | Seed of N: uint64
    | Indifference of D: float
    | [<CustomCommandLine "--error-probability">] Error_Probability of P: float
    | [<CustomCommandLine "--standard-errors">] Standard_Errors of Z: float
    | [<Mandatory>] Out of JSON: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario (or its scenario.json)"
            | Delay_Table _ ->
                "CSV with a response time for every state, columns state, the controls, d1, d2, .. (default: a random forest fitted to the scenario's trace)"
            | Algorithm _ ->
                "value-iteration, policy-iteration, modified-policy-iteration, lookahead, rollout, multiagent, newton, sampled-rollout or sampled-multiagent"
            | Lookahead _ -> "lookahead horizon of lookahead, rollout and multiagent (default 1)"
            | Base _ ->
                "base policy: greedy (default), random, or a JSON file with an array of one action number per state"
            | Terminal _ ->
                "values at the leaves: exact (default), those of the base policy; best, in each state the largest of base policy, greedy and keeping; or a JSON file with an array of one value per state"
            | States _ -> "states to decide in: all (default) or numbers such as 0,2,4"
            | Theta _ ->
                "value iteration and modified policy iteration stop when no value changes by this or more (default 1e-9)"
            | Sweeps _ -> "sweeps of value iteration: gauss-seidel, in place (default), or jacobi, synchronous"
            | Evaluations _ ->
                "sweeps that evaluate the greedy policy between two sweeps of modified policy iteration (default 10)"
            | Trajectories _ -> "sampled rollouts: trajectories of each action (default 100)"
            | Steps _ ->
                "sampled rollouts: steps of the base policy before the values at the leaves stand for the rest (default 20)"
            | Seed _ -> "sampled rollouts: seed of all chance (default 1)"
            | Indifference _ ->
                "sampled-rollout: stop sampling actions that are clearly worse; the smallest difference of Q-factors that matters"
            | Error_Probability _ ->
                "with --indifference: probability of dropping an action that is better by that much (default 0.05)"
            | Standard_Errors _ ->
                "sampled rollouts: leave the base action only for a gain above so many of its standard errors (default: for the largest Q-factor)"
            | Out _ -> "JSON file to write"

type TrainArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | Preset of NAME: string
    | Seed of N: int
    | Steps of N: int64
    | [<CustomCommandLine "--warm-start">] Warm_Start of POLICY: string
    | [<CustomCommandLine "--after-change">] After_Change
    | [<CustomCommandLine "--trace-before">] Trace_Before of FILE: string
    | [<CustomCommandLine "--trace-after">] Trace_After of FILE: string
    | Report of HTML: string
    | [<Mandatory>] Out of POLICY: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, with its scenario.json"
            | Preset _ ->
                "fast (default): small networks, 64 environments; or paper: the settings of the published work, 3 x 128, a million steps"
            | Seed _ -> "seed of all chance in the training (default 1); the same seed gives the same policy"
            | Steps _ -> "steps of all environments together (default: the preset's)"
            | Warm_Start _ -> "policy file to go on from, instead of new networks of the preset's size"
            | After_Change -> "train on the system as it is after the scenario's change"
            | Trace_Before _ -> "CSV trace of the system before the change, instead of the scenario's"
            | Trace_After _ -> "CSV trace of the system after the change, instead of the scenario's"
            | Report _ -> "learning curves as a page (default: results/<scenario>/training.html)"
            | Out _ -> "policy file to write"

type ImportArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<Mandatory>] Scenario of DIR: string
    | [<Mandatory>] Out of POLICY: string
    | Activation of NAME: string
    | Observation of KIND: string
    | Loads of RANGE: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ ->
                "ONNX file (.onnx) of an actor, from observation to three logits per control; or safetensors file with the state_dict of an MlpPolicy of Stable-Baselines3"
            | Scenario _ -> "folder of the scenario (or its scenario.json) whose controls the policy moves"
            | Out _ -> "policy file to write"
            | Activation _ ->
                "of the hidden layers of a safetensors file: tanh (default) or relu; an ONNX file tells it"
            | Observation _ ->
                "what the network sees: normalised (default: each control, and each load of --loads, from its range onto -1..1), levels (0, 1, ..) or values (cores, shares) of the controls, then loads in req/s if it has inputs for them"
            | Loads _ ->
                "with normalised: range of the offered loads in req/s, such as 5..15 (default: those of the scenario; a load that is always the same is not seen)"

type ShowArguments =
    | [<MainCommand; ExactlyOnce>] Policy of POLICY: string
    | Load of L: float

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Policy _ -> "policy file"
            | Load _ -> "offered load of each service in the states shown, in req/s (default 5)"

[<RequireSubcommand>]
type PolicyArguments =
    | [<CliPrefix(CliPrefix.None)>] Import of ParseResults<ImportArguments>
    | [<CliPrefix(CliPrefix.None)>] Show of ParseResults<ShowArguments>

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Import _ -> "make a policy file of a network trained elsewhere"
            | Show _ -> "say what a policy file holds and what it does in some states"

type ControlArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | Stdin
    | Trace of CSV: string
    | Post
    | Prometheus
    | Simulate
    | Speed of FACTOR: string
    | Cycles of N: int
    | Mode of MODE: string
    | Clock of CLOCK: string
    | Deadline of MS: int
    | Lookahead of L: int
    | [<CustomCommandLine "--refit-every">] Refit_Every of N: int
    | Forgetting of WAY: string
    | Outlook of BOUND: string
    | [<CustomCommandLine "--without-trace">] Without_Trace
    | Journal of FILE: string
    | Retention of N: int
    | Quarantine of FILE: string
    | Listen of ADDRESS: string
    | [<CustomCommandLine "--token-file">] Token_File of FILE: string
    | Webhook of URL: string
    | [<CustomCommandLine "--webhook-token-file">] Webhook_Token_File of FILE: string
    | Quiet

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario (or its scenario.json), whose system is controlled"
            | Post -> "metrics come as lines of JSON posted to /v1/metrics at the address of --listen"
            | Prometheus -> "metrics come from the Prometheus server that the scenario names"
            | Listen _ ->
                "serve /healthz, /readyz and /metrics, such as at http://127.0.0.1:8080; other machines' addresses need a token"
            | Token_File _ -> "file with the bearer token that posting metrics takes"
            | Webhook _ -> "post every action here, with an idempotency key, until it was taken or its interval is over"
            | Webhook_Token_File _ -> "file with the bearer token that the webhook asks for"
            | Stdin -> "metrics come as lines of JSON on standard input"
            | Trace _ -> "metrics come from a recorded trace, row by row"
            | Simulate -> "metrics come from the scenario's simulated mesh, which is acted on"
            | Speed _ ->
                "of a trace or a simulation: max, 1x (as it was measured), 20x, .. (default: max in lockstep, 1x in real time)"
            | Cycles _ -> "of a simulation: end after so many intervals (default: never)"
            | Mode _ -> "act (default); shadow: decide and record, but do nothing; base: the base policy alone"
            | Clock _ ->
                "lockstep (default, except with --post and --prometheus): each decision waits for the refit, and depends on the intervals alone; realtime: the model is refitted beside the decisions"
            | Deadline _ ->
                "in real time: milliseconds after which a plan is replaced by the base policy's action (default 250)"
            | Lookahead _ -> "lookahead horizon of rollout (default: the scenario's)"
            | Refit_Every _ -> "intervals after which the model is refitted (default: the scenario's)"
            | Forgetting _ -> "samples the model is fitted to, such as relevance:30 (default: the scenario's)"
            | Outlook _ -> "response times that are planned with, such as optimistic:0.6 (default: the scenario's)"
            | Without_Trace -> "start without a model of the scenario's trace"
            | Journal _ ->
                "SQLite file that keeps every interval, decision and model; a controller that is started with it again goes on from there"
            | Retention _ -> "intervals that the journal keeps (default 200000)"
            | Quarantine _ ->
                "file that elements go to that cannot be used, with the reason (default: <journal>.quarantine.ndjson; without a journal <scenario>.quarantine.ndjson); at 16 MiB it becomes <file>.1"
            | Quiet -> "write no decisions to standard output"

type ExportArguments =
    | [<MainCommand; ExactlyOnce>] Journal of FILE: string
    | Format of FORMAT: string
    | Scenario of DIR: string
    | Out of FILE: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control"
            | Format _ ->
                "csv (default): a row per cycle, with the columns of a trace; intervals or decisions: a line of JSON per cycle, as it came or went out"
            | Scenario _ -> "where the scenario is now (default: where it was)"
            | Out _ -> "file to write (default: standard output)"

type JournalShowArguments =
    | [<MainCommand; ExactlyOnce>] Journal of FILE: string
    | Scenario of DIR: string
    | Report of HTML: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control"
            | Scenario _ -> "where the scenario is now (default: where it was)"
            | Report _ -> "page to write on what the controller has done, or in shadow mode would have done"

type UndoArguments =
    | [<MainCommand; ExactlyOnce>] Journal of FILE: string
    | [<Mandatory>] To of TIME: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control, which no controller writes"
            | To _ ->
                "end of the last interval to keep, such as 2026-01-31T12:00:05Z; what came after it is taken back, and kept as evidence"

[<RequireSubcommand>]
type JournalArguments =
    | [<CliPrefix(CliPrefix.None)>] Export of ParseResults<ExportArguments>
    | [<CliPrefix(CliPrefix.None)>] Show of ParseResults<JournalShowArguments>
    | [<CliPrefix(CliPrefix.None)>] Undo of ParseResults<UndoArguments>

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Export _ -> "write the cycles of a journal as CSV or lines of JSON"
            | Show _ -> "sum a journal up"
            | Undo _ -> "take the last intervals back, with what was decided on them"

type ExplainArguments =
    | [<Mandatory>] Journal of FILE: string
    | [<Mandatory>] Cycle of N: int
    | Scenario of DIR: string
    | Anyway

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control"
            | Cycle _ -> "the cycle to explain"
            | Scenario _ -> "where the scenario is now (default: where it was)"
            | Anyway -> "explain with the scenario as it is now, though it was another one when the cycle was decided"

type SweepArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | [<Mandatory>] Vary of FIELD_AND_VALUES: string
    | Seeds of N: int
    | Cycles of N: int
    | [<CustomCommandLine "--trace-before">] Trace_Before of FILE: string
    | [<CustomCommandLine "--trace-after">] Trace_After of FILE: string
    | Threads of T: int
    | Out of DIR: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, with its scenario.json"
            | Vary _ ->
                "field of scenario.json and its values, such as controller.estimation.forgetting=relevance:30,newest:3 or experiment.compared.horizons=[1],[3]; given several times: a grid"
            | Seeds _ -> "number of repetitions with different random seeds (default: the scenario's)"
            | Cycles _ -> "number of control cycles of a run (default: the scenario's)"
            | Trace_Before _ -> "CSV trace of the system before the change, instead of the scenario's"
            | Trace_After _ -> "CSV trace of the system after the change, instead of the scenario's"
            | Threads _ -> "threads to run on (default: one per core); the results do not depend on it"
            | Out _ ->
                "folder for report.html, sweep.csv and what is kept of each point (default: results/<scenario>-sweep); a sweep that was interrupted goes on with what is there"

type ScenarioCheckArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, or its scenario.json"

type ScenarioNewArguments =
    | [<MainCommand; ExactlyOnce>] Folder of DIR: string
    | Services of N: int
    | Nodes of N: int

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Folder _ -> "folder to write scenario.json and its schema into; what is there is not replaced"
            | Services _ -> "services of the mesh (default: as many as nodes, or 3)"
            | Nodes _ -> "nodes of the mesh (default: as many as services)"

[<RequireSubcommand>]
type ScenarioArguments =
    | [<CliPrefix(CliPrefix.None)>] Check of ParseResults<ScenarioCheckArguments>
    | [<CliPrefix(CliPrefix.None)>] New of ParseResults<ScenarioNewArguments>
    | [<CliPrefix(CliPrefix.None); SubCommand>] Schema

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Check _ -> "say everything that is wrong with a scenario.json, or that it is fine"
            | New _ -> "write a simulated mesh whose first node becomes slower"
            | Schema -> "print the JSON Schema of scenario.json"

[<RequireSubcommand>]
type Arguments =
    | [<CliPrefix(CliPrefix.None)>] Run of ParseResults<RunArguments>
    | [<CliPrefix(CliPrefix.None)>] Report of ParseResults<ReportArguments>
    | [<CliPrefix(CliPrefix.None)>] Sweep of ParseResults<SweepArguments>
    | [<CliPrefix(CliPrefix.None)>] Record of ParseResults<RecordArguments>
    | [<CliPrefix(CliPrefix.None)>] Fit of ParseResults<FitArguments>
    | [<CliPrefix(CliPrefix.None)>] Predict of ParseResults<PredictArguments>
    | [<CliPrefix(CliPrefix.None)>] Evaluate of ParseResults<EvaluateArguments>
    | [<CliPrefix(CliPrefix.None)>] Plan of ParseResults<PlanArguments>
    | [<CliPrefix(CliPrefix.None)>] Train of ParseResults<TrainArguments>
    | [<CliPrefix(CliPrefix.None)>] Policy of ParseResults<PolicyArguments>
    | [<CliPrefix(CliPrefix.None)>] Control of ParseResults<ControlArguments>
    | [<CliPrefix(CliPrefix.None)>] Journal of ParseResults<JournalArguments>
    | [<CliPrefix(CliPrefix.None)>] Explain of ParseResults<ExplainArguments>
    | [<CliPrefix(CliPrefix.None)>] Scenario of ParseResults<ScenarioArguments>

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Run _ -> "run a scenario: base policy, rollout and optimum on a system that changes"
            | Report _ -> "make the report of a run again, or compare several runs"
            | Sweep _ -> "run a scenario in each point of a grid over its settings"
            | Record _ -> "record a trace of a scenario's simulated mesh over its whole control grid"
            | Fit _ -> "fit a random-forest system model to a trace and print its quality on held-out rows"
            | Predict _ -> "predict response times with a fitted model"
            | Evaluate _ -> "evaluate ways to forget: predict each row of a trace, then learn from it"
            | Plan _ -> "plan on a scenario's decision problem: values, decisions and Q-factors as JSON"
            | Train _ -> "train a base policy on a scenario's system by Maskable PPO"
            | Policy _ -> "import a policy trained elsewhere, or show one"
            | Journal _ -> "read what opar control has kept"
            | Scenario _ -> "check a scenario.json, write a new one, print its JSON Schema"
            | Explain _ -> "say why a cycle of opar control decided as it did"
            | Control _ -> "control a system: metrics in, decisions out, until stopped"

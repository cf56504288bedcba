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
                "samples the system model is fitted to: never (forget), window:N, newest:N (of each configuration), relevance:N, factors:N (default: the scenario's); further ones after a comma are compared at the longest horizon"
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

type ReportArguments =
    | [<MainCommand; Mandatory>] Results of DIR: string list
    | Out of HTML: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Results _ -> "folders that opar run has written: of one the report is made again, several are compared"
            | Out _ -> "page to write (default: report.html in the folder, or results/comparison.html)"

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

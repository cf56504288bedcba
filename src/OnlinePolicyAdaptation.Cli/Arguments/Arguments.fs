namespace OnlinePolicyAdaptation.Cli

open Argu

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
    | [<CliPrefix(CliPrefix.None)>] Hold of ParseResults<HoldArguments>
    | [<CliPrefix(CliPrefix.None)>] Resume of ParseResults<ResumeArguments>
    | [<CliPrefix(CliPrefix.None)>] Status of ParseResults<StatusArguments>
    | [<CliPrefix(CliPrefix.None)>] Journal of ParseResults<JournalArguments>
    | [<CliPrefix(CliPrefix.None)>] Explain of ParseResults<ExplainArguments>
    | [<CliPrefix(CliPrefix.None)>] Scenario of ParseResults<ScenarioArguments>
    | [<CliPrefix(CliPrefix.None)>] Testbed of ParseResults<TestbedArguments>

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
            | Hold _ -> "order a controller that listens to hold the configuration in force"
            | Resume _ -> "take that back"
            | Status _ -> "say what a controller that listens is doing"
            | Journal _ -> "read what opar control has kept"
            | Scenario _ -> "check a scenario.json, write a new one, print its JSON Schema"
            | Testbed _ -> "a real system on this machine: nodes, a front, load"
            | Explain _ -> "say why a cycle of opar control decided as it did"
            | Control _ -> "control a system: metrics in, decisions out, until stopped"

namespace OnlinePolicyAdaptation.Cli

open Argu

type PlanArguments =
    | [<Mandatory>] Scenario of DIR: string
    | [<CustomCommandLine "--delay-table">] Delay_Table of CSV: string
    | Algorithm of NAME: string
    | Lookahead of L: int
    | Base of POLICY: string
    | Terminal of VALUES: string
    | States of NUMBERS: string
    | Theta of T: float
    | Sweeps of KIND: string
    | [<CustomCommandLine "--most-sweeps">] Most_Sweeps of N: int
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
                "policy-iteration (default), value-iteration, modified-policy-iteration, lookahead, rollout, multiagent, newton, sampled-rollout or sampled-multiagent"
            | Lookahead _ -> "lookahead horizon of lookahead, rollout and multiagent (default 1)"
            | Base _ ->
                "base policy: greedy (default), random, or a JSON file with an array of one action number per state"
            | Terminal _ ->
                "values at the leaves: exact (default), those of the base policy; best, in each state the largest of base policy, greedy and keeping; or a JSON file with an array of one value per state"
            | States _ -> "states to decide in: all (default) or numbers such as 0,2,4"
            | Theta _ ->
                "value iteration and modified policy iteration stop when no value changes by this or more (default 1e-9): every value is then within this, divided by 1 - discount, of the optimum; where that cannot be reached they fail and say what can"
            | Sweeps _ -> "sweeps of value iteration: gauss-seidel, in place (default), or jacobi, synchronous"
            | Most_Sweeps _ -> "value iteration and modified policy iteration: sweeps at most (default 10000)"
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

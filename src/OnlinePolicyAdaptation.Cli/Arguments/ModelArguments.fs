namespace OnlinePolicyAdaptation.Cli

open Argu

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
            | Trees _ -> "number of trees, at most 10000 (default 120)"
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

/// How scenarios and options of commands write what a model is estimated from and planned with.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.EstimationSyntax

open System
open System.Globalization
open OnlinePolicyAdaptation.ControlCycle

let private forgettings =
    "never, window:<samples>, newest:<samples per configuration>, relevance:<samples per configuration> or factors:<samples per configuration>"

let private riskAttitudes =
    "expected, optimistic:<confidence> or cautious:<confidence>, a confidence being a number from 0.5 to below 1"

let private split (text: string) =
    match text.Split(':', 2) with
    | [| name; number |] -> name, Some number
    | _ -> text, None

let forgettingName forgetting =
    match forgetting with
    | Forgetting.Never -> "never"
    | Forgetting.Window samples -> $"window:{samples}"
    | Forgetting.PerConfiguration samples -> $"newest:{samples}"
    | Forgetting.ByRelevance samples -> $"relevance:{samples}"
    | Forgetting.ByFactors samples -> $"factors:{samples}"

/// The samples that the model is fitted to, in words.
let describe forgetting =
    match forgetting with
    | Forgetting.Never -> "all samples"
    | Forgetting.Window samples -> $"the newest {samples} samples"
    | Forgetting.PerConfiguration samples -> $"the newest {samples} samples of each configuration and load step"
    | Forgetting.ByRelevance samples ->
        $"the newest {samples} samples of each configuration and load step, weighed by relevance once the system was seen to change"
    | Forgetting.ByFactors samples ->
        $"the newest {samples} samples of each configuration and load step, seen through the factors that nodes had at their time"

let forgetting (text: string) =
    let samples (number: string option) make =
        match
            number
            |> Option.map (fun n -> Int32.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture))
        with
        | Some(true, samples) when samples >= 1 -> Ok(make samples)
        | _ -> Error $"'{text}'; expected {forgettings}, with at least 1 sample"

    match split text with
    | "never", None -> Ok Forgetting.Never
    | "window", number -> samples number Forgetting.Window
    | "newest", number -> samples number Forgetting.PerConfiguration
    | "relevance", number -> samples number Forgetting.ByRelevance
    | "factors", number -> samples number Forgetting.ByFactors
    | _ -> Error $"'{text}'; expected {forgettings}"

let riskAttitudeText attitude =
    match attitude with
    | RiskAttitude.Expected -> "expected"
    | RiskAttitude.Optimistic confidence -> $"optimistic:{Numbers.text confidence}"
    | RiskAttitude.Cautious confidence -> $"cautious:{Numbers.text confidence}"

let riskAttitude (text: string) =
    let confidence (number: string option) make =
        match
            number
            |> Option.map (fun n -> Double.TryParse(n, NumberStyles.Float, CultureInfo.InvariantCulture))
        with
        | Some(true, confidence) when confidence >= 0.5 && confidence < 1.0 -> Ok(make confidence)
        | _ -> Error $"'{text}'; expected {riskAttitudes}"

    match split text with
    | "expected", None -> Ok RiskAttitude.Expected
    | "optimistic", number -> confidence number RiskAttitude.Optimistic
    | "cautious", number -> confidence number RiskAttitude.Cautious
    | _ -> Error $"'{text}'; expected {riskAttitudes}"

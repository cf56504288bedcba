namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System
open System.Globalization
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open OnlinePolicyAdaptation.Domain

/// A field of a scenario's file and the values it takes.
type SweepAxis =
    {
        /// Such as `estimation.forgetting`.
        Field: string
        Values: JsonNode list
    }

/// A value for each axis.
type SweepPoint = (string * JsonNode) list

/// One number that came out of a point.
type SweepMeasure =
    {
        /// Name of the contender.
        Policy: string
        /// "before" or "after" the change, or "all".
        Phase: string
        /// Such as `reward`.
        Measure: string
        /// NaN where it has no value.
        Mean: float
        /// Half the width of the 95 % interval over seeds; NaN where there is none.
        HalfWidth: float
    }

/// A point whose experiment has been run.
type SweptPoint =
    {
        /// The values as text, by field.
        Settings: (string * string) list
        Measures: SweepMeasure list
    }

/// A grid over settings of a scenario: an experiment in each point.
[<RequireQualifiedAccess>]
module Sweep =

    /// The text of a value as it is written on the command line.
    let text (value: JsonNode) =
        match value with
        | :? JsonValue as value when value.GetValueKind() = JsonValueKind.String -> value.GetValue<string>()
        | value -> value.ToJsonString()

    /// JSON where it is JSON, and text elsewhere.
    let private value (text: string) : JsonNode =
        let asText () : JsonNode =
            nonNull (JsonSerializer.SerializeToNode text)

        try
            match JsonNode.Parse text with
            | null -> asText ()
            | node -> node
        with :? JsonException ->
            asText ()

    /// Splits at the commas outside brackets.
    let private split (text: string) =
        let parts = ResizeArray [ StringBuilder() ]
        let mutable depth = 0

        for c in text do
            depth <-
                match c with
                | '['
                | '{' -> depth + 1
                | ']'
                | '}' -> depth - 1
                | _ -> depth

            if c = ',' && depth = 0 then
                parts.Add(StringBuilder())
            else
                parts[parts.Count - 1].Append c |> ignore

        parts |> Seq.map (string >> _.Trim()) |> List.ofSeq

    /// An axis such as `estimation.forgetting=relevance:30,newest:3`; a value is JSON or text.
    let axis (argument: string) =
        match argument.Split('=', 2) with
        | [| field; values |] when field.Trim() <> "" && split values |> List.forall ((<>) "") ->
            Ok
                {
                    Field = field.Trim()
                    Values = split values |> List.map value
                }
        | _ ->
            Error
                $"'{argument}'; expected a field and its values, such as controller.estimation.forgetting=relevance:30,newest:3"

    /// All combinations, the last axis fastest.
    let points (axes: SweepAxis list) : SweepPoint list =
        (axes, [ [] ])
        ||> List.foldBack (fun axis rest ->
            [
                for value in axis.Values do
                    for point in rest -> (axis.Field, value) :: point
            ])

    let private measures (s: PhaseSummary) =
        let measure name mean halfWidth =
            {
                Policy = s.Contender.Name
                Phase = s.Phase.Name
                Measure = name
                Mean = mean
                HalfWidth = halfWidth
            }

        let interval name (estimate: ConfidenceInterval) =
            measure name estimate.Mean estimate.HalfWidth

        [
            interval "reward" s.Reward
            interval "reward_at_end" s.RewardAtEnd
            interval "slo_violations" s.Violations
            interval "slo_excess" s.Excess
            interval "cpu_cores" s.CpuCores
            interval "prediction_nmae" s.ModelError
            if s.Phase = Phase.After then
                measure "adapted_seeds" (s.Adapted |> Seq.filter ValueOption.isSome |> Seq.length |> float) nan
                measure "adaptation_cycles" s.AdaptationCycles nan
            measure "decision_seconds" s.MedianDecisionSeconds nan
        ]

    /// What the experiment of a point came to.
    let swept (point: SweepPoint) (summary: PhaseSummary list) : SweptPoint =
        {
            Settings = [ for field, value in point -> field, text value ]
            Measures = summary |> List.collect measures
        }

    // --- Points that are kept, so that an interrupted sweep goes on

    type MeasureJson =
        {
            Policy: string
            Phase: string
            Measure: string
            Mean: Nullable<float>
            HalfWidth: Nullable<float>
        }

    /// The file of a point, field by field.
    type PointJson =
        {
            Fingerprint: string
            Settings: Map<string, string>
            Measures: MeasureJson[]
        }

    /// Of everything that the outcome of a point depends on: the scenario's file and traces, the point, the seeds.
    let fingerprint path (scenario: Scenario) (point: SweepPoint) =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

        let files =
            [
                Scenario.file path
                yield! Option.toList scenario.Experiment.TraceBefore
                for change in scenario.Experiment.Changes do
                    yield! Option.toList change.Trace
            ]

        for file in files do
            hash.AppendData(SHA256.HashData(GivenFile.ReadBytes(file, "a scenario or trace", Array.MaxLength)))

        let settings =
            [
                for field, value in point do
                    $"{field}={value.ToJsonString()}"

                $"seeds={scenario.Experiment.Seeds}, cycles={scenario.Experiment.Cycles}"
            ]

        hash.AppendData(Encoding.UTF8.GetBytes(String.concat "\n" settings))
        Convert.ToHexString(hash.GetHashAndReset())

    let private finite (value: float) =
        if Double.IsFinite value then Nullable value else Nullable()

    let private number (value: Nullable<float>) =
        if value.HasValue then value.Value else nan

    let private options =
        JsonSerializerOptions(WriteIndented = true, AllowDuplicateProperties = false)

    let save path fingerprint (point: SweptPoint) =
        let json: PointJson =
            {
                Fingerprint = fingerprint
                Settings = Map.ofList point.Settings
                Measures =
                    [|
                        for m in point.Measures ->
                            {
                                Policy = m.Policy
                                Phase = m.Phase
                                Measure = m.Measure
                                Mean = finite m.Mean
                                HalfWidth = finite m.HalfWidth
                            }
                    |]
            }

        AtomicFile.Write(path, (fun file -> file.Write(JsonSerializer.Serialize(json, options))))

    /// The point that was kept in a file under this fingerprint; none where there is no such file, or it is of other settings.
    let tryLoad path fingerprint (point: SweepPoint) : SweptPoint option =
        try
            match JsonSerializer.Deserialize<PointJson>(GivenFile.ReadText(path, "a point of a sweep"), options) with
            | null -> None
            | json when json.Fingerprint <> fingerprint -> None
            | json ->
                Some
                    {
                        Settings = [ for field, value in point -> field, text value ]
                        Measures =
                            [
                                for m in json.Measures ->
                                    {
                                        Policy = m.Policy
                                        Phase = m.Phase
                                        Measure = m.Measure
                                        Mean = number m.Mean
                                        HalfWidth = number m.HalfWidth
                                    }
                            ]
                    }
        with
        | :? BadInputException
        | :? JsonException -> None

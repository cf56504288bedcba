/// opar fit and opar predict: a system model on its own.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ModelCommands

open System
open System.Globalization
open System.Text.RegularExpressions
open Argu
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.Regression

/// What the columns of a trace hold, by the testbed's names: CPU cores, routing weight, offered and carried load,
/// response time. In the order in which features stand by default.
let private columnKinds =
    [
        "^c[0-9]+$", "cores", infinity
        "^p[0-9]+$", "fraction", 1.0
        "^b[0-9]+$", "fraction", 1.0
        "^l[0-9]+$", "req/s", infinity
        "^cl[0-9]+$", "req/s", infinity
        "^d[0-9]$", "s", infinity
    ]

let private kindOf (name: string) =
    columnKinds
    |> List.tryFind (fun (pattern, _, _) -> Regex.IsMatch(name, pattern))

/// Columns of these kinds that a header has, kinds in their order.
let private columnsOf (header: string seq) patterns =
    [
        for pattern in patterns do
            yield!
                header
                |> Seq.filter (fun (name: string) -> Regex.IsMatch(name, pattern))
                |> Seq.sort
    ]

let private field (file: TraceFile) name =
    match kindOf name with
    | Some(_, unit, highest) -> file.Field(TraceColumn(name, unit), min highest Double.MaxValue)
    | None -> file.Field(TraceColumn(name, "s"))

/// The carried loads of what a target was measured of: of d1 and d1_99 the first service's, of other names every service's.
let private carriedBy (header: string seq) target =
    let every = columnsOf header [ "^cl[0-9]+$" ]
    let service = Regex.Match(target, "^d([0-9])")

    match
        every
        |> List.filter (fun name -> service.Success && name = $"cl{service.Groups[1].Value}")
    with
    | [] -> every
    | own -> own

/// A target in a row: its number, or none where nothing was served.
let private measured (target: TraceField, carried: TraceField list) =
    if carried |> List.exists (fun load -> load.Number() = 0.0) then
        None
    else
        carried |> Seq.map string |> String.concat ", " |> target.NumberOf |> Some

/// The rows of a trace in which every service that the targets name answered something, and the number of others.
let private readTrainingSet (path: string) (features: string list option) (targets: string list option) =
    use file = TraceFile.Open path

    let features =
        features
        |> Option.defaultWith (fun () -> columnsOf file.Header [ "^c[0-9]+$"; "^p[0-9]+$"; "^l[0-9]+$"; "^cl[0-9]+$" ])

    let targets =
        targets |> Option.defaultWith (fun () -> columnsOf file.Header [ "^d[0-9]$" ])

    if features.IsEmpty || targets.IsEmpty then
        let header = Excerpt.Of(String.concat ", " file.Header, 1000)
        Error $"{path}:{file.HeaderLine}: no column to predict from or none to predict; the header has {header}"
    else
        let featureFields = features |> List.map (field file)

        let targetFields =
            targets
            |> List.map (fun target -> field file target, carriedBy file.Header target |> List.map (field file))

        let featureRows = ResizeArray<float>()
        let targetRows = ResizeArray<float>()
        let mutable withoutService = 0

        while file.Read() do
            let x = featureFields |> List.map _.Number()
            let y = targetFields |> List.map measured

            if y |> List.forall Option.isSome then
                featureRows.AddRange x
                targetRows.AddRange(List.choose id y)
            else
                withoutService <- withoutService + 1

        match targetRows.Count, withoutService with
        | 0, 0 -> Error $"{path}: a header and no row; expected one row per interval"
        | 0, _ -> Error $"{path}: no row in which every service answered a request"
        | _ when targetRows.Count = targets.Length ->
            Error $"{path}: one row in which every service answered a request; expected two: one to fit, one to test"
        | _ ->
            Ok(
                TrainingSet(features, targets, ReadOnlySpan(featureRows.ToArray()), ReadOnlySpan(targetRows.ToArray())),
                withoutService
            )

let private names (text: string) =
    text.Split(',', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries)
    |> List.ofArray

/// The columns that an option names, each once.
let private namedOnce option (columns: string list option) =
    match
        columns
        |> Option.defaultValue []
        |> List.countBy id
        |> List.tryFind (fun (_, times) -> times > 1)
    with
    | Some(name, times) -> Error $"{option}: {Excerpt.Of(name, 100)} is named {times} times; expected each column once"
    | None -> Ok columns

/// As many as a scenario may ask for.
let private mostTrees = 10_000

let private atLeastOne option value =
    if value >= 1 then
        Ok value
    else
        Error $"{option}: {value}; expected at least 1"

let fit (arguments: ParseResults<FitArguments>) =
    let path = arguments.GetResult FitArguments.Trace
    let out = arguments.GetResult FitArguments.Out
    AtomicFile.RequireFolder out
    let key = RandomKey(uint64 (arguments.GetResult(FitArguments.Seed, 1)))

    let options =
        atLeastOne "--trees" (arguments.GetResult(FitArguments.Trees, 120))
        |> Result.bind (fun trees ->
            if trees <= mostTrees then
                Ok trees
            else
                Error $"--trees: {trees}; expected at most {mostTrees}")
        |> Result.bind (fun trees ->
            atLeastOne "--threads" (arguments.GetResult(FitArguments.Threads, Environment.ProcessorCount))
            |> Result.map (fun threads -> ForestOptions(Trees = trees, Threads = threads)))

    options
    |> Result.bind (fun options ->
        arguments.TryGetResult FitArguments.Features
        |> Option.map names
        |> namedOnce "--features"
        |> Result.bind (fun features ->
            arguments.TryGetResult FitArguments.Targets
            |> Option.map names
            |> namedOnce "--targets"
            |> Result.bind (readTrainingSet path features))
        |> Result.map (fun (set, withoutService) ->
            let quality = FitQuality.OnHeldOut(set, options, key.Split 0)
            let forest = RandomForest.Fit(set, options, key.Split 1)
            ForestFile.Save(forest, out)
            let features = String.concat ", " set.FeatureNames

            printfn
                $"{path}: {set.Count} rows, and {withoutService} left out in which nothing was served; features {features}"

            Terminal.table
                [ "target"; $"NMAE on {quality.Rows} held-out rows"; "R2" ]
                [
                    for i in 0 .. set.TargetNames.Count - 1 ->
                        [
                            set.TargetNames[i]
                            quality.Nmae[i].ToString("F4", CultureInfo.InvariantCulture)
                            quality.R2[i].ToString("F4", CultureInfo.InvariantCulture)
                        ]
                ]

            printfn $"model: {out}"))

/// "c1=2,p11=1" as names with numbers.
let private assignments (text: string) =
    let assignment (part: string) =
        match part.Split '=' with
        | [| name; value |] ->
            match Double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, number when Double.IsFinite number -> Ok(name.Trim(), number)
            | _ -> Error $"--config: {name}: '{value}' is not a finite number"
        | _ -> Error $"--config: '{part}' is not of the form name=value"

    (names text, Ok Map.empty)
    ||> List.foldBack (fun part found ->
        match assignment part, found with
        | Ok(name, _), Ok map when Map.containsKey name map -> Error $"--config: {name} is given twice"
        | Ok(name, number), Ok map -> Ok(Map.add name number map)
        | Error message, _
        | _, Error message -> Error message)

let private featureVector (forest: RandomForest) (values: Map<string, float>) =
    let expected = String.concat ", " forest.FeatureNames

    match
        values
        |> Map.tryFindKey (fun name _ -> not (Seq.contains name forest.FeatureNames)),
        forest.FeatureNames |> Seq.tryFind (fun name -> not (values.ContainsKey name))
    with
    | Some unknown, _ -> Error $"--config: {unknown} is not a feature of the model; expected {expected}"
    | _, Some missing -> Error $"--config: {missing} is missing; expected {expected}"
    | None, None -> Ok [| for name in forest.FeatureNames -> values[name] |]

let predict (arguments: ParseResults<PredictArguments>) =
    let config = arguments.GetResult PredictArguments.Config
    let forest = ForestFile.Load(arguments.GetResult PredictArguments.Model)

    assignments config
    |> Result.bind (featureVector forest)
    |> Result.map (fun features ->
        let outputs = Array.zeroCreate<float> forest.TargetNames.Count
        forest.Predict(ReadOnlySpan features, Span outputs)

        for name, value in Seq.zip forest.TargetNames outputs do
            printfn $"{name} = {value}")

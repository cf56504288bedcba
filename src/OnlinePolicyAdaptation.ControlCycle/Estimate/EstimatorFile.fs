/// An estimator as a file, with all that is needed to go on: rows, weights, the state of the detector, the trees. Stopping and
/// resuming gives the same predictions, bit for bit, as not stopping.
///
/// JSON, whose numbers come back as they were; the forest within is `ForestFile` in base64, so that it is checked as such.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.EstimatorFile

open System
open System.IO
open System.Text.Json
open System.Text.Json.Serialization
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// Where an estimator was stopped.
type Checkpoint =
    {
        Estimator: Estimator
        /// The next cycle.
        Cycle: int
        /// The source of its randomness.
        Key: RandomKey
    }

/// The file, field by field.
type SampleJson =
    {
        Cycle: int
        Seconds: float[]
        Weight: float
    }

type CellJson =
    {
        Levels: int[]
        OfferedLoads: float[]
        Reference: float[] option
        Samples: SampleJson[]
    }

type FileJson =
    {
        Version: int
        /// Names of the features and targets of the system model.
        Features: string[]
        Targets: string[]
        Cycle: int
        Key: uint64
        Since: int
        Detector: ServiceTest[]
        FittedAt: int
        Pending: int
        IsNews: bool
        /// Base64; none where there was too little to fit one to.
        Forest: string option
        Cells: CellJson[]
    }

let private version = 2

let private options =
    JsonSerializerOptions(
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false
    )

let private cellJson (cell: Cell) =
    {
        Levels = Seq.toArray cell.Configuration.Levels
        OfferedLoads = [| for load in cell.OfferedLoads -> load.PerSecond |]
        Reference = ValueOption.toOption cell.Reference
        Samples =
            [|
                for sample in cell.Samples ->
                    {
                        Cycle = sample.Cycle
                        Seconds = sample.Seconds
                        Weight = sample.Weight
                    }
            |]
    }

let private fileOf (layout: FeatureLayout) (checkpoint: Checkpoint) =
    let estimator = checkpoint.Estimator

    {
        Version = version
        Features = Seq.toArray layout.Names
        Targets = Seq.toArray layout.TargetNames
        Cycle = checkpoint.Cycle
        Key = checkpoint.Key.Value
        Since = estimator.Window.Since
        Detector = ChangeDetector.tests estimator.Detector
        FittedAt =
            match estimator.Model with
            | Ok model -> model.FittedAt
            | Error _ -> -1
        Pending = estimator.Pending
        IsNews = estimator.IsNews
        Forest =
            estimator.Forest
            |> ValueOption.toOption
            |> Option.map (ForestFile.Write >> Convert.ToBase64String)
        Cells = [| for cell in estimator.Window.Cells -> cellJson cell |]
    }

/// A checkpoint as UTF-8 JSON.
let write layout checkpoint =
    JsonSerializer.SerializeToUtf8Bytes(fileOf layout checkpoint, options)

/// Saves a checkpoint, in place of what the path held before.
let save layout (path: string) checkpoint =
    AtomicFile.WriteBytes(path, (fun stream -> stream.Write(write layout checkpoint)))

let private finite (values: float[]) = values |> Array.forall Double.IsFinite

let private cell (layout: FeatureLayout) index (file: CellJson) =
    let services = layout.Services
    let configuration = Configuration(EquatableArray.ToEquatableArray file.Levels)

    let sound (sample: SampleJson) =
        sample.Seconds.Length = services
        && finite sample.Seconds
        && Array.forall (fun seconds -> seconds >= 0.0) sample.Seconds
        && sample.Weight >= 0.0
        && sample.Weight <= 1.0

    let descending =
        file.Samples |> Array.pairwise |> Array.forall (fun (a, b) -> a.Cycle > b.Cycle)

    if not (layout.Grid.Contains configuration) then
        Error $"cells[{index}].levels: [{configuration.Levels}]; expected levels of the controls"
    elif
        file.OfferedLoads.Length <> services
        || not (finite file.OfferedLoads)
        || Array.exists (fun load -> load < 0.0) file.OfferedLoads
    then
        Error $"cells[{index}].offeredLoads: expected {services} finite loads in req/s"
    elif
        file.Reference
        |> Option.exists (fun r -> r.Length <> services || not (finite r))
    then
        Error $"cells[{index}].reference: expected {services} finite numbers"
    elif file.Samples.Length = 0 || not descending then
        Error $"cells[{index}].samples: expected at least one, newest first"
    else
        match Array.tryFindIndex (sound >> not) file.Samples with
        | Some sample ->
            Error
                $"cells[{index}].samples[{sample}]: expected {services} finite response times in seconds and a weight from 0 to 1"
        | None ->
            Ok
                {
                    Configuration = configuration
                    OfferedLoads = EquatableArray.ToEquatableArray(file.OfferedLoads |> Seq.map RequestRate)
                    Reference = Option.toValueOption file.Reference
                    Samples =
                        [
                            for sample in file.Samples ->
                                {
                                    Cycle = sample.Cycle
                                    Seconds = sample.Seconds
                                    Weight = sample.Weight
                                }
                        ]
                }

let private sequence results =
    (results, Ok [])
    ||> Array.foldBack (fun result found ->
        match result, found with
        | Ok item, Ok items -> Ok(item :: items)
        | Error message, _ -> Error message
        | _, error -> error)

let private forest path (text: string option) =
    match text with
    | None -> Ok ValueNone
    | Some text ->
        try
            Ok(ValueSome(ForestFile.Read(Convert.FromBase64String text, $"{path}: forest")))
        with
        | :? FormatException -> Error "forest: expected base64"
        | :? BadInputException as e -> Error e.Message

let private checkpoint estimation (layout: FeatureLayout) path (file: FileJson) =
    if file.Version <> version then
        Error $"version: {file.Version}; expected {version}"
    elif
        not (
            Seq.forall2 (=) file.Features layout.Names
            && file.Features.Length = layout.Names.Count
        )
        || not (
            Seq.forall2 (=) file.Targets layout.TargetNames
            && file.Targets.Length = layout.Services
        )
    then
        let names = String.concat ", " file.Features
        let expected = String.concat ", " layout.Names
        Error $"features: {names}; expected {expected}, those of the controls and services"
    elif file.Detector.Length <> layout.Services then
        Error $"detector: {file.Detector.Length} tests; expected {layout.Services}, one per service"
    else
        file.Cells
        |> Array.mapi (cell layout)
        |> sequence
        |> Result.bind (fun cells ->
            forest path file.Forest
            |> Result.bind (fun forest ->
                Estimator.resume
                    estimation
                    layout
                    (SampleWindow.ofCells file.Since cells)
                    (ChangeDetector.ofTests file.Detector)
                    forest
                    file.FittedAt
                    file.Pending
                    file.IsNews))
        |> Result.map (fun estimator ->
            {
                Estimator = estimator
                Cycle = file.Cycle
                Key = RandomKey file.Key
            })

/// The checkpoint in the bytes of a file, or what is wrong with it: the name given, place, value, what was expected.
let read estimation (layout: FeatureLayout) (name: string) (bytes: byte[]) =
    let named message = $"{name}: {message}"

    try
        match JsonSerializer.Deserialize<FileJson>(bytes, options) with
        | null -> Error(named "null; expected a checkpoint of an estimator")
        | file -> checkpoint estimation layout name file |> Result.mapError named
    with :? JsonException as e ->
        Error(named $"not a checkpoint of an estimator: {e.Message}")

/// The checkpoint in a file, or what is wrong with it.
let load estimation layout (path: string) =
    try
        read estimation layout path (File.ReadAllBytes path)
    with
    | :? IOException
    | :? UnauthorizedAccessException as e -> Error $"{path}: cannot be read: {e.Message}"

/// An estimator as a file, with all that is needed to go on: rows, weights, the state of the detector, the trees. Stopping and
/// resuming gives the same predictions, bit for bit, as not stopping.
///
/// JSON, whose numbers come back as they were; the forest within is `ForestFile` in base64, so that it is checked as such.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.EstimatorFile

open System
open System.IO
open System.Text.Json
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// Where an estimator was stopped.
type EstimatorCheckpoint =
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
        /// Null: not measured.
        Seconds: Nullable<float>[]
        /// Empty: as in the reference system.
        NodeLogs: float[]
        Weight: float
    }

/// What is thought of the nodes: `NodeFactorState`.
type FilterJson =
    {
        Joint: float[]
        Probabilities: float[]
        Announced: float[]
        Streaks: int[]
        LeftOver: float[]
        Ages: int[]
    }

type CellJson =
    {
        Levels: int[]
        OfferedLoads: float[]
        Reference: Nullable<float>[] option
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
        /// None where factors are not filtered.
        Filter: FilterJson option
        FittedAt: int
        Pending: int
        IsNews: bool
        /// Base64; none where there was too little to fit one to.
        Forest: string option
        Cells: CellJson[]
        Lost: LostCellsJson
    }

/// In version 2 every service was measured in every sample, and nothing was lost; in 3 nodes had no factors.
let private version = 4

let private options = StrictJson.Options()

/// A number that JSON has no word for is null.
let private nullable (values: float[]) =
    values
    |> Array.map (fun value -> if Double.IsNaN value then Nullable() else Nullable value)

let private ofNullable (values: Nullable<float>[]) =
    values |> Array.map (fun value -> value.GetValueOrDefault nan)

let private cellJson (cell: Cell) : CellJson =
    {
        Levels = Seq.toArray cell.Configuration.Levels
        OfferedLoads = [| for load in cell.OfferedLoads -> load.PerSecond |]
        Reference = cell.Reference |> ValueOption.toOption |> Option.map nullable
        Samples =
            [|
                for sample in cell.Samples ->
                    {
                        Cycle = sample.Cycle
                        Seconds = nullable sample.Seconds
                        Weight = sample.Weight
                        NodeLogs = sample.NodeLogs
                    }
            |]
    }

let private filterJson (filter: NodeFactorFilter) =
    let state = filter.State

    {
        Joint = state.Joint
        Probabilities = state.Probabilities
        Announced = state.Announced
        Streaks = state.Streaks
        LeftOver = state.LeftOver
        Ages = state.Ages
    }

let private fileOf (layout: FeatureLayout) (checkpoint: EstimatorCheckpoint) =
    let estimator = checkpoint.Estimator

    {
        Version = version
        Features = Seq.toArray layout.Names
        Targets = Seq.toArray layout.TargetNames
        Cycle = checkpoint.Cycle
        Key = checkpoint.Key.Value
        Since = estimator.Window.Since
        Detector = ChangeDetector.tests estimator.Detector
        Filter = estimator.Filter |> ValueOption.toOption |> Option.map filterJson
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
        Lost = LostCellsJson.ofCells estimator.Lost
    }

/// A checkpoint as UTF-8 JSON.
let write layout checkpoint =
    JsonSerializer.SerializeToUtf8Bytes(fileOf layout checkpoint, options)

/// Saves a checkpoint, in place of what the path held before.
let save layout (path: string) checkpoint =
    AtomicFile.WriteBytes(path, (fun stream -> stream.Write(write layout checkpoint)))

let private finite (values: float[]) = values |> Array.forall Double.IsFinite

/// An entry of an array, which JSON lets be null.
let private isMissing (entry: 'a) = isNull (box entry)

let private cell (layout: FeatureLayout) next index (file: CellJson) =
    let services = layout.Services
    let configuration = Configuration(EquatableArray.ToEquatableArray file.Levels)

    let sound (sample: SampleJson) =
        not (isMissing sample)
        && sample.Cycle < next
        && sample.Seconds.Length = services
        && Array.forall (fun (seconds: Nullable<float>) -> not seconds.HasValue || seconds.Value >= 0.0) sample.Seconds
        && Array.exists (fun (seconds: Nullable<float>) -> seconds.HasValue) sample.Seconds
        && sample.Weight >= 0.0
        && sample.Weight <= 1.0
        && (sample.NodeLogs.Length = 0 || sample.NodeLogs.Length = max 1 layout.Grid.Nodes)
        && finite sample.NodeLogs

    let descending () =
        file.Samples |> Array.pairwise |> Array.forall (fun (a, b) -> a.Cycle > b.Cycle)

    if not (layout.Grid.Contains configuration) then
        Error $"cells[{index}].levels: [{configuration.Levels}]; expected levels of the controls"
    elif
        file.OfferedLoads.Length <> services
        || not (finite file.OfferedLoads)
        || Array.exists (fun load -> load < 0.0) file.OfferedLoads
    then
        Error $"cells[{index}].offeredLoads: expected {services} finite loads in req/s"
    elif file.Reference |> Option.exists (fun reference -> reference.Length <> services) then
        Error $"cells[{index}].reference: expected {services} finite numbers"
    elif file.Samples.Length = 0 then
        Error $"cells[{index}].samples: none; expected at least one"
    else
        match Array.tryFindIndex (sound >> not) file.Samples with
        | Some sample ->
            Error
                $"cells[{index}].samples[{sample}]: expected a cycle before cycle {next}, {services} finite response times in seconds, a weight from 0 to 1, and a finite number of each node or none"
        | None when not (descending ()) -> Error $"cells[{index}].samples: expected the newest first"
        | None ->
            Ok
                {
                    Configuration = configuration
                    OfferedLoads = EquatableArray.ToEquatableArray(file.OfferedLoads |> Seq.map RequestRate)
                    Reference = file.Reference |> Option.map ofNullable |> Option.toValueOption
                    Samples =
                        [
                            for sample in file.Samples ->
                                {
                                    Cycle = sample.Cycle
                                    Seconds = ofNullable sample.Seconds
                                    Weight = sample.Weight
                                    NodeLogs = sample.NodeLogs
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

/// A sum is above zero since some cycle before the next one.
let private isSound next (test: ServiceTest) =
    let isSum (sum: PageSum) =
        not (isMissing sum)
        && Double.IsFinite sum.Height
        && sum.Height >= 0.0
        && sum.Since < next

    not (isMissing test)
    && test.Count >= 0
    && Double.IsFinite test.Mean
    && isSum test.Slower
    && isSum test.Faster

/// A distribution for each node, and what was left over of each service.
let private isSoundFilter (layout: FeatureLayout) (filter: FilterJson) =
    let nodes, services = max 1 layout.Grid.Nodes, layout.Services

    let isDistribution (probabilities: float[]) =
        Array.forall (fun p -> p >= 0.0) probabilities
        && abs (Array.sum probabilities - 1.0) < 1e-6

    filter.Probabilities.Length = nodes * FactorGrid.Points
    && finite filter.Probabilities
    && Array.chunkBySize FactorGrid.Points filter.Probabilities
       |> Array.forall isDistribution
    && filter.Joint.Length =
        (if nodes = 2 then
             FactorGrid.Points * FactorGrid.Points
         else
             0)
    && finite filter.Joint
    && (nodes <> 2 || isDistribution filter.Joint)
    && filter.Announced.Length = nodes
    && finite filter.Announced
    && filter.Streaks.Length = nodes
    && Array.forall (fun n -> n >= 0) filter.Streaks
    && filter.LeftOver.Length = services
    && finite filter.LeftOver
    && filter.Ages.Length = services
    && Array.forall (fun n -> n >= 0) filter.Ages

/// The first thing that cannot be, apart from the cells.
let private fault (layout: FeatureLayout) (file: FileJson) =
    let names = String.concat ", " file.Features
    let expected = String.concat ", " layout.Names
    let lastFit = if file.Forest.IsSome then file.Cycle else -1

    if file.Version <> version then
        Some $"version: {file.Version}; expected {version}"
    elif Seq.toArray layout.Names <> file.Features then
        Some $"features: {names}; expected {expected}, those of the controls and services"
    elif Seq.toArray layout.TargetNames <> file.Targets then
        let targets = String.concat ", " file.Targets
        let expected = String.concat ", " layout.TargetNames
        Some $"targets: {targets}; expected {expected}, those of the services"
    elif file.Cycle < 0 then
        Some $"cycle: {file.Cycle}; expected the number of the next cycle, from 0"
    elif file.Since > file.Cycle then
        Some $"since: {file.Since}; expected at most cycle {file.Cycle}, the next"
    elif file.FittedAt < -1 || file.FittedAt > lastFit then
        Some $"fittedAt: {file.FittedAt}; expected a cycle from -1 to {lastFit}"
    elif file.Pending < 0 then
        Some $"pending: {file.Pending}; expected a number of samples, from 0"
    elif file.Filter |> Option.exists (isSoundFilter layout >> not) then
        Some "filter: expected a distribution over the factors of each node, and numbers of each node and service"
    elif file.Detector.Length <> layout.Services then
        Some $"detector: {file.Detector.Length} tests; expected {layout.Services}, one per service"
    else
        file.Detector
        |> Array.tryFindIndex (isSound (file.Cycle + 1) >> not)
        |> Option.map (fun test ->
            $"detector[{test}]: expected a count from 0, finite mean and sums, none of them below 0 or since a later cycle")

/// The cells, each at a place of its own.
let private cells layout (file: FileJson) =
    let place (cell: CellJson) =
        List.ofArray cell.Levels, List.ofArray cell.OfferedLoads

    match Array.tryFindIndex isMissing file.Cells with
    | Some cell -> Error $"cells[{cell}]: null; expected a cell"
    | None ->
        let repeated =
            file.Cells
            |> Array.indexed
            |> Array.groupBy (snd >> place)
            |> Array.tryPick (fun (_, cells) -> cells |> Array.tryItem 1)

        match repeated with
        | Some(index, _) -> Error $"cells[{index}]: expected other levels or offered loads than those of a cell before"
        | None -> file.Cells |> Array.mapi (cell layout file.Cycle) |> sequence

let private filterOf (file: FilterJson) =
    NodeFactorFilter.Of(
        NodeFactorState(file.Joint, file.Probabilities, file.Announced, file.Streaks, file.LeftOver, file.Ages)
    )

let private checkpoint estimation (layout: FeatureLayout) path (file: FileJson) =
    let sound =
        match fault layout file with
        | Some fault -> Error fault
        | None ->
            cells layout file
            |> Result.bind (fun cells ->
                LostCellsJson.toCells layout file.Cycle file.Lost
                |> Result.map (fun lost -> struct (cells, lost)))

    sound
    |> Result.bind (fun (struct (cells, lost)) ->
        forest path file.Forest
        |> Result.bind (fun forest ->
            Estimator.resume
                estimation
                layout
                (SampleWindow.ofCells file.Since cells)
                lost
                (ChangeDetector.ofTests file.Detector)
                (file.Filter |> Option.map filterOf |> Option.toValueOption)
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
        read estimation layout path (GivenFile.ReadBytes(path, "a checkpoint of an estimator"))
    with :? BadInputException as e ->
        Error e.Message

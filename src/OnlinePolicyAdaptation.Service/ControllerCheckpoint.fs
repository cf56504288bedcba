/// The state of a controller as bytes, from which it goes on as if it had not stopped.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.ControllerCheckpoint

open System
open System.IO
open System.IO.Compression
open System.Text.Json
open System.Text.Json.Serialization
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Learning.SystemModels

/// What there is beside the estimator. Times are ticks of UTC.
type StateJson =
    {
        LastTime: int64 option
        InForce: int[] option
        Changed: int64 option
        Previous: int[] option
        LastAction: int64 option
        Moves: int64[][]
        /// Sums of absolute errors and of response times, newest first.
        Errors: float[][]
        /// `EstimatorFile`.
        Estimator: byte[]
    }

let private options =
    JsonSerializerOptions(
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true
    )

let private ticks (time: DateTimeOffset) = time.UtcTicks

let private time (ticks: int64) = DateTimeOffset(ticks, TimeSpan.Zero)

let private levels (configuration: Configuration) = Seq.toArray configuration.Levels

let private configuration levels =
    Configuration(EquatableArray.ToEquatableArray(levels: int[]))

let private layout (settings: ControllerSettings) =
    FeatureLayout(settings.Grid, settings.Reward.Objectives.Count)

let private option convert value =
    value |> ValueOption.toOption |> Option.map convert

let private voption convert value =
    value |> Option.toValueOption |> ValueOption.map convert

/// The bytes of a state, compressed.
let write (settings: ControllerSettings) (state: ControllerState) =
    let json =
        {
            LastTime = option ticks state.LastTime
            InForce = option levels state.InForce
            Changed = option ticks state.Changed
            Previous = option levels state.Cycle.Previous
            LastAction = option ticks state.Guard.LastAction
            Moves = state.Guard.Moves |> Array.map (List.map ticks >> Array.ofList)
            Errors =
                [|
                    for struct (error, total) in PredictionErrors.toList state.Errors -> [| error; total |]
                |]
            Estimator =
                EstimatorFile.write
                    (layout settings)
                    {
                        Estimator = state.Cycle.Estimator
                        Cycle = state.Cycle.Cycle
                        Key = state.Cycle.Key
                    }
        }

    use bytes = new MemoryStream()

    do
        use compressed = new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen = true)
        JsonSerializer.Serialize(compressed, json, options)

    bytes.ToArray()

let private state (json: StateJson) (checkpoint: EstimatorFile.Checkpoint) : ControllerState =
    {
        Cycle =
            {
                Cycle = checkpoint.Cycle
                Estimator = checkpoint.Estimator
                Previous = voption configuration json.Previous
                Key = checkpoint.Key
                Plans = Adapt.noPlans
            }
        Guard =
            {
                LastAction = voption time json.LastAction
                Moves = json.Moves |> Array.map (Array.map time >> List.ofArray)
            }
        Errors = PredictionErrors.ofList [ for pair in json.Errors -> struct (pair[0], pair[1]) ]
        LastTime = voption time json.LastTime
        InForce = voption configuration json.InForce
        Changed = voption time json.Changed
    }

/// The state in bytes that `write` made, or what is wrong with them.
let read (settings: ControllerSettings) (name: string) (bytes: byte[]) =
    try
        use compressed =
            new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress)

        match JsonSerializer.Deserialize<StateJson>(compressed, options) with
        | null -> Error $"{name}: null; expected the state of a controller"
        | json when
            json.Moves.Length <> settings.Grid.Controls.Count
            || json.Errors |> Array.exists (fun pair -> pair.Length <> 2)
            ->
            Error $"{name}: moves of {json.Moves.Length} controls; expected {settings.Grid.Controls.Count}"
        | json ->
            EstimatorFile.read settings.Estimation (layout settings) name json.Estimator
            |> Result.map (state json)
    with
    | :? JsonException
    | :? InvalidDataException
    | :? InvalidOperationException as e -> Error $"{name}: not the state of a controller: {e.Message}"

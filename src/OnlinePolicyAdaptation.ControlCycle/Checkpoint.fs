/// The states of a controller's stages as bytes, from which it goes on as if it had not stopped.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Checkpoint

open System.Collections.Generic
open System.IO
open System.IO.Compression
open System.Text.Json
open OnlinePolicyAdaptation.Domain

/// The states of the stages that have a codec, by the stages' names.
type CheckpointJson =
    {
        FormatVersion: int
        Stages: Dictionary<string, byte[]>
    }

/// Version 1 was that of journals without stages; in 2 the monitor knew neither moves nor rows of doubted times; in 3 nobody knew
/// of requests that were lost; in 4 the estimator knew neither factors of nodes nor the lag of response times; in 5 nobody probed.
let private version = 6

let private options = StrictJson.Options()

/// The bytes of a state, compressed.
let write cycle (state: CycleState) =
    let stages = Dictionary()

    for stage, state in Cycle.paired cycle state do
        stage.Codec
        |> ValueOption.iter (fun codec -> stages[stage.Name] <- codec.Write state)

    use bytes = new MemoryStream()

    do
        use compressed = new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen = true)

        JsonSerializer.Serialize(
            compressed,
            {
                FormatVersion = version
                Stages = stages
            },
            options
        )

    bytes.ToArray()

let private states cycle (json: CheckpointJson) =
    let read (stage: ChainedStage) =
        match stage.Codec, json.Stages.TryGetValue stage.Name with
        | ValueNone, _ -> Ok stage.Start
        | ValueSome codec, (true, bytes) ->
            codec.Read bytes |> Result.mapError (fun reason -> $"{stage.Name}: {reason}")
        | ValueSome _, (false, _) -> Error $"{stage.Name}: missing; expected the state of each stage"

    (Cycle.stages cycle, Ok [])
    ||> List.foldBack (fun stage found ->
        match read stage, found with
        | Ok state, Ok states -> Ok(state :: states)
        | Error reason, _ -> Error reason
        | _, error -> error)
    |> Result.map Cycle.ofStates

/// The state in bytes that `write` made, or what is wrong with them.
let read cycle (name: string) (bytes: byte[]) =
    try
        use compressed =
            new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress)

        match box (JsonSerializer.Deserialize<CheckpointJson>(compressed, options)) with
        | :? CheckpointJson as json when json.FormatVersion = version ->
            states cycle json |> Result.mapError (fun reason -> $"{name}: {reason}")
        | :? CheckpointJson as json ->
            Error
                $"{name}: formatVersion: {json.FormatVersion}; expected {version}. Another version of the controller wrote it: begin a new journal, or go on with that version"
        | _ -> Error $"{name}: null; expected the state of a controller"
    with
    | :? JsonException
    | :? InvalidDataException
    | :? System.InvalidOperationException as e -> Error $"{name}: not the state of a controller: {e.Message}"

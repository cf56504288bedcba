/// States of stages as JSON.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.StateJson

open System
open System.Text.Json
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

let private options = StrictJson.Options()

/// By a record for the JSON, and how it is read.
let codec (write: 'state -> 'json) (read: 'json -> Result<'state, string>) : StateCodec<'state> =
    {
        Write = fun state -> JsonSerializer.SerializeToUtf8Bytes(write state, options)
        Read =
            fun bytes ->
                try
                    match JsonSerializer.Deserialize(bytes, typeof<'json>, options) with
                    | null -> Error "null; expected the state of a stage"
                    | json -> read (unbox json)
                with :? JsonException as e ->
                    Error e.Message
    }

/// Ticks of UTC.
let ticks (time: DateTimeOffset) = time.UtcTicks

let time (ticks: int64) = DateTimeOffset(ticks, TimeSpan.Zero)

let levels (configuration: Configuration) = Seq.toArray configuration.Levels

let configuration levels =
    Configuration(EquatableArray.ToEquatableArray(levels: int[]))

let option convert value =
    value |> ValueOption.toOption |> Option.map convert

let voption convert value =
    value |> Option.toValueOption |> ValueOption.map convert

/// Loads as a command line has them: a service, perhaps a client group, and a rate.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.LoadText

open System
open System.Globalization
open System.IO
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Testbed.LoadGeneration

let private number what accepts (text: string) =
    match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, value when Double.IsFinite value && accepts value -> Ok value
    | _ -> Error $"'{text}'; expected {what}"

let private rate =
    number "a rate in requests per second, at least 0" (fun value -> value >= 0.0)

let private seconds =
    number "a number of seconds above 0" (fun value -> value > 0.0)

let private rates values =
    values |> Seq.map RequestRate |> EquatableArray.ToEquatableArray

/// All rows of a column in requests per second.
let private column path name =
    try
        use file = TraceFile.Open path
        let field = file.Field(TraceColumn(name, "req/s"))

        Ok
            [
                while file.Read() do
                    field.Number()
            ]
    with
    | :? BadInputException as e -> Error e.Message
    | :? IOException
    | :? UnauthorizedAccessException as e -> Error e.Message

let private sine mean amplitude period : Result<LoadPattern, string> =
    result {
        let! mean = rate mean
        let! amplitude = rate amplitude
        let! period = seconds period
        return LoadPattern.Sine(RequestRate mean, RequestRate amplitude, period, 0.0)
    }

let private steps (key: RandomKey) (values: string) every : Result<LoadPattern, string> =
    result {
        let! values = values.Split ',' |> List.ofArray |> List.traverseResultM rate
        let! every = seconds every
        return LoadPattern.RandomSteps(rates values, every, key)
    }

let private recorded path name every : Result<LoadPattern, string> =
    result {
        let! every = seconds every

        match! column path name with
        | [] -> return! Error $"{path} has no row; expected one per {every} s"
        | values -> return LoadPattern.Recorded(rates values, every)
    }

/// The pattern that such a text names. A path may hold colons; what follows it may not.
let private pattern key (text: string) : Result<LoadPattern, string> =
    match text.Split ':' |> List.ofArray with
    | [ constant ] ->
        rate constant
        |> Result.map (fun value -> LoadPattern.Constant(RequestRate value))
    | [ "sine"; mean; amplitude; period ] -> sine mean amplitude period
    | [ "steps"; values; every ] -> steps key values every
    | "file" :: (_ :: _ :: _ :: _ as parts) ->
        let path = parts |> List.take (parts.Length - 2) |> String.concat ":"
        recorded path parts[parts.Length - 2] parts[parts.Length - 1]
    | _ ->
        Error
            $"'{text}'; expected a rate such as 50, sine:MEAN:AMPLITUDE:PERIOD, steps:RATE,RATE,..:SECONDS or file:CSV:COLUMN:SECONDS"

let private requests (name: string) =
    match name.Split '@' with
    | [| service |] when service <> "" -> Ok(RequestClass service)
    | [| service; group |] when service <> "" && group <> "" && group |> Seq.forall Char.IsAsciiLetterOrDigit ->
        Ok(RequestClass(service, group))
    | _ -> Error $"'{name}'; expected a service, or a service and a client group such as shop@premium"

/// The load that `text` says, such as `shop=50` or `shop@premium=sine:20:10:60`.
let parse (key: RandomKey) (text: string) : Result<ServiceLoad, string> =
    let fault message = $"--service {text}: {message}"

    match text.IndexOf '=' with
    | -1 -> Error(fault "expected SERVICE=RATE, such as shop=50")
    | equals ->
        result {
            let! requests = requests text[.. equals - 1]
            let! pattern = pattern key text[equals + 1 ..]
            return ServiceLoad(requests, pattern)
        }
        |> Result.mapError fault

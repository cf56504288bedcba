namespace OnlinePolicyAdaptation.Cli

open System

/// `result { .. }`: steps of which the first error is the outcome.
type ResultBuilder() =
    member _.Return value : Result<'a, 'e> = Ok value
    member _.ReturnFrom(result: Result<'a, 'e>) = result
    member _.Zero() : Result<unit, 'e> = Ok()
    member _.Bind(result: Result<'a, 'e>, next: 'a -> Result<'b, 'e>) = Result.bind next result
    member _.Delay(step: unit -> Result<'a, 'e>) = step
    member _.Run(step: unit -> Result<'a, 'e>) = step ()
    member _.Combine(first: Result<unit, 'e>, next: unit -> Result<'a, 'e>) = Result.bind next first

    member _.Using(resource: 'r :> IDisposable, body: 'r -> Result<'a, 'e>) =
        use held = resource
        body held

[<AutoOpen>]
module ResultExpression =
    let result = ResultBuilder()

    /// All the values, or the first error.
    let sequence (results: Result<'a, 'e> list) =
        (results, Ok [])
        ||> List.foldBack (fun result found ->
            match result, found with
            | Ok item, Ok items -> Ok(item :: items)
            | Error error, _ -> Error error
            | _, error -> error)

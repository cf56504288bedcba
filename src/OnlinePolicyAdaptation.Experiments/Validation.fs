/// Checks of what a scenario file says. The first fault found ends the check.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Experiments.Validation

open System

/// Says a fault; never leaves `run`.
exception private Unusable of string

let fail place reason = raise (Unusable $"{place}: {reason}")

let require place (value: obj) expected holds =
    if not holds then
        fail place $"{value}; expected {expected}"

/// Builds something of the domain, whose constructor checks its arguments.
let at place build =
    try
        build ()
    with :? ArgumentException as e ->
        fail place (e.Message.Split(" (Parameter")[0])

/// The result of a check, or the fault it found, after `prefix`.
let run prefix check =
    try
        Ok(check ())
    with Unusable message ->
        Error $"{prefix}{message}"

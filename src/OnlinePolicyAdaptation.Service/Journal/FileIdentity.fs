/// Whether two names are of one file.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.FileIdentity

open System
open System.IO
open OnlinePolicyAdaptation.Domain

/// The file that a path leads to; none where there is no such file, or the system does not tell.
let tryOf (path: string) =
    FileStatus.Of path |> ValueOption.ofNullable

/// The path with the links at its end followed.
let realPath (path: string) =
    let full = Path.GetFullPath path

    try
        match File.ResolveLinkTarget(full, true) with
        | null -> full
        | target -> target.FullName
    with :? IOException ->
        full

/// Whether a path leads to a folder, a pipe or a device.
let isSpecial (path: string) =
    let real = realPath path

    match tryOf path with
    | ValueSome found -> not found.IsRegular
    | ValueNone ->
        Directory.Exists real
        || (real.StartsWith "/dev/" && not (real.StartsWith "/dev/shm/"))

/// Whether two paths lead to one file, or would if it were there.
let isSame (one: string) (other: string) =
    match tryOf one, tryOf other with
    | ValueSome one, ValueSome other -> one = other
    | ValueNone, ValueNone ->
        let one, other = realPath one, realPath other

        let folder (path: string) =
            match Path.GetDirectoryName path with
            | null -> ValueNone
            | folder -> tryOf folder

        let isSameFolder =
            match folder one, folder other with
            | ValueSome one, ValueSome other -> one = other
            | _ -> false

        one = other || (Path.GetFileName one = Path.GetFileName other && isSameFolder)
    | _ -> false

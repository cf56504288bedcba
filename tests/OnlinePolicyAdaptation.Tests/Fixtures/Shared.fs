/// Reference data kept outside the repository: an optional folder `shared` beside the repository root.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Shared

open System.IO
open Expecto

/// A test that needs a file or folder of the shared folder and gets its full path; skipped where that is not there.
let test name (relativePath: string) (body: string -> unit) =
    let path =
        Path.GetFullPath(Path.Combine(Repository.folder, "..", "shared", relativePath))

    testCase name (fun () ->
        if Path.Exists path then
            body path
        else
            skiptest $"needs ../shared/{relativePath} beside the repository root")

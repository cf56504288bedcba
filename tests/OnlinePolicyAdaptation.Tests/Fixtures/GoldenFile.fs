/// Reference data in the folder Golden, whose README says where they are from.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.GoldenFile

open System.IO
open Expecto

/// A test that gets the full path of a file.
let test name (file: string) (body: string -> unit) =
    testCase name (fun () ->
        body (Path.Combine(Repository.folder, "tests", "OnlinePolicyAdaptation.Tests", "Golden", file)))

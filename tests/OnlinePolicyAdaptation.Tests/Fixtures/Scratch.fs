/// Files and folders that live as long as a test.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Scratch

open System
open System.IO

/// Runs a test, or what a test needs, with an empty folder, which is deleted afterwards.
let withFolder (test: string -> 'a) =
    let folder = Path.Combine(Path.GetTempPath(), $"opar-{Guid.NewGuid():N}")
    Directory.CreateDirectory folder |> ignore

    try
        test folder
    finally
        Directory.Delete(folder, true)

/// Runs a test with a file of this text.
let withFile (name: string) (text: string) (test: string -> unit) =
    withFolder (fun folder ->
        let path = Path.Combine(folder, name)
        File.WriteAllText(path, text)
        test path)

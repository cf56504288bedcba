/// The repository that the tests were built from.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Repository

open System
open System.IO

let private solution = "OnlinePolicyAdaptation.sln"

let rec private solutionFolder (folder: DirectoryInfo | null) =
    match folder with
    | null -> invalidOp $"no folder above {AppContext.BaseDirectory} holds {solution}"
    | folder when File.Exists(Path.Combine(folder.FullName, solution)) -> folder.FullName
    | folder -> solutionFolder folder.Parent

/// Its top folder.
let folder = solutionFolder (DirectoryInfo AppContext.BaseDirectory)

module OnlinePolicyAdaptation.Tests.Domain.GivenFile

open System
open System.Diagnostics
open System.IO
open Expecto
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Onnx
open OnlinePolicyAdaptation.Tests

let private refusal (read: unit -> 'a) =
    try
        read () |> ignore
        None
    with :? BadInputException as e ->
        Some e.Message

let private refused parts read =
    match refusal read with
    | None -> failtest "it was read"
    | Some message ->
        for part in parts do
            Expect.stringContains message part "what is wrong"

/// A pipe that nobody writes to, and a link to it.
let private withPipe (test: string -> string -> unit) =
    if OperatingSystem.IsWindows() then
        skiptest "has no such files"

    Scratch.withFolder (fun folder ->
        let pipe, link = Path.Combine(folder, "pipe"), Path.Combine(folder, "link")
        use made = Process.Start("mkfifo", [ pipe ])
        made.WaitForExit()
        File.CreateSymbolicLink(link, pipe) |> ignore
        test pipe link)

let private topology =
    Network.Topology(TwoNodes.array [ "web" ], TwoNodes.array [ "n1"; "n2" ])

/// Whoever reads a file that a user has named.
let private readers: (string * (string -> unit)) list =
    let failing (read: string -> Result<'a, string>) path =
        match read path with
        | Ok _ -> ()
        | Error message -> raise (BadInputException message)

    [
        "a random forest", ForestFile.Load >> ignore
        "a policy", PolicyFile.Load >> ignore
        "a network of ONNX", OnnxActorFile.Load >> ignore
        "a table of actions", (fun path -> TabularPolicy.Load(path, TwoNodes.grid) |> ignore)

        "values of states", failing (fun path -> PlanFile.readValues path 3)
        "actions of states", failing (fun path -> PlanFile.readActions path 3)
        "results", failing OutcomeJson.read
    ]

[<Tests>]
let tests =
    testList
        "Domain.GivenFile"
        [
            test "as many bytes as are allowed are read, and not one more" {
                Scratch.withFile "five" "abcde" (fun path ->
                    Expect.equal (GivenFile.ReadBytes(path, "letters", 5)) "abcde"B "all"

                    refused [ path; "5 bytes"; "letters"; "at most 4" ] (fun () ->
                        GivenFile.ReadBytes(path, "letters", 4)))
            }

            test "a file that says it has no length is read, up to the bound" {
                if not (OperatingSystem.IsLinux()) then
                    skiptest "has no /proc"

                let path = "/proc/self/status"
                Expect.isGreaterThan (GivenFile.ReadBytes(path, "a status", 100_000)).Length 100 "all"
                refused [ "more than 100 bytes" ] (fun () -> GivenFile.ReadBytes(path, "a status", 100))
            }

            test "links are followed" {
                Scratch.withFile "file" "abc" (fun path ->
                    let link = path + ".link"
                    File.CreateSymbolicLink(link, path) |> ignore
                    Expect.equal (GivenFile.ReadText(link, "letters")) "abc" "what it leads to")
            }

            test "a byte-order mark is no text" {
                Scratch.withFolder (fun folder ->
                    let path = Path.Combine(folder, "marked")
                    File.WriteAllBytes(path, [| 0xEFuy; 0xBBuy; 0xBFuy; byte 'a' |])
                    Expect.equal (GivenFile.ReadText(path, "letters")) "a" "without the mark")
            }

            test "what is not there, and a folder, are named" {
                Scratch.withFolder (fun folder ->
                    refused [ folder; "a folder; expected letters" ] (fun () -> GivenFile.ReadBytes(folder, "letters"))
                    let missing = Path.Combine(folder, "missing")

                    refused [ missing; "no such file; expected letters" ] (fun () ->
                        GivenFile.ReadBytes(missing, "letters")))
            }

            for name, read in readers do
                test $"{name}: a pipe, a link to it and a device are refused at once" {
                    withPipe (fun pipe link ->
                        for path in [ pipe; link; "/dev/zero" ] do
                            refused [ path; "a pipe or device" ] (fun () -> read path))
                }
        ]

module OnlinePolicyAdaptation.Tests.Service.TokenFile

open System
open System.Diagnostics
open System.IO
open Expecto
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private refused path =
    match TokenFile.read path with
    | Error reason -> Expect.stringContains reason path "named"
    | Ok _ -> failtest $"{path} was read"

[<Tests>]
let tests =
    testList
        "Service.TokenFile"
        [
            test "a pipe, a device, a link to them and an empty file are refused without reading" {
                if OperatingSystem.IsWindows() then
                    skiptest "has no such files"

                Scratch.withFolder (fun folder ->
                    let file name = Path.Combine(folder, name)
                    use made = Process.Start("mkfifo", [ file "pipe" ])
                    made.WaitForExit()
                    File.CreateSymbolicLink(file "link", file "pipe") |> ignore
                    File.WriteAllText(file "empty", "")
                    List.iter refused [ file "pipe"; file "link"; file "empty"; "/dev/zero"; folder ])
            }

            test "a link to a token is followed" {
                Scratch.withFolder (fun folder ->
                    let file name = Path.Combine(folder, name)
                    File.WriteAllText(file "token", "secret\n")
                    File.CreateSymbolicLink(file "link", file "token") |> ignore
                    Expect.equal (TokenFile.read (file "link")) (Ok "secret") "token")
            }
        ]

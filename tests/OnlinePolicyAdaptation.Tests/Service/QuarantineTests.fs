module OnlinePolicyAdaptation.Tests.Service.Quarantine

open System
open System.IO
open System.Text.Json
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private fault =
    {
        Kind = FaultKind.BadValue
        Reason = "r"
    }

let private add (file: Quarantine) position =
    file.Add(Intervals.beginning, int64<int> position, fault, "e")

let private withPath (test: string -> unit) =
    Scratch.withFolder (fun folder -> test (Path.Combine(folder, "q.ndjson")))

/// The positions in a file of whole lines.
let private positions (path: string) =
    let text = File.ReadAllText path
    Expect.isTrue (text.EndsWith '\n') "whole lines"

    [
        for line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
            use document = JsonDocument.Parse line
            document.RootElement.GetProperty("position").GetInt32()
    ]

let private length path =
    use file = new Quarantine(path)
    add file 0
    (file :> IDisposable).Dispose()
    let length = FileInfo(path).Length
    File.Delete path
    length

let private isBounded path =
    let line = length path

    do
        use file = new Quarantine(path, 3L * line, ignore)

        for position in 0..7 do
            add file position

    Expect.equal (positions $"{path}.1") [ 3; 4; 5 ] "the ones before"
    Expect.equal (positions path) [ 6; 7 ] "the last ones"

let private fullDisk () =
    if not (File.Exists "/dev/full") then
        skiptest "needs /dev/full"

    let said = ResizeArray<string>()
    use file = new Quarantine("/dev/full", 1000L, said.Add)

    for position in 0..2 do
        add file position

    Expect.equal file.Lost 3L "counted"
    Expect.equal said.Count 1 "said once"
    Expect.stringContains said[0] "/dev/full" "names it"

let private recovers path =
    let said = ResizeArray<string>()
    let folder = $"{path}.folder"
    let inside = Path.Combine(folder, "q.ndjson")
    use file = new Quarantine(inside, 1_000_000L, said.Add)
    add file 0
    Directory.CreateDirectory folder |> ignore
    add file 1
    Expect.equal file.Lost 1L "one is missing"
    Expect.equal (positions inside) [ 1 ] "the next one is not"
    Expect.equal said.Count 2 "said, both times"

let private isRepaired path =
    let partial = "{\"received\":\"2026-01-31T12:00:0"

    do
        use file = new Quarantine(path)
        add file 0

    File.AppendAllText(path, partial)

    do
        use file = new Quarantine(path)
        add file 1

    Expect.equal (positions path) [ 0; 1 ] "what was cut off is no line"

    // A file of somebody else keeps what it has.
    File.WriteAllText(path, "notes")

    do
        use file = new Quarantine(path)
        add file 2

    Expect.stringStarts (File.ReadAllText path) "notes\n{" "nothing is lost"

let private atOnce path =
    match Quarantine.Open(Path.Combine(path, "nowhere", "q"), ignore) with
    | Ok _ -> failtest "opened"
    | Error message -> Expect.stringContains message "the folder does not exist" "says why"

    match Quarantine.Open(path, ignore) with
    | Error message -> failtest message
    | Ok file ->
        Expect.isTrue (File.Exists path) "opened at once"

        if OperatingSystem.IsLinux() then
            Expect.equal (File.GetUnixFileMode path) (UnixFileMode.UserRead ||| UnixFileMode.UserWrite) "for its owner"

        (file :> IDisposable).Dispose()
        Expect.isFalse (File.Exists path) "nothing had to be kept"

[<Tests>]
let tests =
    let case name test = testCase name (fun () -> withPath test)

    testList
        "Service.Quarantine"
        [
            case "a file that has grown to its bound becomes the older one" isBounded
            testCase "a disk that is full costs elements, which are counted, and nothing else" fullDisk
            case "it goes on where it can be written again" recovers
            case "a line that was cut off is no line" isRepaired
            case "it is opened at once, and leaves nothing where nothing was quarantined" atOnce
        ]

module OnlinePolicyAdaptation.Tests.ControlCycle.Checkpoint

open System
open System.IO
open System.IO.Compression
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Tests

let private again cycle state =
    match Checkpoint.read cycle "checkpoint" (Checkpoint.write cycle state) with
    | Ok state -> state
    | Error message -> failtest message

let private said (element: Element<Decision>) =
    match element with
    | Element.Interval(_, decision) -> SmallController.text decision
    | Element.Event(Event.Rejected(_, fault)) -> $"{fault.Kind}: {fault.Reason}"
    | Element.Event(Event.AlreadyKnown _) -> "known"
    | Element.Event other -> failtest $"{other}"

let private says cycle state inputs =
    let elements, state = SmallController.steps cycle state inputs
    List.map said elements, state

/// A run that stops where nothing waits for a refit, and goes on from the bytes.
let private goesOn refitEvery (script: Scripts.Happening list, stop: int) =
    let cycle = SmallController.start (Scripts.settings refitEvery)
    let inputs = Scripts.inputs script

    let isWhole state =
        (Cycle.estimator cycle state).Estimator.Pending = 0

    let rec reach count inputs state =
        match inputs with
        | input :: rest when count < stop || not (isWhole state) ->
            reach (count + 1) rest (Cycle.step cycle state input).State
        | rest -> state, rest

    let state, rest = reach 0 inputs (Cycle.start cycle)

    if isWhole state then
        let expected, last = says cycle state rest
        let found, lastAgain = says cycle (again cycle state) rest
        Expect.equal found expected "the same decisions"
        Expect.equal (Cycle.number cycle lastAgain) (Cycle.number cycle last) "the same number"

/// A controller of these settings with one more stage, which has no state.
let private withStateless settings =
    let cycle = SmallController.start settings

    { cycle with
        Deciding = cycle.Deciding |> Chain.next (Stage.stateless "idle" id)
    }

let private needsNoState (script: Scripts.Happening list) =
    let settings = Scripts.settings 1
    let usual = SmallController.start settings
    let longer = withStateless settings
    let _, state = says usual (Cycle.start usual) (Scripts.inputs script)
    let _, longerState = says longer (Cycle.start longer) (Scripts.inputs script)
    let bytes = Checkpoint.write usual state
    Expect.equal (Checkpoint.write longer longerState) bytes "the same bytes"
    Expect.isOk (Checkpoint.read longer "checkpoint" bytes) "either reads the other's"

let private compressed (json: string) =
    use bytes = new MemoryStream()

    do
        use brotli = new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen = true)
        brotli.Write(Encoding.UTF8.GetBytes json)

    bytes.ToArray()

let private text (bytes: byte[]) =
    use brotli = new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress)
    use reader = new StreamReader(brotli)
    reader.ReadToEnd()

let private cycle = SmallController.start (Scripts.settings 1)
let private whole = Checkpoint.write cycle (Cycle.start cycle)

let private refused (part: string) (bytes: byte[]) =
    match Checkpoint.read cycle "checkpoint of cycle 7" bytes with
    | Ok _ -> failtest $"accepted: {part}"
    | Error message ->
        Expect.stringContains message "checkpoint of cycle 7" "which"
        Expect.stringContains message part "why"

let private refuses () =
    let json = text whole
    Expect.isOk (Checkpoint.read cycle "c" (compressed json)) "whole"

    json.Replace("\"formatVersion\":6", "\"formatVersion\":5")
    |> compressed
    |> refused "formatVersion: 5; expected 6"

    json.Replace("\"monitor\":", "\"observe\":") |> compressed |> refused "monitor"
    compressed "null" |> refused "null"
    compressed "{}" |> refused ""
    Encoding.UTF8.GetBytes json |> refused ""

    for length in 0 .. max 1 (whole.Length / 50) .. whole.Length - 1 do
        refused "" whole[.. length - 1]

[<Tests>]
let tests =
    let law name count gen check =
        testPropertyWithConfig
            { FsCheckConfig.defaultConfig with
                maxTest = count
            }
            name
            (Prop.forAll (Arb.fromGen gen) check)

    let stopped = Gen.zip Scripts.script (Gen.choose (0, 60))

    testList
        "ControlCycle.Checkpoint"
        [
            law "a run that stops anywhere goes on from the bytes with the same decisions" 60 stopped (goesOn 1)

            law
                "where models are fitted to several samples, it does wherever none waits for a refit"
                60
                stopped
                (goesOn 3)

            law "a stage without state changes no byte" 20 Scripts.script needsNoState
            testCase "what is no checkpoint of this controller is refused by name" refuses
        ]

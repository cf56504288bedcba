module OnlinePolicyAdaptation.Tests.Learning.ActorCritic.PolicyFile

open System
open System.Buffers.Binary
open System.Collections.Immutable
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

let private origin =
    PolicyOrigin("small", 7UL, ImmutableSortedDictionary.CreateRange(dict [ "preset", "fast"; "steps", "1000" ]))

let private saved key hidden =
    let encoding, network = Networks.actorCritic key hidden
    SavedPolicy(network, encoding, origin)

let private policy = saved (RandomKey 1UL) [ 4; 4 ]
let private sound = PolicyFile.Write policy

let private read (bytes: byte[]) =
    PolicyFile.Read(ReadOnlySpan bytes, "p.safetensors")

// --- Files taken apart and put together again

let private headerLength (file: byte[]) =
    int (BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan file))

let private header (file: byte[]) =
    Encoding.UTF8.GetString(file, 8, headerLength file)

let private data (file: byte[]) = file[8 + headerLength file ..]

let private lengthBytes (length: uint64) =
    let bytes = Array.zeroCreate<byte> 8
    BinaryPrimitives.WriteUInt64LittleEndian(Span bytes, length)
    bytes

let private assembled (header: byte[]) (data: byte[]) =
    Array.concat [ lengthBytes (uint64 header.Length); header; data ]

let private file (header: string) data =
    assembled (Encoding.UTF8.GetBytes header) data

/// The sound file with a text of its header replaced.
let private edited (original: string) (replacement: string) =
    Expect.stringContains (header sound) original "the text to replace is there"
    let at = (header sound).IndexOf(original, StringComparison.Ordinal)
    file ((header sound).Remove(at, original.Length).Insert(at, replacement)) (data sound)

let private withLength length =
    Array.append (lengthBytes length) sound[8..]

/// The sound file with one of its numbers replaced.
let private withNumber index (value: float32) =
    let bytes = Array.copy sound
    BinaryPrimitives.WriteSingleLittleEndian(Span(bytes, 8 + headerLength sound + 4 * index, 4), value)
    bytes

let private tensors = NetworkTensors.Of policy.Network |> Seq.toList

let private description = (SafetensorsFile.Read(ReadOnlySpan sound, "p")).Metadata

/// A well-formed file of other tensors with the same description.
let private ofTensors (tensors: Tensor seq) =
    SafetensorsFile.Write(description, ResizeArray tensors)

let private tensor name (shape: int list) =
    Tensor(name, TwoNodes.array shape, ImmutableArray.CreateRange(Array.zeroCreate<float32>(List.fold (*) 1 shape)))

let private replacing name (replacement: Tensor list) =
    ofTensors (tensors |> List.collect (fun t -> if t.Name = name then replacement else [ t ]))

/// One tensor of 4 bytes under a name, and nothing else.
let private single name =
    file $"""{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}""" (Array.zeroCreate 4)

let private tiny fields =
    file ("""{"a":{""" + fields + "}}") (Array.zeroCreate 4)

/// Corrupt and hostile files, and a part of the message each is refused with.
let private hostile =
    let firstWeight =
        "\"mlp_extractor.policy_net.0.weight\":{\"dtype\":\"F32\",\"shape\":[4,3],\"data_offsets\":[0,48]}"

    [
        "nothing", [||], "0 bytes"
        "a cut length", sound[..4], "5 bytes"
        "a length alone", sound[..7], "header is said"
        "a cut header", sound[..100], "header is said"
        "a header without its last byte", sound[.. 6 + headerLength sound], "header is said"
        "a header without data", sound[.. 7 + headerLength sound], "of 0 bytes of data"
        "cut data", sound[.. sound.Length - 100], "expected it to"
        "data without its last byte", sound[.. sound.Length - 2], "expected it to"
        "a byte too many", Array.append sound [| 0uy |], "the tensors end at"
        "a header longer than any file", withLength UInt64.MaxValue, "header is said"
        "a header of 2^63 bytes", withLength (1UL <<< 63), "header is said"
        "a header one byte past the file", withLength (uint64 (sound.Length - 7)), "header is said"
        "a header of no bytes", withLength 0UL, "does not begin with {"
        "a header that ends too soon", withLength (uint64 (headerLength sound - 20)), "header"
        "text in place of a header", file "hello" [||], "does not begin with {"
        "an array in place of a header", file "[]" [||], "does not begin with {"
        "a header with something behind it", file "{} {}" [||], "is not JSON"
        "a header that nests without end", file (String.replicate 5000 "{\"a\":") [||], "unexpected or second field"
        "a header with comments", file "{/* */}" [||], "is not JSON"
        "a header that is not UTF-8",
        assembled (Array.append "{\""B [| 0xC3uy; 0x28uy; 0x22uy; 0x7Duy |]) [||],
        "header"
        "half a surrogate pair as a name", single "\\ud800", "not Unicode"
        "no description", single "action_net.weight", "__metadata__.policy"
        "a tensor twice", edited firstWeight (firstWeight + "," + firstWeight), "two entries"
        "two descriptions", edited "\"__metadata__\":{" "\"__metadata__\":{\"policy\":\"{}\",", "two entries"
        "a number as metadata", file "{\"__metadata__\":{\"a\":1}}" [||], "holds no text"
        "metadata that is no object", file "{\"__metadata__\":[]}" [||], "holds no object"
        "a type of half precision", edited "\"F32\"" "\"F16\"", "expected F32"
        "a type of double precision", edited "\"F32\"" "\"F64\"", "expected F32"
        "a type that is no text", tiny "\"dtype\":1", "unexpected or second field"
        "a field twice", tiny "\"dtype\":\"F32\",\"dtype\":\"F32\"", "unexpected or second field"
        "an unknown field", tiny "\"path\":\"/etc/passwd\"", "unexpected or second field"
        "a tensor without offsets", tiny "\"dtype\":\"F32\",\"shape\":[1]", "incomplete"
        "three offsets", tiny "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]", "incomplete"
        "a dimension of 0", tiny "\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]", "dimension"
        "a negative dimension", tiny "\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]", "dimension"
        "a broken dimension", tiny "\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]", "whole numbers"
        "no dimension", tiny "\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]", "a dimension at least"
        "a hundred dimensions",
        tiny (
            "\"dtype\":\"F32\",\"shape\":["
            + String.concat "," (List.replicate 100 "1")
            + "],\"data_offsets\":[0,4]"
        ),
        "up to 8 whole numbers"
        "a product of dimensions that wraps around to 4 bytes",
        tiny "\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647,2147483647],\"data_offsets\":[0,4]",
        "4 bytes per number"
        "a dimension beyond 64 bits",
        tiny "\"dtype\":\"F32\",\"shape\":[18446744073709551617],\"data_offsets\":[0,4]",
        "whole numbers"
        "a size that is not the shape's", edited "[4,3]" "[4,4]", "4 bytes per number"
        "a negative offset", tiny "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]", "4 bytes per number"
        "offsets in the wrong order",
        tiny "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]",
        "4 bytes per number"
        "offsets beyond the data",
        tiny "\"dtype\":\"F32\",\"shape\":[100000],\"data_offsets\":[0,400000]",
        "expected it to"
        "offsets whose difference wraps around",
        tiny "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-9223372036854775808,9223372036854775807]",
        "4 bytes per number"
        "tensors that overlap",
        file
            """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"""
            (Array.zeroCreate 12),
        "expected it to begin at 8"
        "a gap between tensors",
        file
            """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"""
            (Array.zeroCreate 12),
        "expected it to begin at 4"
        "a weight that is NaN", withNumber 3 nanf, "NaN"
        "a weight that is infinite", withNumber 3 infinityf, "Infinity"
        "a name that is a path",
        replacing "action_net.bias" [ tensor "../../etc/passwd" [ 6 ] ],
        "action_net.bias is missing"
        "a further name that is a path", ofTensors (tensors @ [ tensor "/etc/passwd" [ 6 ] ]), "unknown tensor"
        "a name that controls a terminal", ofTensors (tensors @ [ tensor "\u001b[2J" [ 1 ] ]), "\\u001B"
        "a name of a thousand letters", single (String('a', 1000)), "name of 1000 bytes"
        "a missing tensor", replacing "action_net.bias" [], "action_net.bias is missing"
        "a missing layer",
        ofTensors (tensors |> List.filter (fun t -> not (t.Name.Contains "policy_net.0"))),
        "unknown tensor"
        "a layer too far",
        ofTensors (tensors @ [ tensor "mlp_extractor.policy_net.8.weight" [ 4; 4 ] ]),
        "unknown tensor"
        "a bias with columns", replacing "action_net.bias" [ tensor "action_net.bias" [ 6; 1 ] ], "1 dimensions"
        "a bias of another length", replacing "action_net.bias" [ tensor "action_net.bias" [ 5 ] ], "has 5 numbers"
        "layers that do not fit each other",
        replacing "action_net.weight" [ tensor "action_net.weight" [ 6; 5 ] ],
        "takes 5 inputs"
        "outputs that are not three per control",
        ofTensors (
            tensors
            |> List.map (fun t ->
                match t.Name with
                | "action_net.weight" -> tensor t.Name [ 7; 4 ]
                | "action_net.bias" -> tensor t.Name [ 7 ]
                | _ -> t)
        ),
        "7 outputs"
        "a network for three controls",
        ofTensors (
            tensors
            |> List.map (fun t ->
                match t.Name with
                | "action_net.weight" -> tensor t.Name [ 9; 4 ]
                | "action_net.bias" -> tensor t.Name [ 9 ]
                | _ -> t)
        ),
        "decides on 3 controls"
        "a critic of two values",
        ofTensors (
            tensors
            |> List.map (fun t ->
                match t.Name with
                | "value_net.weight" -> tensor t.Name [ 2; 4 ]
                | "value_net.bias" -> tensor t.Name [ 2 ]
                | _ -> t)
        ),
        "2 outputs"
        "a layer of 5000",
        replacing "mlp_extractor.policy_net.0.bias" [ tensor "mlp_extractor.policy_net.0.bias" [ 5000 ] ],
        "at most 4096"
        "a description that is no JSON", edited "{\\\"version\\\"" "{version\\\"", "description"
        "a description of nothing", file "{\"__metadata__\":{\"policy\":\"null\"}}" [||], "version"
        "another version", edited "\\\"version\\\":1" "\\\"version\\\":2", "version 2"
        "an unknown field of the description",
        edited "\\\"version\\\"" "\\\"run\\\":\\\"rm\\\",\\\"version\\\"",
        "description"
        "a field of the description twice",
        edited "\\\"version\\\":1" "\\\"version\\\":1,\\\"version\\\":1",
        "description"
        "a description without choices", edited ",\\\"choices\\\":[\\\"down\\\",\\\"keep\\\",\\\"up\\\"]" "", "choices"
        "choices in another order", edited "[\\\"down\\\",\\\"keep\\\"" "[\\\"keep\\\",\\\"down\\\"", "choices"
        "an unknown activation", edited "tanh" "gelu", "expected tanh or relu"
        "no activation", edited "\\\"activation\\\":\\\"tanh\\\"," "", "activation"
        "unknown edges", edited "mask" "wrap", "expected mask or clip"
        "no controls", edited "\\\"controls\\\":[" "\\\"controls\\\":null,\\\"x\\\":[", "description"
        "a control that is null", edited "\\\"controls\\\":[" "\\\"controls\\\":[null,", "controls: null"
        "a control of a billion levels", edited "\\\"levels\\\":6" "\\\"levels\\\":60000000000", "description"
        "a control of one level", edited "\\\"levels\\\":6" "\\\"levels\\\":1", "levels"
        "a control that sets nothing", edited "\\\"cpuCores\\\":{\\\"nodes\\\":[1,2]}," "", "exactly one"
        "two controls of one name", edited "\\\"name\\\":\\\"c1\\\"" "\\\"name\\\":\\\"p11\\\"", "same name"
        "an observation of an unknown control", edited "\\\"control\\\":\\\"c1\\\"" "\\\"control\\\":\\\"c9\\\"", "c9"
        "an observation of an unknown service",
        edited "\\\"service\\\":1,\\\"offset\\\"" "\\\"service\\\":9,\\\"offset\\\"",
        "input 2"
        "an infinite scale", edited "\\\"scale\\\":2" "\\\"scale\\\":1e999", ""
        "settings that are null", edited "\\\"preset\\\":\\\"fast\\\"" "\\\"preset\\\":null", ""
    ]

// --- Laws

let private bits (network: ActorCriticNetwork) =
    [
        for tensor in NetworkTensors.Of network do
            tensor.Name, tensor.Shape, [ for value in tensor.Values -> BitConverter.SingleToUInt32Bits value ]
    ]

/// Reading gives a policy that acts, or says that the input is bad; any other exception is a fault.
let private isRefusedOrActs bytes =
    try
        let policy = (read bytes).Policy()
        let grid = policy.Encoding.Grid
        let configuration = Configuration(TwoNodes.array [ for _ in grid.Controls -> 0 ])

        let state =
            SystemState(configuration, TwoNodes.array [ for _ in 1 .. policy.Encoding.ServiceCount -> RequestRate 5.0 ])

        let mask = grid.Mask configuration
        (policy.Act(state, mask, RandomKey 1UL)).IsAllowedBy mask
    with :? BadInputException ->
        true

[<Tests>]
let tests =
    testList
        "Learning.ActorCritic.PolicyFile"
        [
            testList
                "a bad file is refused and says why"
                [
                    for name, bytes, part in hostile ->
                        testCase name (fun () ->
                            let before = GC.GetAllocatedBytesForCurrentThread()

                            match
                                (try
                                    Ok(read bytes)
                                 with :? BadInputException as e ->
                                     Error e.Message)
                            with
                            | Ok _ -> failtest "accepted"
                            | Error message ->
                                let allocated = GC.GetAllocatedBytesForCurrentThread() - before
                                Expect.stringStarts message "p.safetensors: " "names the file"
                                Expect.stringContains message part "says what is wrong"
                                Expect.isFalse (message |> Seq.exists Char.IsControl) "one printable line"
                                Expect.isLessThan message.Length 700 "short"
                                // The JSON of the description and the exception are constant; a number in the file is not.
                                Expect.isLessThan allocated (int64 (8 * bytes.Length + 2_000_000)) "allocated")
                ]

            test "there are at least 30 bad files" { Expect.isGreaterThanOrEqual hostile.Length 30 "files" }

            test "changing any byte gives an error or a policy" {
                for at in 0 .. sound.Length - 1 do
                    for change in [ 0x01uy; 0x20uy; 0x80uy; 0xFFuy ] do
                        let bytes = Array.copy sound
                        bytes[at] <- bytes[at] ^^^ change
                        Expect.isTrue (isRefusedOrActs bytes) $"byte {at} changed by {change}"
            }

            test "cutting a file anywhere gives an error" {
                for length in 0 .. sound.Length - 1 do
                    Expect.throwsT<BadInputException> (fun () -> read sound[.. length - 1] |> ignore) $"{length} bytes"
            }

            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 2000
                }
                "changing bytes of the header gives an error or a policy"
                (Prop.forAll
                    (Gen.nonEmptyListOf (
                        Gen.zip (Gen.choose (8, 7 + headerLength sound)) (Gen.elements "{}[]\",:\\0129-eE.un tf"B)
                     )
                     |> Arb.fromGen)
                    (fun changes ->
                        let bytes = Array.copy sound

                        for at, value in changes do
                            bytes[at] <- value

                        isRefusedOrActs bytes))

            test "a policy that is loaded is the one that was saved, bit for bit" {
                Scratch.withFolder (fun folder ->
                    let path = IO.Path.Combine(folder, "policy.safetensors")
                    let policy = saved (RandomKey 3UL) [ 128; 128; 128 ]
                    PolicyFile.Save(policy, path)
                    let loaded = PolicyFile.Load path
                    Expect.equal (bits loaded.Network) (bits policy.Network) "weights"
                    Expect.equal loaded.Encoding policy.Encoding "observation"
                    Expect.equal loaded.Origin.Scenario "small" "scenario"
                    Expect.equal loaded.Origin.Seed (Nullable 7UL) "seed"
                    Expect.sequenceEqual loaded.Origin.Settings origin.Settings "settings"
                    Expect.equal (PolicyFile.Write loaded) (PolicyFile.Write policy) "same bytes")
            }

            test "an actor alone is a policy without values" {
                let actor =
                    SavedPolicy(ActorCriticNetwork(policy.Network.Actor, null), policy.Encoding, origin)

                let loaded = read (PolicyFile.Write actor)
                Expect.isNull loaded.Network.Critic "no critic"
                Expect.isFalse (loaded.Policy() :? NetworkPolicy) "no value function"
            }

            test "a policy for other controls does not fit" {
                let refuses (grid: ControlGrid) services part =
                    try
                        policy.CheckFits(grid, services, "p")
                        failtest "fits"
                    with :? BadInputException as e ->
                        Expect.stringContains e.Message part "says why"

                let changed =
                    [
                        TwoNodes.controls[0]
                        Control("c1", TwoNodes.controls[1].Target, 1.0, 4.0, 4)
                    ]

                policy.CheckFits(TwoNodes.grid, 1, "p")
                policy.CheckFits(TwoNodes.gridWith GridEdge.Clip, 1, "p")
                refuses (ControlGrid(TwoNodes.array changed)) 1 "made for the controls"
                refuses TwoNodes.grid 2 "expected 2"
            }
        ]

module OnlinePolicyAdaptation.Tests.Learning.Regression.ForestFileTests

open System
open System.IO
open System.Security.Cryptography
open Expecto
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Tests.Learning.Regression.Samples

let private checksumLength = 32

let private read (bytes: byte array) =
    ForestFile.Read(ReadOnlySpan bytes, "forest.bin")

/// Expects a refusal that names the file and holds the given text.
let private refuses (text: string) bytes =
    try
        read bytes |> ignore
        failtest $"accepted, expected a refusal: {text}"
    with :? BadInputException as e ->
        Expect.stringContains e.Message "forest.bin: " "the file"
        Expect.stringContains e.Message text "what is wrong"
        Expect.stringContains e.Message "expected" "what was expected"

/// A small forest of two features and two targets, and its file.
let private forest =
    [
        for i in 0uy .. 19uy ->
            {
                A = i
                B = i / 4uy
                Y = sbyte i
                Z = sbyte (i * i % 7uy)
                Weight = 1uy
            }
    ]
    |> fun rows -> fit (unweighted rows) (ForestOptions(Trees = 2, MaxDepth = 2)) 7UL

let private file = bits forest

/// The same bytes under a checksum that fits them.
let private signed (bytes: byte array) =
    let body = bytes[.. bytes.Length - checksumLength - 1]
    Array.append body (SHA256.HashData body)

let private withBytes offset (values: byte array) =
    let changed = Array.copy file
    Array.blit values 0 changed offset values.Length
    changed

let private withInt32 offset (value: int) =
    signed (withBytes offset (BitConverter.GetBytes value))

/// Magic and version; counts and names "a", "b", "y", "z"; options; key.
let private namesAt, optionsAt, treesAt = 12, 12 + 2 * (4 + 2 * 5), 12 + 28 + 16 + 8

/// The first tree: its nodes, how many of them are splits, and where its thresholds begin.
let private nodes = forest.Trees[0].Nodes
let private thresholdsAt = treesAt + 4 + 4 * nodes
let private leavesAt = thresholdsAt + 8 * (nodes / 2)

let private withFolder check =
    let folder = Directory.CreateTempSubdirectory()

    try
        check folder.FullName
    finally
        folder.Delete true

[<Tests>]
let tests =
    testList
        "Learning.Regression.ForestFile"
        [
            testProperty "a forest that is saved and loaded predicts the same bits"
            <| fun (first: Row) (others: Row list) key (maxDepth: byte option) (one: bool) ->
                let options =
                    ForestOptions(
                        Trees = 3,
                        MinSamplesLeaf = 2,
                        MaxDepth = (maxDepth |> Option.map int |> Option.toNullable),
                        FeaturesPerSplit = if one then Nullable 1 else Nullable()
                    )

                let saved = fit (unweighted (first :: others)) options key
                let loaded = read (bits saved)
                Expect.equal (predictions loaded) (predictions saved) "predictions"
                Expect.equal (bits loaded) (bits saved) "file"
                Expect.equal loaded.FeatureNames saved.FeatureNames "features"
                Expect.equal loaded.TargetNames saved.TargetNames "targets"
                Expect.equal loaded.Options saved.Options "options"
                Expect.equal loaded.Key saved.Key "key"

            testCase "names keep every letter"
            <| fun () ->
                let set =
                    TrainingSet([| "λ₁ 負荷" |], [| "d\n1" |], ReadOnlySpan [| 1.0 |], ReadOnlySpan [| 1.0 |])

                let loaded = read (bits (fit set fewTrees 1UL))
                Expect.equal loaded.FeatureNames[0] "λ₁ 負荷" "feature"
                Expect.equal loaded.TargetNames[0] "d\n1" "target"

            testCase "a file goes where it is saved, in place of another, and leaves nothing beside it"
            <| fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "forest.bin")
                    File.WriteAllText(path, "another")
                    ForestFile.Save(forest, path)
                    Expect.equal (predictions (ForestFile.Load path)) (predictions forest) "predictions"
                    Expect.sequenceEqual (Directory.GetFileSystemEntries folder) [ path ] "what is in the folder")

            testCase "a file that cannot be saved leaves nothing behind"
            <| fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "taken")
                    Directory.CreateDirectory path |> ignore
                    Expect.throws (fun () -> ForestFile.Save(forest, path)) "a folder is in the way"
                    Expect.sequenceEqual (Directory.GetFileSystemEntries folder) [ path ] "what is in the folder")

            testCase "a file that is not there is refused by name"
            <| fun () ->
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "none.bin")

                    for path in [ path; Path.Combine(path, "none.bin"); folder ] do
                        let message =
                            try
                                ForestFile.Load path |> ignore
                                ""
                            with :? BadInputException as e ->
                                e.Message

                        Expect.stringStarts message $"{path}: " "place"
                        Expect.stringContains message "expected a random forest" "what was expected")

            testCase "a file cut off at any byte is refused"
            <| fun () ->
                for length in 0 .. file.Length - 1 do
                    refuses "" file[.. length - 1]

            testCase "a file with any bit flipped is refused"
            <| fun () ->
                for offset in 0 .. file.Length - 1 do
                    for bit in 0..7 do
                        refuses "" (withBytes offset [| file[offset] ^^^ (1uy <<< bit) |])

            testCase "a file with something after it is refused"
            <| fun () ->
                refuses "checksum" (Array.append file [| 0uy |])
                let body = file[.. file.Length - checksumLength - 1]
                refuses "bytes follow the last tree" (signed (Array.concat [ body; [| 0uy |]; Array.zeroCreate 32 ]))

            testCase "another file and a newer version are refused as such"
            <| fun () ->
                refuses "this is no random forest" (withBytes 0 "PK"B)
                refuses "version is 2, expected 1" (withInt32 8 2)

            testCase "impossible contents are refused under a right checksum too"
            <| fun () ->
                refuses "number of features is 0" (withInt32 namesAt 0)
                refuses "length of name 0 of the features is 0" (withInt32 (namesAt + 4) 0)
                refuses "name 0 of the features is blank" (signed (withBytes (namesAt + 8) " "B))
                refuses "name 0 of the features is not UTF-8" (signed (withBytes (namesAt + 8) [| 0xFFuy |]))
                refuses "number of trees is 0" (withInt32 optionsAt 0)
                refuses "MinSamplesLeaf is 0" (withInt32 (optionsAt + 4) 0)
                refuses "MaxDepth is -2" (withInt32 (optionsAt + 8) -2)
                refuses "FeaturesPerSplit is 3" (withInt32 (optionsAt + 12) 3)
                refuses "FeaturesPerSplit is 0" (withInt32 (optionsAt + 12) 0)
                refuses "number of nodes is -1" (withInt32 treesAt -1)
                refuses "feature of node 0 is 2" (withInt32 (treesAt + 4) 2)
                refuses "feature of node 0 is -2" (withInt32 (treesAt + 4) -2)
                refuses "a tree ends at node 0" (withInt32 (treesAt + 4) -1)
                refuses "nodes, expected" (withInt32 (treesAt + 4 * nodes) 0)

            testCase "numbers that are not finite are refused"
            <| fun () ->
                for value in [ nan; infinity; -infinity ] do
                    let bytes = BitConverter.GetBytes value
                    refuses "one of the thresholds is" (signed (withBytes thresholdsAt bytes))
                    refuses "one of the values of leaves is" (signed (withBytes leavesAt bytes))

            testCase "huge counts are refused without making room for them"
            <| fun () ->
                for offset in [ namesAt; namesAt + 4; namesAt + 14; optionsAt; treesAt ] do
                    let bytes = withInt32 offset Int32.MaxValue
                    let before = GC.GetAllocatedBytesForCurrentThread()
                    refuses "the file is cut off or changed" bytes
                    Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 100_000L "bytes"

            testCase "whatever byte is changed under a right checksum, the file is refused or predicts numbers"
            <| fun () ->
                for offset in 0 .. file.Length - checksumLength - 1 do
                    for value in [ 0uy; 1uy; 0x7Fuy; 0x80uy; 0xFFuy ] do
                        try
                            let loaded = read (signed (withBytes offset [| value |]))
                            let asked = Array.create loaded.FeatureNames.Count 0.5
                            Expect.all (predict loaded asked) Double.IsFinite $"byte {offset} changed to {value}"
                        with :? BadInputException as e ->
                            Expect.stringContains e.Message "forest.bin: " "the file"
        ]

module OnlinePolicyAdaptation.Tests.Service.Lines

open System
open System.Collections.Generic
open System.IO
open System.IO.Pipelines
open System.Text
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private readAll (lines: Lines) =
    task {
        let all = List<Line>()
        let mutable ended = false

        while not ended do
            match! lines.Next CancellationToken.None with
            | ValueSome line -> all.Add line
            | ValueNone -> ended <- true

        return List.ofSeq all
    }

/// The lines of a stream that arrives in these pieces.
let private linesOf longest (pieces: byte[] list) =
    task {
        let pipe = Pipe()

        let writing =
            task {
                for piece in pieces do
                    let! _ = pipe.Writer.WriteAsync(ReadOnlyMemory piece)
                    do! Task.Yield()

                do! pipe.Writer.CompleteAsync()
            }

        let! lines = readAll (Lines(pipe.Reader, longest))
        do! writing
        return lines
    }

/// The lines of a whole text, by splitting it.
let private slowLines longest (bytes: byte[]) =
    let line (bytes: byte list) =
        let bytes = Array.ofList bytes

        if bytes.Length > longest then
            Line.Unreadable("", $"a line of more than {longest} bytes")
        else
            try
                let text = UTF8Encoding(false, true).GetString bytes

                Line.Text(
                    if text.EndsWith '\r' then
                        text[.. text.Length - 2]
                    else
                        text
                )
            with :? DecoderFallbackException ->
                Line.Unreadable("", "a line that is not UTF-8")

    let rec split current bytes =
        match bytes with
        | [] when List.isEmpty current -> []
        | [] -> [ line (List.rev current) ]
        | 10uy :: rest -> line (List.rev current) :: split [] rest
        | next :: rest -> split (next :: current) rest

    split [] (List.ofArray bytes)

let private withoutBeginning =
    function
    | Line.Unreadable(_, reason) -> Line.Unreadable("", reason)
    | text -> text

/// Pieces of ASCII, line ends, and bytes of which few belong together as UTF-8.
let private pieces =
    let bytes =
        Gen.elements [ byte 'a'; byte 'b'; 10uy; 10uy; 13uy; 0xC3uy; 0xA9uy; 0xFFuy ]

    Gen.arrayOf bytes |> Gen.listOf |> Arb.fromGen

[<Tests>]
let tests =
    testList
        "Service.Lines"
        [
            test "lines do not depend on how the stream is cut into pieces" {
                Prop.forAll pieces (fun pieces ->
                    let lines = (linesOf 4 pieces).Result |> List.map withoutBeginning
                    lines = slowLines 4 (Array.concat pieces))
                |> Check.QuickThrowOnFailure
            }

            testTask "the last line need not end, and none follows the last end" {
                for text in [ "one\r\n\ntwo"; "one\n\ntwo\n" ] do
                    let! lines = linesOf 10 [ Encoding.UTF8.GetBytes text ]
                    Expect.equal lines [ Line.Text "one"; Line.Text ""; Line.Text "two" ] text
            }

            testTask "a byte-order mark is no part of the first line, however it arrives, and is one of any other" {
                let mark = [| 0xEFuy; 0xBBuy; 0xBFuy |]
                let whole = Array.concat [ mark; "one\n"B; mark; "two"B ]
                let expected = [ Line.Text "one"; Line.Text "\uFEFFtwo" ]

                for cut in 0 .. whole.Length do
                    let! lines = linesOf 10 [ whole[.. cut - 1]; whole[cut..] ]
                    Expect.equal lines expected $"cut after {cut}"

                let! (longest: Line list) = linesOf 4 [ mark; "four\nfives"B ]
                Expect.equal longest.Head (Line.Text "four") "it does not count"
                let! onlyMark = linesOf 4 [ mark ]
                Expect.equal onlyMark [ Line.Text "" ] "alone"
            }

            testTask "a line that cannot be read is shown by its beginning" {
                let! lines =
                    linesOf 500 [ [| byte 'x'; 0xFFuy |]; Array.create 2_000 (byte 'y'); "\nz"B ]

                let beginning = "x\uFFFD" + String('y', 198)
                let reason = "a line of more than 500 bytes"
                Expect.equal lines [ Line.Unreadable(beginning, reason); Line.Text "z" ] "beginning"
            }

            test "a line without an end takes no memory" {
                let text = Array.append (Array.create 50_000_000 (byte 'x')) "\nlast"B
                let lines = Lines(PipeReader.Create(new MemoryStream(text)), 10_000)
                let before = GC.GetAllocatedBytesForCurrentThread()
                let read = readAll lines
                Expect.isTrue read.IsCompleted "read by this thread"
                let allocated = GC.GetAllocatedBytesForCurrentThread() - before

                Expect.equal (List.last read.Result) (Line.Text "last") "it goes on after it"
                Expect.equal read.Result.Length 2 "lines"
                Expect.isLessThan allocated 5_000_000L "allocated"
            }

            testTask "an unfinished line of a stream that breaks is not given" {
                let pipe = Pipe()
                let! _ = pipe.Writer.WriteAsync(ReadOnlyMemory "whole\nhalf"B)
                let lines = Lines(pipe.Reader, 10)
                let! first = lines.Next CancellationToken.None
                Expect.equal first (ValueSome(Line.Text "whole")) "whole line"
                do! pipe.Writer.CompleteAsync(IOException "broken")
                let second = lines.Next CancellationToken.None
                let! _ = Task.WhenAny second
                Expect.isTrue second.IsFaulted "broken"
            }
        ]

module OnlinePolicyAdaptation.Tests.Domain.Csv.CsvFile

open System
open System.IO
open System.IO.Compression
open System.Text
open Expecto
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Csv
open OnlinePolicyAdaptation.Tests

let private readFile path =
    use file = CsvFile.Open(path, "a table")

    [
        List.ofSeq file.Header
        while file.Read() do
            [ for column in 0 .. file.Header.Count - 1 -> file.Cell column ]
    ]

let private withBytes (bytes: byte[]) (test: string -> 'a) =
    Scratch.withFolder (fun folder ->
        let path = Path.Combine(folder, "table.csv")
        File.WriteAllBytes(path, bytes)
        test path)

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

/// Header and rows of a file of this text.
let private read text = withBytes (utf8 text) readFile

let private gzip (bytes: byte[]) =
    use compressed = new MemoryStream()

    do
        use stream = new GZipStream(compressed, CompressionMode.Compress)
        stream.Write bytes

    compressed.ToArray()

let private table = [ [ "a"; "b" ]; [ "1"; "2" ]; [ "3"; "4" ] ]

/// Reading fails with one line that holds all of the parts.
let private refusesBytes name bytes (parts: string list) =
    testCase name (fun () ->
        withBytes bytes (fun path ->
            Expect.throwsC (fun () -> readFile path |> ignore) (fun e ->
                Expect.isTrue (e :? BadInputException) $"{e.GetType().Name}: {e.Message}"
                Expect.hasLength (e.Message.Split '\n') 1 "one line"
                Expect.isLessThan e.Message.Length 1500 "short"

                for part in path :: parts do
                    Expect.stringContains e.Message part "names place and value")))

let private refuses name text parts = refusesBytes name (utf8 text) parts

/// The numbers of a column in a file of this text; none where a cell holds no number.
let private numbers column text =
    withBytes (utf8 text) (fun path ->
        use file = CsvFile.Open(path, "a table")
        let column = Seq.findIndex ((=) column) file.Header

        [
            while file.Read() do
                Option.ofNullable (file.Number column)
        ])

/// A cell as it is written where quotes are needed.
let private quoted (cell: string) =
    "\"" + cell.Replace("\"", "\"\"") + "\""

[<Tests>]
let tests =
    testList
        "Domain.Csv.CsvFile"
        [
            for name, text in
                [
                    "commas", "a,b\n1,2\n3,4\n"
                    "semicolons", "a;b\n1;2\n3;4\n"
                    "tabs", "a\tb\n1\t2\n3\t4\n"
                    "bars", "a|b\n1|2\n3|4\n"
                    "no line break at the end", "a,b\n1,2\n3,4"
                    "CRLF", "a,b\r\n1,2\r\n3,4\r\n"
                    "CR", "a,b\r1,2\r3,4\r"
                    "a byte-order mark", "\uFEFFa,b\n1,2\n3,4\n"
                    "blanks around names", " a , b\n1,2\n3,4\n"
                    "quoted cells", "\"a\",\"b\"\n\"1\",\"2\"\n\"3\" ,\"4\"\n"
                    "blank lines", "\n  \na,b\n\n1,2\n \t \n,\n3,4\n\n"
                    "remarks", "# by hand\na,b\n1,2\n# \"more\n3,4\n"
                    "a first line that says the separator", "sep=;\na;b\n1;2\n3;4\n"
                    "the same in quotes and capitals", "\"SEP=|\"\r\na|b\r\n1|2\r\n3|4\r\n"
                    "a separator that no header shows", "sep=:\na:b\n1:2\n3:4\n"
                ] do
                test $"read: {name}" { Expect.equal (read text) table "header and rows" }

            for name, bytes in
                [
                    "gzip", gzip (utf8 "a,b\n1,2\n3,4\n")
                    "gzip in two pieces", Array.append (gzip (utf8 "a,b\n1,")) (gzip (utf8 "2\n3,4\n"))
                    "UTF-16", Array.append [| 0xFFuy; 0xFEuy |] (Encoding.Unicode.GetBytes "a\tb\n1\t2\n3\t4\n")
                ] do
                test $"read: {name}" { Expect.equal (withBytes bytes readFile) table "header and rows" }

            test "the most frequent separator of the header counts, outside of quotes" {
                Expect.equal (read "\"x, y, z\";b\n1;2\n") [ [ "x, y, z"; "b" ]; [ "1"; "2" ] ] "semicolons"
                Expect.equal (read "a;b;c,d\n1;2;3,5\n") [ [ "a"; "b"; "c,d" ]; [ "1"; "2"; "3,5" ] ] "not the comma"
            }

            testProperty "what is quoted reads back, whatever is in it" (fun (cells: char[][]) ->
                let rows =
                    cells
                    |> Array.map (fun cell -> "x" + String(cell).Replace("\000", "0"))
                    |> Array.chunkBySize 2
                    |> Array.filter (fun row -> row.Length = 2)
                    |> Array.map List.ofArray
                    |> List.ofArray

                let lines = [ "a"; "b" ] :: (rows |> List.map (List.map quoted))

                Expect.equal
                    (lines |> List.map (String.concat ",") |> String.concat "\r\n" |> read)
                    ([ "a"; "b" ] :: rows)
                    "every cell")

            test "lines are counted as an editor counts them" {
                withBytes (utf8 "sep=,\r\n\r\na,\"b\r\nc\"\r\n# x\r\n1,2\r\n\r\n\"3\n\n\",4\r\n5,6") (fun path ->
                    use file = CsvFile.Open(path, "a table")
                    Expect.equal file.HeaderLine 3 "header"

                    let lines =
                        [
                            while file.Read() do
                                file.Line
                        ]

                    Expect.equal lines [ 6; 8; 11 ] "rows")
            }

            test "cells of a mebibyte are read, and the buffers' ends are nowhere seen" {
                for length in [ 4095; 4096; 32 * 1024; 64 * 1024; 1024 * 1024 ] do
                    for extra in -3 .. 3 do
                        let cell = String('x', length + extra)
                        let quotes = String('"', 2)
                        let rows = read $"a,b\n{cell},1\n\"{cell}\n{quotes}\",2\n3,4"

                        Expect.equal
                            rows
                            [ [ "a"; "b" ]; [ cell; "1" ]; [ $"{cell}\n\""; "2" ]; [ "3"; "4" ] ]
                            $"{cell.Length}"
            }

            test "after a bad row the next one is read" {
                withBytes (utf8 $"a,b\n1\n2,3,4\n\"5\"6,7\n8,{String('x', 3_000_000)}\n9,10\n") (fun path ->
                    use file = CsvFile.Open(path, "a table")

                    let rows =
                        [
                            while file.Next() do
                                file.Line,
                                match file.Fault with
                                | null -> file.Cell 1
                                | fault -> fault.Replace(path, "")
                        ]

                    Expect.equal
                        rows
                        [
                            2, ":2: 1 cell; expected 2, as in the header"
                            3,
                            ":3: 3 cells; expected 2, as in the header; a number with a decimal comma makes two cells: write decimals with a point, or separate cells by semicolons"
                            4, ":4: cell 1 goes on after its closing quote"
                            5, ":5: a row of more than 2 MiB"
                            6, "10"
                        ]
                        "every line")
            }

            test "decimal commas are read where they can be nothing else" {
                Expect.equal
                    (numbers "a" "a;b\n5,1583;1\n1,250;2\n7;3")
                    [ Some 5.1583; Some 1.25; Some 7.0 ]
                    "by the column"

                Expect.equal (numbers "a" "a;b\n1,250;0,5\n") [ Some 1.25 ] "by another column"
                Expect.equal (numbers "a" "a,b\n\"0,125\",1\n") [ Some 0.125 ] "in quotes, between commas"
                Expect.equal (numbers "a" "a;b\n-2,5e-3;1\n") [ Some -0.0025 ] "with an exponent"
                Expect.equal (numbers "b" "a;b\n2,5;1.25\n") [ Some 1.25 ] "another column has points"
            }

            test "a comma that may separate thousands, or stands among points, is no decimal mark" {
                for thousands in [ "1,250"; "12,500"; "123,456"; "-1,250" ] do
                    Expect.equal (numbers "a" $"a;b\n{thousands};1\n") [ None ] $"{thousands}: thousands?"

                for number, value in [ "1234,567", 1234.567; "0,125", 0.125; "1,25", 1.25; "1,2500", 1.25 ] do
                    Expect.equal (numbers "a" $"a;b\n{number};1\n") [ Some value ] $"{number}: no thousands"

                Expect.equal (numbers "a" "a;b\n1,250;1.5\n") [ None ] "the file has points"
                Expect.equal (numbers "a" "a;b\n1,250;1.5\n2;2,5") [ None; Some 2.0 ] "it has both"
                Expect.equal (numbers "a" "a;b\n1,25;1\n1.5;1\n") [ None; Some 1.5 ] "both in a column"
                Expect.equal (numbers "a" "a;b\n1,25;1\n1.234,5;1\n") [ Some 1.25; None ] "both in a number"
            }

            test "decimal commas that come after all that was looked at are no numbers" {
                let rows = String.replicate 40_000 "1;1\n"
                Expect.equal (numbers "a" $"a;b\n{rows}0,5;1\n" |> List.last) None "late"
            }

            test "an error says how to write decimals" {
                withBytes (utf8 "a;b\n1,250;1\n") (fun path ->
                    use file = CsvFile.Open(path, "a table")
                    Expect.isTrue (file.Read()) "a row"

                    Expect.stringEnds
                        (file.Unexpected(0, "a number").Message)
                        ":2: column a: '1,250' is not a number; write all decimals with a point, and no separators of thousands"
                        "hint")
            }

            refuses "an empty file" "" [ "the file is empty; expected a table" ]
            refuses "blank lines alone" "\n \n" [ "the file is empty" ]
            refuses "a separator line alone" "sep=;\n" [ "the file is empty" ]
            refuses "a row with fewer cells" "a,b,c\n1,2,3\n\n4,5\n" [ ":4:"; "2 cells"; "expected 3" ]
            refuses "a row with more cells" "a;b\n1;2;3\n" [ ":2:"; "3 cells"; "expected 2" ]
            refuses "a quote that never closes" "a,b\n1,2\n3,\"4\n5,6\n" [ ":3:"; "line 3"; "no closing quote" ]
            refuses "a header that never closes" "a,\"b\n1,2\n" [ ":1:"; "no closing quote"; "expected the header" ]
            refuses "NUL among text" "a,b\n1,\0002\n" [ "NUL" ]
            refusesBytes "a workbook" (utf8 "PK\003\004rest") [ "a ZIP archive or an Excel workbook" ]
            refusesBytes "another compression" [| 0x28uy; 0xB5uy; 0x2Fuy; 0xFDuy; 0uy |] [ "zstd" ]

            refusesBytes
                "a compressed file that ends early"
                (let whole =
                    gzip (utf8 ("a,b\n" + String.concat "\n" [ for i in 1..5000 -> $"{i},{i * i % 7919}" ]))

                 whole[.. whole.Length / 2])
                [ "not readable as CSV" ]

            refusesBytes
                "a compressed file with a flaw"
                (let whole = gzip (utf8 "a,b\n1,2\n")
                 whole[whole.Length - 6] <- whole[whole.Length - 6] ^^^ 1uy
                 whole)
                [ "not readable as CSV" ]

            test "a missing file and a folder are named" {
                for path, reason in [ "no-such.csv", "no such file"; Path.GetTempPath(), "a folder" ] do
                    Expect.throwsC (fun () -> readFile path |> ignore) (fun e ->
                        Expect.stringContains e.Message $"{path}: {reason}; expected a table" "named")
            }

            test "an error shows foreign text in one line, and not all of it" {
                Expect.equal (Excerpt.Of "a\tb\r\nc\u0007") "a\\tb\\r\\nc\\u0007" "escapes"
                Expect.equal (Excerpt.Of(String('x', 100))) (String('x', 100)) "all of it"
                Expect.equal (Excerpt.Of(String('x', 101))) (String('x', 100) + "…") "its beginning"
            }
        ]

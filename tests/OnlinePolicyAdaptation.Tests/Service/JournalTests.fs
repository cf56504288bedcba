module OnlinePolicyAdaptation.Tests.Service.Journal

open System
open System.IO
open Expecto
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private withPath (test: string -> unit) =
    Scratch.withFolder (fun folder -> test (Path.Combine(folder, "j.db")))

let private expectRefused part =
    function
    | Ok(journal: Journal) ->
        (journal :> IDisposable).Dispose()
        failtest "it was opened"
    | Error(message: string) -> Expect.stringContains message part "says why"

let private sql path text =
    use connection = new SqliteConnection($"Data Source={path};Pooling=false")
    connection.Open()
    use command = connection.CreateCommand()
    command.CommandText <- text
    command.ExecuteScalar()

let private count path table =
    Convert.ToInt32(sql path $"SELECT count(*) FROM {table}")

let private bytes path = File.ReadAllBytes path

let private ofOtherSettings path =
    (SmallController.openJournal path :> IDisposable).Dispose()

    Journal.Open(
        path,
        { SmallController.identity with
            Fingerprint = "2"
        }
    )
    |> expectRefused "other settings (small)"

    (SmallController.openJournal path :> IDisposable).Dispose()

let private second path =
    use _ = SmallController.openJournal path

    Journal.Open(path, SmallController.identity)
    |> expectRefused "another controller"

    match Journal.OpenToRead path with
    | Ok reader -> (reader :> IDisposable).Dispose()
    | Error message -> failtest message

let private foreign path =
    sql path "CREATE TABLE customer (name TEXT); INSERT INTO customer VALUES ('a')"
    |> ignore

    let before = bytes path
    Journal.Open(path, SmallController.identity) |> expectRefused path
    Journal.OpenToRead path |> expectRefused path
    Expect.equal (bytes path) before "untouched"

let private corrupt path =
    let line = String('x', 5000)

    for text in [ line; "SQLite format 3\000" + line ] do
        File.WriteAllText(path, text)
        Journal.Open(path, SmallController.identity) |> expectRefused path
        Journal.OpenToRead path |> expectRefused path
        Expect.equal (File.ReadAllText path) text "untouched"

let private cut path =
    do
        use journal = SmallController.openJournal path
        let cycle = SmallController.start (SmallController.options 5)

        SmallController.run
            (SmallController.service cycle [] |> SmallController.withJournal journal)
            (SmallController.source (Intervals.recorded 30 15))
        |> ignore

    let whole = bytes path
    File.WriteAllBytes(path, whole[.. whole.Length / 2])

    // Whatever of it can be read, it is never an exception.
    match Journal.Open(path, SmallController.identity) with
    | Error message -> Expect.stringContains message path "says which"
    | Ok journal ->
        use journal = journal
        Expect.throwsT<JournalUnavailable> (fun () -> Seq.length (journal.Entries(0, Int32.MaxValue)) |> ignore) "read"

let private nowhere path =
    let missing = Path.Combine(path, "j.db")
    Journal.Open(missing, SmallController.identity) |> expectRefused "folder"
    Journal.OpenToRead missing |> expectRefused "no such file"

let private retention = 60

let private bounded path =
    let cycle = SmallController.start (SmallController.options 1)

    let run intervals =
        use journal = SmallController.openJournal path

        match Replay.state cycle Intervals.system journal (journal.LastCycle + 1) with
        | Error message -> failtest message
        | Ok state ->
            // What comes while a transaction is written goes into the next one, and a checkpoint only at its end.
            let options, pull =
                SmallController.service cycle []
                |> SmallController.withJournal journal
                |> SmallController.journaling (fun options -> { options with Retention = retention })
                |> SmallController.oneByOne intervals

            SmallController.runFrom options state pull |> ignore

    let intervals = Intervals.recorded 400 200
    run intervals[..199]
    run intervals[200..]

    // What is kept goes back to the last checkpoint before the retention; checkpoints are 25 refits apart.
    for table in [ "interval"; "decision"; "model" ] do
        Expect.isLessThanOrEqual (count path table) (retention + 2 * 26 + 4) table
        Expect.isGreaterThanOrEqual (count path table) retention table

    Expect.isLessThanOrEqual (count path "checkpoint") 12 "checkpoints"
    use journal = SmallController.openJournal path
    Expect.equal journal.LastCycle 399 "the last ones"

    let last = SmallController.decisions cycle intervals |> List.skip 340

    Expect.equal (journal.Entries(340, 399) |> Seq.map _.Decision |> List.ofSeq) last "are kept"

    for number in [ 340; 399 ] do
        match Replay.state cycle Intervals.system journal number with
        | Ok state ->
            Expect.equal
                (SmallController.decisionsFrom cycle state [ intervals[number] ])
                [ last[number - 340] ]
                "and can be gone through"
        | Error message -> failtest message

    match Replay.state cycle Intervals.system journal 100 with
    | Ok _ -> failtest "cycle 100 is gone"
    | Error message -> Expect.stringContains message "is not kept any more" "says so"

let private atOnce path =
    use journal = SmallController.openJournal path

    let entry cycle : JournalEntry =
        {
            Cycle = cycle
            Time = Intervals.beginning + TimeSpan.FromSeconds(float cycle)
            Position = int64 cycle
            Interval = "{}"
            Decision = "{}"
        }

    let commit entries =
        journal.TryCommit(SmallController.transaction entries, 100)

    Expect.isOk (commit [ entry 0; entry 1 ]) "new ones"

    // The same interval again, after one that is new.
    Expect.isError (commit [ entry 2; { entry 3 with Time = (entry 1).Time } ]) "an interval is kept once"

    Expect.equal journal.LastCycle 1 "all or nothing"

[<Tests>]
let tests =
    testList
        "Service.Journal"
        [
            testCase "a journal of other settings is refused, and stays usable" (fun () -> withPath ofOtherSettings)
            testCase "a second writer is refused, a reader is not" (fun () -> withPath second)
            testCase "a database of something else is refused and not written to" (fun () -> withPath foreign)
            testCase "a file that is no database is refused and not written to" (fun () -> withPath corrupt)
            testCase "half a journal is refused, or fails when it is read" (fun () -> withPath cut)
            testCase "a journal that cannot be there is refused" (fun () -> withPath nowhere)
            testCase "retention bounds what is kept, from where it can be gone through" (fun () -> withPath bounded)
            testCase "what is committed is kept as a whole or not at all" (fun () -> withPath atOnce)
        ]

/// A journal whose file is full, locked, damaged, taken away, or of another format.
module OnlinePolicyAdaptation.Tests.Service.JournalTrouble

open System
open System.Diagnostics
open System.IO
open System.Threading
open System.Threading.Tasks
open Expecto
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private withPath (test: string -> unit) =
    Scratch.withFolder (fun folder -> test (Path.Combine(folder, "j.db")))

let private decision mode = $"{{\"mode\":\"{mode}\"}}"

let private entry cycle : JournalEntry =
    {
        Cycle = cycle
        Time = Intervals.beginning + TimeSpan.FromSeconds(5.0 * float cycle)
        Position = int64 cycle
        Interval = "{}"
        Decision = decision "act"
    }

let private tryCommit (journal: Journal) entries =
    journal.TryCommit(SmallController.transaction entries, 1000)

let private orFail (outcome: Result<unit, string>) =
    match outcome with
    | Ok() -> ()
    | Error message -> failtest message

let private commits journal entries = tryCommit journal entries |> orFail

/// Commits a checkpoint before a cycle, with other content.
let private commitsCheckpoint (journal: Journal) entries models (cycle: int) retention =
    journal.TryCommit(
        { SmallController.transaction entries with
            Models = models
            Checkpoint = ValueSome(struct (cycle, [| byte cycle |]))
        },
        retention
    )
    |> orFail

let private fails part (outcome: Result<'a, string>) =
    match outcome with
    | Ok _ -> failtest $"expected an error with '{part}'"
    | Error message -> Expect.stringContains message part "says why"

let private kept (journal: Journal) =
    journal.Entries(0, Int32.MaxValue) |> Seq.map _.Cycle |> List.ofSeq

let private connection path =
    let connection = new SqliteConnection($"Data Source={path};Pooling=false")
    connection.Open()
    connection

let private run (connection: SqliteConnection) text =
    use command = connection.CreateCommand()
    command.CommandText <- text
    command.ExecuteScalar()

let private sql path text =
    use connection = connection path
    run connection text

let private reading path (test: Journal -> 'a) =
    match Journal.OpenToRead path with
    | Ok journal ->
        use journal = journal
        test journal
    | Error message -> failtest message

// --- Trouble with the file

/// A file system of one mebibyte; skips where none can be mounted.
let private withSmallDisk (test: string -> unit) =
    Scratch.withFolder (fun folder ->
        let mount (program: string) (arguments: string list) =
            try
                match Process.Start(ProcessStartInfo(program, arguments, RedirectStandardError = true)) with
                | null -> false
                | started ->
                    use started = started
                    started.WaitForExit()
                    started.ExitCode = 0
            with :? ComponentModel.Win32Exception ->
                false

        if not (mount "mount" [ "-t"; "tmpfs"; "-o"; "size=1m"; "tmpfs"; folder ]) then
            skiptest "needs leave to mount a small disk"

        try
            test folder
        finally
            mount "umount" [ "-l"; folder ] |> ignore)

let private fillUp (path: string) =
    use file = File.Create(path, 1)

    try
        for _ in 1..2048 do
            file.Write(Array.zeroCreate<byte> 1024)
    with :? IOException ->
        ()

let private whereTheDiskIsFull folder =
    let path = Path.Combine(folder, "j.db")
    let filling = Path.Combine(folder, "filling")
    use journal = SmallController.openJournal path
    commits journal [ entry 0 ]

    for cycle in [ 1; 2 ] do
        fillUp filling

        let large =
            { entry cycle with
                Interval = String('x', 100_000)
            }

        tryCommit journal [ large ] |> fails "the disk is full"
        tryCommit journal [ large ] |> fails "the disk is full"
        File.Delete filling
        commits journal [ large ]

    Expect.equal (kept journal) [ 0; 1; 2 ] "all is there once the disk has room"

let private whereTheDiskIsFullAtTheStart folder =
    fillUp (Path.Combine(folder, "filling"))

    Journal.Open(Path.Combine(folder, "j.db"), SmallController.identity)
    |> fails "the disk is full"

let private whereItIsLocked path =
    use journal = SmallController.openJournal path
    commits journal [ entry 0 ]
    use other = connection path
    run other "BEGIN IMMEDIATE" |> ignore
    let clock = Stopwatch.StartNew()
    tryCommit journal [ entry 1 ] |> fails "another process has locked it"
    Expect.isLessThan clock.Elapsed (TimeSpan.FromSeconds 5.0) "soon"
    run other "ROLLBACK" |> ignore
    commits journal [ entry 1 ]
    Expect.equal (kept journal) [ 0; 1 ] "both"

/// As after a process that was killed: its locks are gone a little later than itself.
let private whereItIsLockedAtTheStart path =
    (SmallController.openJournal path :> IDisposable).Dispose()

    let letGoAfter (milliseconds: int) (held: IDisposable) =
        Task.Run(fun () ->
            Threading.Thread.Sleep milliseconds
            held.Dispose())

    // The lock that is ours.
    let earlier = SmallController.openJournal path
    let gone = letGoAfter 400 earlier
    use journal = SmallController.openJournal path
    gone.Wait()
    commits journal [ entry 0 ]
    (journal :> IDisposable).Dispose()

    // Those of SQLite.
    let other = connection path
    run other "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE" |> ignore
    let gone = letGoAfter 1200 other
    use journal = SmallController.openJournal path
    gone.Wait()
    Expect.equal (kept journal) [ 0 ] "as before"
    commits journal [ entry 1 ]

/// Whoever goes on to hold it keeps others out, and they say so soon.
let private whereItStaysLocked path =
    use _ = SmallController.openJournal path
    let clock = Stopwatch.StartNew()
    Journal.Open(path, SmallController.identity) |> fails "another controller"
    Expect.isGreaterThanOrEqual clock.Elapsed (TimeSpan.FromSeconds 1.5) "not at once"
    Expect.isLessThan clock.Elapsed (TimeSpan.FromSeconds 8.0) "soon"

let private whereItIsDamaged path =
    use journal = SmallController.openJournal path
    commits journal [ entry 0 ]
    use other = connection path
    run other "PRAGMA wal_checkpoint(TRUNCATE)" |> ignore

    do
        use file =
            new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 1)

        file.Write(Array.create (int file.Length) 0xA5uy, 0, int file.Length)

    // A page that is still in memory may hide it for a while; what is never seen is another exception.
    match tryCommit journal [ entry 1 ] with
    | Error message -> Expect.stringContains message path "says which"
    | Ok() -> ()

    Expect.throwsT<JournalUnavailable> (fun () -> kept journal |> ignore) "it cannot be read"
    tryCommit journal [ entry 2 ] |> fails "damaged"

let private whereItIsTakenAway path =
    use journal = SmallController.openJournal path
    commits journal [ entry 0 ]
    File.Move(path, $"{path}.away")
    tryCommit journal [ entry 1 ] |> fails "deleted, moved or replaced"
    File.WriteAllText(path, "another one")
    tryCommit journal [ entry 1 ] |> fails "deleted, moved or replaced"
    File.Delete path
    File.Move($"{path}.away", path)
    commits journal [ entry 1 ]
    Expect.equal (kept journal) [ 0; 1 ] "both"

let private again path =
    use journal = SmallController.openJournal path
    let both = [ entry 0; entry 1 ]
    commits journal both
    commits journal both
    commits journal (both @ [ entry 2 ])
    Expect.equal (kept journal) [ 0; 1; 2 ] "each once"

    for other in
        [
            { entry 1 with Decision = "{}" }
            { entry 1 with Interval = "{ }" }
            { entry 1 with Position = 7L }
            { entry 1 with Time = (entry 8).Time }
            { entry 3 with Time = (entry 1).Time }
        ] do
        tryCommit journal [ entry 4; other ] |> fails "another one is there already"

    Expect.equal (kept journal) [ 0; 1; 2 ] "nothing of what was in conflict"

let private fromThreads path =
    use journal = SmallController.openJournal path

    let outcome cycle : DecisionOutcome =
        {
            Cycle = cycle
            Fate = Fate.Delivered
            Time = Intervals.beginning
            Reason = ""
        }

    let delivering =
        Task.Run(fun () ->
            for cycle in 0..199 do
                journal.Record [ outcome cycle ]
                journal.Note("refitFailed", Intervals.beginning, "r")
                journal.Undelivered() |> ignore)

    for cycle in 0..199 do
        commits journal [ entry cycle ]

    delivering.Wait()

    match journal.Flush() with
    | Ok() -> ()
    | Error message -> failtest message

    Expect.equal (kept journal) [ 0..199 ] "every entry"
    Expect.equal (journal.Outcomes()) [ "delivered", 200 ] "every outcome"
    Expect.equal (journal.Tallies() |> List.map _.Count) [ 200L ] "every note"

// --- What became of decisions

let private outcomes path =
    let outcome cycle fate =
        {
            Cycle = cycle
            Fate = fate
            Time = Intervals.beginning
            Reason = "why"
        }

    do
        use journal = SmallController.openJournal path

        commits
            journal
            [
                for cycle in 0..7 ->
                    { entry cycle with
                        Decision = decision (if cycle = 6 then "shadow" else "act")
                    }
            ]

        Expect.equal (journal.Undelivered()) [ 0; 1; 2; 3; 4; 5; 7 ] "none yet, and nothing is to be done for 6"
        journal.Record [ for i, fate in List.indexed Fate.All -> outcome i fate ]
        journal.Record [ outcome 4 Fate.Delivered ]

    do
        use journal = SmallController.openJournal path
        Expect.equal (journal.Undelivered()) [ 5; 7 ] "written when it was closed"

        Expect.equal
            (journal.Outcomes())
            [ "delivered", 2; "refused", 1; "stale", 1; "superseded", 1 ]
            "the last word counts"

        // As controllers without outcomes wrote it.
        journal.NoteDelivered 5
        commits journal []
        Expect.equal (journal.Undelivered()) [ 7 ] "up to 5, and no further"
        Expect.equal journal.Delivered 5 "the number itself"

let private counted path =
    for _ in 1..3 do
        use journal = SmallController.openJournal path
        journal.Note("refitFailed", Intervals.beginning, "no memory")
        journal.Note("refitFailed", Intervals.beginning + TimeSpan.FromSeconds 1.0, "no luck")
        commits journal []
        // The same again, as after a commit of which nothing was heard.
        journal.Note("quarantined.unparsable", Intervals.beginning, "r")

    reading path (fun journal ->
        Expect.equal
            (journal.Tallies())
            [
                {
                    Kind = "quarantined.unparsable"
                    Count = 3L
                    Last = Intervals.beginning
                    Reason = "r"
                }
                {
                    Kind = "refitFailed"
                    Count = 6L
                    Last = Intervals.beginning + TimeSpan.FromSeconds 1.0
                    Reason = "no luck"
                }
            ]
            "over all runs")

    Expect.equal (sql path "SELECT count(*) FROM tally") (box 4L) "however often it was started"

// --- One writer

let private isLinux test path =
    if OperatingSystem.IsLinux() then
        test path
    else
        skiptest "links and modes are Linux's here"

let private byOtherNames path =
    use _ = SmallController.openJournal path
    let soft, hard = $"{path}.soft", $"{path}.hard"
    File.CreateSymbolicLink(soft, path) |> ignore
    use linked = Process.Start("ln", [ path; hard ])
    linked.WaitForExit()

    for name in [ soft; hard ] do
        Journal.Open(name, SmallController.identity) |> fails "another controller"

        JournalUndo.after (name, Intervals.beginning, Intervals.beginning)
        |> fails "another controller"

let private private' path =
    (SmallController.openJournal path :> IDisposable).Dispose()
    Expect.equal (File.GetUnixFileMode path) (UnixFileMode.UserRead ||| UnixFileMode.UserWrite) "for its owner"

let private notAFile path =
    Directory.CreateDirectory path |> ignore

    for name in [ path; "/dev/null"; "/dev/full" ] do
        Journal.Open(name, SmallController.identity) |> fails "expected a file"
        Journal.OpenToRead name |> fails "expected a journal"

// --- Reading

let private files (path: string) =
    Directory.GetFiles(string (Path.GetDirectoryName path))
    |> Array.map Path.GetFileName
    |> Array.sort

let private leavesNothing path =
    do
        use journal = SmallController.openJournal path
        commits journal [ entry 0 ]
        // A copy as a killed process leaves it: what was committed is not in the file itself yet.
        File.Copy($"{path}-wal", $"{path}.killed-wal")
        use copied = Process.Start("cp", [ path; $"{path}.killed" ])
        copied.WaitForExit()

    for name in [ path; $"{path}.killed" ] do
        let before = files path
        Expect.equal (reading name kept) [ 0 ] "all of it"
        Expect.equal (files path) before "nothing new beside it"

let private whileItIsWritten path =
    use journal = SmallController.openJournal path

    for cycle in 0..9 do
        commits journal [ entry cycle ]
        Expect.equal (reading path kept) [ 0..cycle ] "what has been committed"

// --- Formats

let private earlier =
    Path.Combine(Repository.folder, "tests", "OnlinePolicyAdaptation.Tests", "Cases", "journal-format-1", "journal.db")

let private ofFormat1 path =
    File.Copy(earlier, path)
    let before = File.ReadAllBytes path

    reading path (fun journal ->
        Expect.equal (kept journal) [ 0..3 ] "its cycles"
        Expect.equal journal.Delivered 3 "its number"
        Expect.equal (journal.Undelivered()) [] "all delivered"

        Expect.equal
            (journal.Outcomes(), journal.Tallies(), journal.Undone())
            ([], [], [])
            "nothing of what came later")

    Expect.equal (File.ReadAllBytes path) before "reading changes nothing"

    let fingerprint =
        string (sql path "SELECT value FROM meta WHERE key = 'fingerprint'")

    let identity =
        { SmallController.identity with
            Fingerprint = fingerprint
        }

    match Journal.Open(path, identity) with
    | Error message -> failtest message
    | Ok journal ->
        use journal = journal
        commits journal [ entry 4 ]

        journal.Record
            [
                {
                    Cycle = 4
                    Fate = Fate.Stale
                    Time = Intervals.beginning
                    Reason = ""
                }
            ]

    reading path (fun journal ->
        Expect.equal (kept journal) [ 0..4 ] "gone on with"
        Expect.equal (journal.Outcomes()) [ "stale", 1 ] "with what is new")

    Expect.equal (sql path "PRAGMA user_version") (box 3L) "of this format"

let private ofANewerFormat path =
    (SmallController.openJournal path :> IDisposable).Dispose()
    sql path "PRAGMA user_version = 4; CREATE TABLE thought (id INTEGER)" |> ignore
    Journal.Open(path, SmallController.identity) |> fails "format 4"
    Journal.OpenToRead path |> fails "format 4"

    JournalUndo.after (path, Intervals.beginning, Intervals.beginning)
    |> fails "format 4"

// --- Taking back

let private at cycle = (entry cycle).Time

let private model cycle : JournalModel =
    {
        FittedAt = cycle - 1
        InstalledAt = cycle
        Samples = 1
        RefitSeconds = 0.0
        Error = ValueNone
    }

let private takesBack path =
    do
        use journal = SmallController.openJournal path

        for cycle in 0..9 do
            commitsCheckpoint journal [ entry cycle ] [ model cycle ] cycle 1000

        journal.NoteDelivered 8

        journal.Record
            [
                for cycle in [ 4; 5; 6 ] ->
                    {
                        Cycle = cycle
                        Fate = Fate.Delivered
                        Time = at cycle
                        Reason = ""
                    }
            ]

        JournalUndo.after (path, at 5, at 100) |> fails "another controller"

    let undone first count =
        Ok(
            Some
                {
                    At = at 100
                    Intervals = count
                    First = first
                }
        )

    Expect.equal (JournalUndo.after (path, at 5, at 100)) (undone 6 4) "what came after it"
    Expect.equal (JournalUndo.after (path, at 5, at 101)) (Ok None) "there is nothing more"

    reading path (fun journal ->
        Expect.equal (kept journal) [ 0..5 ] "up to it"
        Expect.equal (journal.Models 0 |> Seq.map _.InstalledAt |> List.ofSeq) [ 0..5 ] "models"
        Expect.equal (journal.Checkpoint 100) (Some(struct (6, [| 6uy |]))) "the state before the first"
        Expect.equal journal.Delivered 5 "what comes next is not delivered yet"
        Expect.equal (journal.Outcomes()) [ "delivered", 2 ] "outcomes"
        Expect.equal (journal.Undone() |> List.map _.Intervals) [ 4 ] "says so")

    Expect.equal (sql path "SELECT group_concat(cycle) FROM undone") (box "6,7,8,9") "kept as evidence"

    use journal = SmallController.openJournal path
    commits journal [ { entry 6 with Interval = "other" } ]

let private notFurtherThanItCanGoOn path =
    do
        use journal = SmallController.openJournal path
        commits journal [ for cycle in 0..9 -> entry cycle ]
        commitsCheckpoint journal [] [] 5 1000
        commitsCheckpoint journal [] [] 10 4
        Expect.equal (kept journal) [ 5..9 ] "retention"

    let before = File.ReadAllBytes path

    for cycle in [ 3; 4 ] do
        JournalUndo.after (path, at cycle, at 100) |> fails "from cycle 5 on"

    Expect.equal (JournalUndo.after (path, at 5, at 100) |> Result.map Option.isSome) (Ok true) "to the checkpoint"
    Expect.notEqual (File.ReadAllBytes path) before "it is gone"

/// Rows up to the retention stay, the one before goes; with a checkpoint at each end.
let private boundary path =
    use journal = SmallController.openJournal path
    commits journal [ for cycle in 0..19 -> entry cycle ]

    for cycle in [ 5; 6; 7 ] do
        commitsCheckpoint journal [] [ model cycle ] cycle 1000

    commitsCheckpoint journal [] [] 20 14
    Expect.equal (kept journal) [ 6..19 ] "the last 14 cycles, and no more"
    Expect.equal (journal.Models 0 |> Seq.map _.InstalledAt |> List.ofSeq) [ 6; 7 ] "models of these"
    Expect.equal (journal.Checkpoint 6 |> Option.map (fun (struct (cycle, _)) -> cycle)) (Some 6) "from a checkpoint on"
    Expect.equal (journal.Checkpoint 5) None "none before"

[<Tests>]
let tests =
    let case name test = testCase name (fun () -> withPath test)

    testList
        "Service.JournalTrouble"
        [
            testCase "a full disk is an error, and with room again the same commit succeeds" (fun () ->
                withSmallDisk whereTheDiskIsFull)
            testCase "a full disk is noticed at the start" (fun () -> withSmallDisk whereTheDiskIsFullAtTheStart)
            case "a lock of another process is an error soon, and passes" whereItIsLocked
            case "a lock that is let go of soon after the start is waited for" whereItIsLockedAtTheStart
            case "a journal that stays locked is refused after a while" whereItStaysLocked
            case "a file that is damaged meanwhile is an error of the same kind" whereItIsDamaged
            case "a file that is taken away is noticed, and goes on when it is put back" (isLinux whereItIsTakenAway)
            case "the same commit again changes nothing, and another one in its place is an error" again
            case "commits, outcomes and notes may come from several threads" fromThreads
            case "what became of decisions is kept, and what nothing is known of is undelivered" outcomes
            case "what happened besides decisions is counted over all runs" counted
            case "links do not let a second writer in" (isLinux byOtherNames)
            case "it is for nobody but its owner" (isLinux private')
            case "what is no file is refused" (isLinux notAFile)
            case "reading leaves nothing behind, also where a process was killed" (isLinux leavesNothing)
            case "it is read while it is written" whileItIsWritten
            case "a journal of format 1 is read and gone on with" ofFormat1
            case "a journal of a newer format is refused by its number" ofANewerFormat
            case "what came after a time is taken back, with what depends on it" takesBack
            case "no more is taken back than can be gone on with" notFurtherThanItCanGoOn
            case "retention keeps as many cycles as it says" boundary
        ]

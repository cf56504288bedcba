/// Lines on standard input, in lockstep: whatever happens around it, the decisions are those on the good intervals alone.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Soak.LockstepSoak

open System
open System.Diagnostics
open System.IO
open System.Threading
open System.Threading.Tasks

let private interval = TimeSpan.FromSeconds 5.0
let private timeOf n = Elements.beginning + interval * float n

/// No more lines may be on their way to a journal that cannot be written: those in pipes and buffers, and a few groups.
let private mostUnderWay = 6000

let private manners =
    [|
        Manner.Good
        Manner.Good
        Manner.Slow
        Manner.Hanging
        Manner.Garbage
        Manner.Failing
        Manner.Putting
    |]

let private arguments (disk: Disk) (receiver: Receiver) folder =
    [
        "--stdin"
        "--journal"
        disk.Journal
        "--quarantine"
        Path.Combine(folder, "quarantine.ndjson")
        "--webhook"
        receiver.Url
        "--without-trace"
    ]

/// Feeds a process from a good interval on, with bad elements between, until it is told to end; how many were written.
type private Feed(controller: Controller, random: Random, first: int) =
    let mutable next = first
    let mutable bad = 0
    let mutable isPaused = false
    let mutable isFast = false
    let ending = new CancellationTokenSource()

    let feeding =
        Task.Run(fun () ->
            try
                while not ending.IsCancellationRequested do
                    if isPaused then
                        Thread.Sleep 20
                    else
                        if random.NextDouble() < 0.05 then
                            controller.Input.WriteLine(Elements.bad random next (timeOf next))
                            bad <- bad + 1

                        controller.Input.WriteLine(Elements.good next (timeOf next))
                        next <- next + 1

                        if not isFast then
                            controller.Input.Flush()
                            Thread.Sleep 5
            with :? IOException ->
                // The process was killed.
                ())

    member _.Next = next
    member _.Bad = bad
    member _.Pause flag = isPaused <- flag
    member _.Hurry flag = isFast <- flag

    member _.End() =
        ending.Cancel()
        feeding.Wait 20_000 |> ignore

/// The journal's decisions of a process that is fed with good intervals alone.
let private undisturbed folder count =
    let alone = Path.Combine(folder, "alone.db")

    use controller =
        new Controller(
            folder,
            Path.Combine(folder, "alone.log"),
            [ "--stdin"; "--journal"; alone; "--without-trace"; "--quiet" ]
        )

    for n in 0 .. count - 1 do
        controller.Input.WriteLine(Elements.good n (timeOf n))

    match controller.Finish() with
    | Ok() ->
        use connection =
            new Microsoft.Data.Sqlite.SqliteConnection $"Data Source={alone};Pooling=false"

        connection.Open()
        use command = connection.CreateCommand()
        command.CommandText <- "SELECT content FROM decision ORDER BY cycle"
        use reader = command.ExecuteReader()

        [
            while reader.Read() do
                reader.GetString 0
        ]
    | Error _ -> []

/// A process, what has become of it, and what happens to it.
type private World(folder, disk: Disk, receiver: Receiver, random: Random, findings: Findings) =
    let log = Path.Combine(folder, "lockstep.log")

    let start () =
        new Controller(folder, log, arguments disk receiver folder)

    let mutable kills = 0
    let mutable outages = 0
    let mutable bad = 0
    let mutable underWay = 0
    let lines = ResizeArray<string>()
    let mutable controller = start ()
    let mutable feed = Feed(controller, Random(random.Next()), 0)

    let kept () =
        try
            disk.Times.Length
        with :? Microsoft.Data.Sqlite.SqliteException ->
            0

    /// Until it works, and nobody looks into its journal meanwhile.
    let waitForLines () =
        let patience = Stopwatch.StartNew()

        while controller.Count = 0
              && controller.IsUp
              && patience.Elapsed < TimeSpan.FromSeconds 60.0 do
            Thread.Sleep 50

    let goOn () =
        bad <- bad + feed.Bad
        lines.AddRange controller.Lines
        (controller :> IDisposable).Dispose()
        // Some come again.
        let next = max 0 (kept () - random.Next 5)
        controller <- start ()
        feed <- Feed(controller, Random(random.Next()), next)
        waitForLines ()

    let kill () =
        kills <- kills + 1
        findings.Require controller.IsUp "it has ended by itself"
        controller.Kill() |> ignore
        feed.End()
        goOn ()

    let outage () =
        outages <- outages + 1
        disk.Fail controller.Id
        feed.Hurry true
        Thread.Sleep(random.Next(1500, 3000))
        underWay <- max underWay (feed.Next - kept ())
        feed.Hurry false
        disk.Recover()

    /// The first time each happens, however short the run is.
    let happen n =
        match (if n < 4 then n else random.Next 8) with
        | 0
        | 3 -> outage ()
        | 1 -> kill ()
        | 2 ->
            feed.Pause true
            Thread.Sleep(random.Next(100, 1500))
            feed.Pause false
        | 4
        | 5
        | 6 -> receiver.Manner <- manners[random.Next manners.Length]
        | _ -> ()

        Thread.Sleep(random.Next(200, 1200))

    member _.Run(length: TimeSpan) =
        waitForLines ()
        let clock = Stopwatch.StartNew()
        let mutable n = 0

        while clock.Elapsed < length || n < 4 do
            happen n
            n <- n + 1

        receiver.Manner <- Manner.Good
        feed.End()
        findings.Require controller.IsUp "it has ended by itself"

        match controller.Finish() with
        | Ok() -> ()
        | Error reason -> findings.Require false reason

        bad <- bad + feed.Bad
        lines.AddRange controller.Lines
        (controller :> IDisposable).Dispose()
        let decisions = disk.Decisions
        let written = List.ofSeq lines
        let alone = undisturbed folder feed.Next
        findings.Count "good intervals" feed.Next
        findings.Count "bad elements" bad
        findings.Count $"outages ({disk.Kind})" outages
        findings.Count "kills" kills
        findings.Count "actions received" receiver.Received.Length
        findings.Count "lines under way in an outage, at most" underWay
        findings.Require (Ndjson.impure written).IsEmpty "a line of standard output is no JSON"
        findings.Require (decisions.Length = feed.Next) $"{decisions.Length} decisions; expected {feed.Next}"
        findings.Require (decisions = alone) "the decisions are not those on the good intervals alone"
        findings.Require (set written = set decisions) "what was written is not what was kept"

        findings.Require
            (underWay <= mostUnderWay)
            $"{underWay} lines were taken in while the journal could not be written"

let run folder (length: TimeSpan) (random: Random) =
    let findings = Findings "lockstep, lines on standard input"
    Elements.writeScenario folder 0.25 60.0
    use disk = Disk.Create(Path.Combine(folder, "disk"))
    use receiver = new Receiver()
    World(folder, disk, receiver, random, findings).Run length
    findings

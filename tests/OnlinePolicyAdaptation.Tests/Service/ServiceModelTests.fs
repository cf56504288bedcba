/// The running service against a model of it: whatever befalls its source, its receiver, its journal and itself, the model
/// says what is journaled, what becomes of each decision, and what each reply is.
module OnlinePolicyAdaptation.Tests.Service.ServiceModel

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck
open FsCheck.FSharp
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.Tests
open OnlinePolicyAdaptation.Tests.RunningService

/// Each can happen at any time, so that any part of a list of commands is one, too.
type Command =
    | Interval
    | Bad of kind: int
    /// One that was taken in before: so many before the last.
    | Duplicate of back: int
    | Backwards
    | Jump
    /// Goes on from where it jumped to.
    | Follow
    | SinkFails
    | SinkHangs
    | SinkRecovers
    | JournalIsLocked
    | JournalIsTaken
    | JournalRecovers
    /// Time passes, and nothing is measured.
    | Pause
    /// Nobody looks at the clock in lockstep.
    | ClockGoesBack
    /// Then it is started again, as after the others.
    | Kill
    | Stop
    | AwaitNewerModel

// --- The model

let private maximumGap = TimeSpan.FromSeconds 60.0
let private maximumAge = TimeSpan.FromSeconds 30.0
let private interval = TimeSpan.FromSeconds 5.0

/// What the controller has taken in, and what it must say to the next element.
type private Model =
    {
        /// Ends of intervals, the newest first.
        Taken: DateTimeOffset list
        /// Those that go on from each other, far from what was taken in, the newest first.
        Doubted: DateTimeOffset list
        /// When the last one was taken in, by this process.
        Clock: DateTimeOffset option
    }

[<RequireQualifiedAccess>]
module private Model =

    let start =
        {
            Taken = []
            Doubted = []
            Clock = None
        }

    let private minute = TimeSpan.FromMinutes 1.0

    /// The run of doubted ones that this one is the last of.
    let private run (time: DateTimeOffset) model =
        match model.Doubted with
        | [] -> [ time ]
        | newest :: earlier ->
            let isEven =
                match earlier with
                | [] -> true
                | before :: _ ->
                    let paces = [ time - newest; newest - before ]
                    List.max paces <= 2.0 * List.min paces

            if time > newest && time - newest <= maximumGap && isEven then
                time :: model.Doubted
            else
                [ time ]

    let private judge (now: DateTimeOffset option) (time: DateTimeOffset) model =
        match model.Taken, now with
        | _, Some now when time - now > minute -> Reply.Quarantined, false
        | [], _ -> Reply.Accepted, false
        | last :: _, _ ->
            let isNear = (time - last).Duration() <= maximumGap

            let wasPutBack (now: DateTimeOffset) =
                last - now > minute || model.Clock |> Option.exists (fun clock -> now < clock)

            let agrees =
                now
                |> Option.exists (fun now -> now - time <= minute && (time > last || wasPutBack now))

            if List.contains time model.Taken then
                Reply.Known, false
            elif agrees || (time > last && isNear) then
                Reply.Accepted, false
            elif time <= last && (isNear || model.Taken.Length >= 4) then
                Reply.Quarantined, false
            elif (run time model).Length > min 3 model.Taken.Length then
                Reply.Accepted, false
            else
                Reply.Quarantined, true

    /// What is replied to an interval, and what is remembered then.
    let next now time model =
        match judge now time model with
        | Reply.Accepted, _ ->
            Reply.Accepted,
            {
                Taken = time :: model.Taken
                Doubted = []
                Clock = now
            }
        | reply, isDoubted ->
            reply,
            { model with
                Doubted = if isDoubted then run time model else model.Doubted
            }

    /// After an end in the middle: of what was taken in so many are on the disk, and a doubt is forgotten.
    let afterEnd kept model =
        {
            Taken = model.Taken |> List.skip (model.Taken.Length - kept)
            Doubted = []
            Clock = None
        }

    /// The intervals that make a fresh controller take in the same: before one that has jumped others must have.
    let undisturbed model =
        let taken = List.rev model.Taken

        [
            for n, (before, time) in
                List.indexed (List.zip (None :: List.map Some taken |> List.truncate taken.Length) taken) do
                if before |> Option.exists (fun before -> (time - before).Duration() > maximumGap) then
                    for back in min 3 n .. -1 .. 1 do
                        time - float back * interval

                time
        ]

// --- The world

/// A clock that is set, and waits that are short.
type private SetClock(start: DateTimeOffset) =
    inherit TimeProvider()

    let mutable now = start

    let shorter (time: TimeSpan) =
        if time > TimeSpan.Zero then time / 20.0 else time

    member _.Now
        with get () = now
        and set time = now <- time

    override _.GetUtcNow() = now

    override _.CreateTimer(callback, state, due, period) =
        TimeProvider.System.CreateTimer(callback, state, shorter due, shorter period)

[<RequireQualifiedAccess>]
type private Sink =
    | Takes
    | Fails
    | Hangs

[<RequireQualifiedAccess>]
type private Disk =
    | Works
    | Locked of SqliteConnection
    /// The file is elsewhere; nothing has come to what it held.
    | Taken of held: Set<int64>

/// One process of the controller.
type private Life() =
    member val IsOver = false with get, set
    /// Lines that were offered.
    member val Offered = 0 with get, set
    /// Replies that are awaited.
    member val Waiting = 0 with get, set
    /// Cycles that were brought to the receiver, and what it answered; the last first.
    member val Answers: (int * Answer) list = [] with get, set
    member val Fates: Map<int, string> = Map.empty with get, set
    /// Cycles that must not be superseded: each was decided on while nothing else was under way.
    member val Alone: Set<int> = Set.empty with get, set

let private connection path mode =
    let connection =
        new SqliteConnection($"Data Source={path};Pooling=false;Mode={mode}")

    connection.Open()
    connection

let private query path text (read: SqliteDataReader -> 'a) =
    use connection = connection path "ReadWrite"
    use command = connection.CreateCommand()
    command.CommandText <- text
    use reader = command.ExecuteReader()

    [
        while reader.Read() do
            read reader
    ]

let private field (name: string) (decision: string) (read: JsonElement -> 'a) =
    use document = JsonDocument.Parse decision
    read (document.RootElement.GetProperty name)

let private timeOf decision =
    field "time" decision _.GetDateTimeOffset()

let private cycleOf decision = field "cycle" decision _.GetInt32()

let private lineAt (time: DateTimeOffset) =
    let n = int (time - Intervals.beginning.AddDays -1.0).TotalSeconds

    let configuration =
        TwoNodes.grid.ConfigurationAt(n / 5 * 7 % TwoNodes.grid.ConfigurationCount)

    let noise = 0.002 * float (n * 5 % 7)

    Intervals.at 0 configuration (TwoNodes.responseTime 0.08 configuration + noise)
    |> Intervals.ending time
    |> Intervals.line

let private badLines =
    [|
        "no JSON"
        "{}"
        "{\"time\":"
        "[1]"
        "{\"time\":\"2026-01-31T12:00:00Z\",\"controls\":{\"x\":1}}"
    |]

/// The service in a world in which things happen, checked against the model as they do.
type private World(folder: string, isRealTime: bool) =
    let gate = obj ()

    /// In lockstep the times of intervals have nothing to do with ours.
    let clock =
        SetClock(
            if isRealTime then
                Intervals.beginning
            else
                Intervals.beginning.AddYears 1
        )

    let faults = ResizeArray<string>()
    let lines = Dictionary<int, string>()
    let mutable model = Model.start
    let mutable generation = 0
    let mutable sink = Sink.Takes
    let mutable disk = Disk.Works
    let mutable life = Life()

    let mutable recovered =
        TaskCompletionSource TaskCreationOptions.RunContinuationsAsynchronously

    let mutable journalFails = false
    let mutable hasEndedInTheMiddle = false

    let journal () =
        Path.Combine(folder, $"journal-{generation}.db")

    let away () =
        Path.Combine(folder, $"away-{generation}")

    let fault text = lock gate (fun () -> faults.Add text)

    let keptTimes () =
        query (journal ()) "SELECT time FROM interval ORDER BY cycle" _.GetInt64(0)

    let isKept (time: DateTimeOffset) =
        match disk with
        | Disk.Taken held -> held.Contains time.UtcTicks
        | _ -> keptTimes () |> List.contains time.UtcTicks

    let isWhole () =
        disk = Disk.Works && (isRealTime || sink <> Sink.Hangs)

    let until what (condition: unit -> bool) =
        let patience = Stopwatch.StartNew()

        while not (condition ()) && patience.Elapsed < TimeSpan.FromSeconds 15.0 do
            Thread.Sleep 2

        if not (condition ()) then
            fault $"in vain: {what}"

    let receive (mine: Life) decision (isWanted: unit -> bool) (cancellation: CancellationToken) =
        task {
            let cycle = cycleOf decision

            let wanted =
                lock gate (fun () ->
                    if mine.IsOver then
                        None
                    elif isWanted () then
                        if not (isKept (timeOf decision)) then
                            fault $"cycle {cycle} went out before it was kept"

                        if isRealTime && clock.Now - timeOf decision > maximumAge then
                            fault $"cycle {cycle} went out too late"

                        Some true
                    else
                        Some false)

            match wanted with
            | None ->
                do! Task.Delay(Timeout.Infinite, cancellation)
                return Answer.Failed
            | Some false -> return Answer.Unwanted
            | Some true ->
                if sink = Sink.Hangs then
                    do! recovered.Task.WaitAsync cancellation

                return
                    lock gate (fun () ->
                        let answer = if sink = Sink.Fails then Answer.Failed else Answer.Took

                        match mine.Answers with
                        | (last, _) :: _ when last >= cycle -> fault $"cycle {cycle} was sent after {last}"
                        | _ -> ()

                        mine.Answers <- (cycle, answer) :: mine.Answers
                        answer)
        }

    let written (mine: Life) line =
        lock gate (fun () ->
            if not mine.IsOver then
                if not (isKept (timeOf line)) then
                    fault $"{line} was written before it was kept"

                match lines.TryGetValue(cycleOf line) with
                | true, earlier when earlier <> line -> fault $"{line} was written after {earlier}"
                | _ -> lines[cycleOf line] <- line)

    let start () =
        let mine = Life()
        life <- mine

        RunningService.start
            {
                Journal = journal ()
                IsRealTime = isRealTime
                MaximumGap = maximumGap
                MaximumAge = maximumAge
                Time = clock
                Written = written mine
                Receive = receive mine
                Fate =
                    fun cycle fate ->
                        lock gate (fun () ->
                            if not mine.IsOver then
                                mine.Fates <- mine.Fates.Add(cycle, fate))
                JournalState = fun works -> journalFails <- not works
            }

    let mutable running = start ()

    let hasSettled () =
        lock gate (fun () ->
            life.Waiting = 0
            && (sink = Sink.Hangs
                || model.Taken.Length = 0
                || life.Fates.ContainsKey(model.Taken.Length - 1)
                || life.Alone.IsEmpty))

    /// Where nothing is in the way, all that is under way comes through.
    let settle () =
        if isWhole () then
            until "replies and deliveries" hasSettled

    let replied (mine: Life) expected time reply =
        lock gate (fun () ->
            if not mine.IsOver then
                mine.Waiting <- mine.Waiting - 1

                if reply <> expected then
                    fault $"the reply to %A{time} was {reply}; expected {expected}"

                match reply, time with
                | Reply.Accepted, Some time when not (isKept time) ->
                    fault $"the reply to {time:O} came before it was kept"
                | _ -> ())

    let offer line time expected =
        let mine = life

        lock gate (fun () ->
            mine.Offered <- mine.Offered + 1
            mine.Waiting <- mine.Waiting + 1)

        running.Offer line (replied mine expected time)

    let offerAt time =
        let isAlone = isWhole () && sink <> Sink.Hangs && life.Waiting = 0
        let now = if isRealTime then Some clock.Now else None
        let reply, next = Model.next now time model
        model <- next

        if reply = Reply.Accepted && isAlone then
            life.Alone <- life.Alone.Add(model.Taken.Length - 1)

        offer (lineAt time) (Some time) reply

    /// What was offered before is judged by the clock of before.
    let moveClock time =
        if isRealTime then
            until "what was offered is taken in" (fun () -> running.TakenIn() >= life.Offered)

        clock.Now <- clock.Now + time

    let newest () =
        match model.Taken with
        | last :: _ -> last
        | [] -> Intervals.beginning

    let offerNext () =
        if isRealTime then
            moveClock interval
            offerAt clock.Now
        else
            offerAt (newest () + interval)

    let recover () =
        match disk with
        | Disk.Works -> ()
        | Disk.Locked other ->
            // Where something waits for the file, it is seen to fail before it works again.
            if not life.IsOver && life.Waiting > 0 && (isRealTime || sink <> Sink.Hangs) then
                until "word of the journal" (fun () -> journalFails || life.Waiting = 0)

            disk <- Disk.Works
            other.Dispose()
        | Disk.Taken _ ->
            lock gate (fun () ->
                File.Move(away (), journal ())
                disk <- Disk.Works)

    let lockedOut () =
        let other = connection (journal ()) "ReadWrite"
        use command = other.CreateCommand()
        command.CommandText <- "BEGIN IMMEDIATE"
        command.ExecuteNonQuery() |> ignore
        other

    let fail command =
        match disk, command with
        | Disk.Works, JournalIsLocked ->
            journalFails <- false
            disk <- Disk.Locked(lockedOut ())
        | Disk.Works, _ ->
            use other = lockedOut ()

            lock gate (fun () ->
                let held = set (keptTimes ())
                File.Move(journal (), away ())
                disk <- Disk.Taken held)
        | _ -> ()

    let setSink next =
        lock gate (fun () ->
            sink <- next

            if next <> Sink.Hangs then
                recovered.SetResult()
                recovered <- TaskCompletionSource TaskCreationOptions.RunContinuationsAsynchronously)

    /// What a process that has ended has left behind is what the model says, as far as it came.
    let endLife isWhole =
        let kept = keptTimes ()
        let expected = model.Taken |> List.rev |> List.map _.UtcTicks

        if
            List.truncate kept.Length expected <> kept
            || (isWhole && kept.Length < expected.Length)
        then
            fault $"{kept.Length} intervals were kept; expected {expected.Length}"

        for cycle, fate in Map.toSeq life.Fates do
            let answer =
                life.Answers |> List.tryFind (fun (other, _) -> other = cycle) |> Option.map snd

            match fate, answer with
            | "delivered", (None | Some Answer.Took)
            | "gaveUp", _ -> ()
            | "superseded", None when
                (isRealTime || hasEndedInTheMiddle)
                && not (life.Alone.Contains cycle)
                && cycle < expected.Length - 1
                ->
                ()
            | "stale", None when isRealTime && not (life.Alone.Contains cycle) -> ()
            | _ -> fault $"cycle {cycle}: {fate}, and the receiver's answer is %A{answer}"

        model <- Model.afterEnd (min kept.Length expected.Length) model

    let kill () =
        lock gate (fun () -> life.IsOver <- true)

        let image () =
            for ending in [ ""; "-wal" ] do
                let source =
                    match disk, ending with
                    | Disk.Taken _, "" -> away ()
                    | _ -> journal () + ending

                if File.Exists source then
                    File.Copy(source, Path.Combine(folder, $"journal-{generation + 1}.db{ending}"))

        match disk with
        | Disk.Works ->
            use other = lockedOut ()
            image ()
        | Disk.Locked other ->
            image ()
            other.Dispose()
        | Disk.Taken _ -> image ()

        // The file under its old name is none of the new process's business.
        running.Kill()
        disk <- Disk.Works
        generation <- generation + 1
        hasEndedInTheMiddle <- true
        endLife false
        running <- start ()

    let stop () =
        let isWhole = isWhole () && sink <> Sink.Hangs
        settle ()

        let patience =
            if isWhole then
                TimeSpan.FromSeconds 10.0
            else
                TimeSpan.FromSeconds 0.05

        if not (running.Stop patience) then
            fault "it did not end"

        lock gate (fun () -> life.IsOver <- true)
        recover ()
        hasEndedInTheMiddle <- hasEndedInTheMiddle || not isWhole
        endLife isWhole

    let awaitNewerModel () =
        if isWhole () && sink <> Sink.Hangs then
            let version () =
                match model.Taken.Length - 1 with
                | -1 -> -1
                | cycle ->
                    lock gate (fun () ->
                        match lines.TryGetValue cycle with
                        | true, line ->
                            use document = JsonDocument.Parse line

                            match document.RootElement.TryGetProperty "model" with
                            | true, model -> model.GetProperty("version").GetInt32()
                            | _ -> -1
                        | _ -> -1)

            let before = version ()
            let mutable tries = 0

            while version () <= before && tries < 60 do
                tries <- tries + 1
                offerNext ()
                settle ()

                until "its line" (fun () -> lock gate (fun () -> lines.ContainsKey(model.Taken.Length - 1)))

            if version () <= before then
                fault $"no model newer than {before}"

    member _.Do command =
        match command with
        | Interval -> offerNext ()
        | Bad kind -> offer badLines[kind % badLines.Length] None Reply.Quarantined
        | Duplicate back when not model.Taken.IsEmpty -> offerAt model.Taken[back % model.Taken.Length]
        | Duplicate _ -> ()
        | Backwards -> offerAt (newest () - TimeSpan.FromSeconds 2.0)
        | Jump -> offerAt (newest () + TimeSpan.FromHours 1.0)
        | Follow ->
            for _ in 1..3 do
                match model.Doubted with
                | doubted :: _ -> offerAt (doubted + interval)
                | [] -> offerNext ()
        | SinkFails -> setSink Sink.Fails
        | SinkHangs -> lock gate (fun () -> sink <- Sink.Hangs)
        | SinkRecovers -> setSink Sink.Takes
        | JournalIsLocked
        | JournalIsTaken -> fail command
        | JournalRecovers -> recover ()
        | Pause -> moveClock (maximumAge + interval)
        // No multiple of the interval, so that what follows is not known by its time.
        | ClockGoesBack -> moveClock (TimeSpan.FromSeconds -87.0)
        | Kill -> kill ()
        | Stop ->
            stop ()
            running <- start ()
        | AwaitNewerModel -> awaitNewerModel ()

        settle ()

    /// Everything recovers and comes through; then what is there is compared with a run in which nothing happened.
    member _.End() =
        setSink Sink.Takes
        recover ()
        settle ()
        stop ()

        let decisions =
            query (journal ()) "SELECT content FROM decision ORDER BY cycle" _.GetString(0)

        let fates =
            query (journal ()) "SELECT cycle FROM outcome ORDER BY cycle" _.GetInt32(0)

        let cycles = [ 0 .. model.Taken.Length - 1 ]

        if fates <> cycles then
            fault $"the fates of cycles {fates} are kept; expected {cycles.Length}"

        if List.map cycleOf decisions <> cycles then
            fault $"decisions {List.map cycleOf decisions}; expected {cycles.Length}"

        if
            [
                for line in lines do
                    line.Key, line.Value
            ]
            |> List.sort
            <> List.indexed decisions
        then
            fault "the lines written are not the decisions kept"

        if not isRealTime then
            let alone = World.Undisturbed(folder, Model.undisturbed model)

            if decisions <> alone then
                fault "the decisions are not those on the good intervals alone"

    member _.Faults = List.ofSeq faults

    member _.Abandon() =
        if not life.IsOver then
            running.Kill()

    /// The decisions of a controller to which nothing happens.
    static member private Undisturbed(folder, times) =
        let path = Path.Combine(folder, "alone.db")
        use waiting = new CountdownEvent(max 1 (List.length times))

        let running =
            RunningService.start
                {
                    Journal = path
                    IsRealTime = false
                    MaximumGap = maximumGap
                    MaximumAge = maximumAge
                    Time = SetClock(Intervals.beginning.AddYears 1)
                    Written = ignore
                    Receive = fun _ _ _ -> Task.FromResult Answer.Took
                    Fate = fun _ _ -> ()
                    JournalState = ignore
                }

        for time in times do
            running.Offer (lineAt time) (fun _ -> waiting.Signal() |> ignore)

        if not times.IsEmpty then
            waiting.Wait(TimeSpan.FromSeconds 15.0) |> ignore

        running.Stop(TimeSpan.FromSeconds 10.0) |> ignore
        query path "SELECT content FROM decision ORDER BY cycle" _.GetString(0)

// --- The property

let private command =
    Gen.frequency
        [
            10, Gen.constant Interval
            2, Gen.choose (0, 4) |> Gen.map Bad
            2, Gen.choose (0, 9) |> Gen.map Duplicate
            1, Gen.constant Backwards
            1, Gen.constant Jump
            1, Gen.constant Follow
            1, Gen.constant SinkFails
            1, Gen.constant SinkHangs
            2, Gen.constant SinkRecovers
            1, Gen.constant JournalIsLocked
            1, Gen.constant JournalIsTaken
            3, Gen.constant JournalRecovers
            1, Gen.constant Pause
            1, Gen.constant ClockGoesBack
            1, Gen.constant Kill
            1, Gen.constant Stop
            1, Gen.constant AwaitNewerModel
        ]

/// Without a part of them: first large parts, then single ones.
let private shorter (commands: Command list) =
    let without first count =
        List.truncate first commands @ List.skip (first + count) commands

    seq {
        let mutable count = commands.Length / 2

        while count > 0 do
            for first in 0..count .. commands.Length - count do
                without first count

            count <- count / 2
    }

let private commands =
    Arb.fromGenShrink (Gen.choose (1, 30) |> Gen.bind (fun length -> Gen.listOfLength length command), shorter)

let private holds isRealTime (commands: Command list) =
    Scratch.withFolder (fun folder ->
        let world = World(folder, isRealTime)

        try
            for command in commands do
                if world.Faults.IsEmpty then
                    world.Do command

            if world.Faults.IsEmpty then
                world.End()
        finally
            world.Abandon()

        if not world.Faults.IsEmpty then
            let faults = String.concat "\n" world.Faults
            failtest $"the service did not do as its model says:\n{faults}")

/// Lists of commands. The same few each time, so that whether a change is good does not depend on chance; as many others as the
/// variable OPAR_TEST_COMMANDS says, each time new ones.
let private property name isRealTime =
    let lists count =
        { FsCheckConfig.defaultConfig with
            maxTest = count
        }

    let law = Prop.forAll commands (holds isRealTime)

    match Int32.TryParse(Environment.GetEnvironmentVariable "OPAR_TEST_COMMANDS") with
    | true, count -> testPropertyWithConfig (lists count) name law
    | _ -> testPropertyWithConfigStdGen (20261127UL, 0x9E3779B97F4A7C15UL, None) (lists 12) name law

[<Tests>]
let tests =
    testSequenced
    <| testList
        "Service.ServiceModel"
        [
            property "in lockstep the service does as its model, whatever happens" false
            property "in real time the service does as its model, whatever happens" true
            testCase "after a restart a receiver that hangs holds no interval back" (fun () ->
                holds true [ SinkHangs; Interval; Stop; Interval; Interval ])
            testCase "what waits for the journal was judged by the clock when it was taken in" (fun () ->
                holds true [ Interval; ClockGoesBack; JournalIsTaken; Duplicate 9; Pause ])
        ]

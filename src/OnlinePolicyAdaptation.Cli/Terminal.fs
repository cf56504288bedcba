/// What the command writes to the terminal.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.Terminal

open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open System.Threading
open System.Threading.Tasks
open Spectre.Console

let private isPiped = Console.IsErrorRedirected

/// A line on standard error, where that can be written.
let tell (message: string) =
    try
        Console.Error.WriteLine $"opar: {message}"
    with :? IOException ->
        ()

/// Runs work of `total` equal steps and shows how far it is, on standard error: a bar, or a line per tenth when piped.
/// The work calls the function it is given once per step, from any thread.
let withProgress (title: string) total (work: (unit -> unit) -> Task<'a>) : Task<'a> =
    let mutable finished = 0

    if isPiped then
        let step () =
            let now = Interlocked.Increment &finished

            if now * 10 / total > (now - 1) * 10 / total then
                // A whole line in one call: threads that finish together do not mix theirs.
                Console.Error.WriteLine $"{title}: {now * 100 / total} %% of {total}"

        work step
    else
        let console =
            AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Error))

        console
            .Progress()
            .Columns(TaskDescriptionColumn(), ProgressBarColumn(), PercentageColumn(), RemainingTimeColumn())
            .StartAsync(fun context ->
                let bar = context.AddTask(title, maxValue = float total)
                work (fun () -> bar.Increment 1.0))

/// Runs work of `total` steps that are not equal in time and shows how far it is, on standard error: a bar, or a line per
/// tenth when piped. The work calls the function it is given with the steps done so far and a word on how it goes.
let withMeter (title: string) (total: int64) (work: (int64 -> string -> unit) -> 'a) : 'a =
    if isPiped then
        let mutable tenths = 0L

        work (fun finished note ->
            let now = min 10L (finished * 10L / total)

            if now > tenths then
                tenths <- now
                Console.Error.WriteLine $"{title}: {now * 10L} %% of {total}, {note}")
    else
        let console =
            AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Error))

        console
            .Progress()
            .Columns(TaskDescriptionColumn(), ProgressBarColumn(Width = 15), PercentageColumn())
            .Start(fun context ->
                let bar = context.AddTask(Markup.Escape title, maxValue = float total)

                work (fun finished note ->
                    bar.Value <- min (float total) (float finished)
                    bar.Description <- Markup.Escape note))

/// How long work may go on once it is told to end.
type Grace =
    {
        Time: TimeSpan
        /// Said on standard error when the signal comes; may be empty.
        Said: string
    }

/// Work whose results are on the disk already, or of which nothing is kept.
let atOnce =
    {
        Time = TimeSpan.FromSeconds 1.5
        Said = ""
    }

/// Work that ends at its next step, and of which something is kept.
let atNextStep =
    {
        Time = TimeSpan.FromSeconds 60.0
        Said = "ends after the step that is under way; a second signal ends it at once"
    }

/// Signals this close to the first are the same one, which has come twice: `timeout`, for one, sends it to the process and to its group.
let private together = TimeSpan.FromSeconds 0.5

/// SIGXFSZ, which .NET has no name for.
let private fileTooLarge: PosixSignal = enum 25

/// A file that may not grow any further (`ulimit -f`) is an error for whoever writes it, and not the end of the process.
let private writeErrorsOnly () : IDisposable =
    if OperatingSystem.IsWindows() then
        { new IDisposable with
            member _.Dispose() = ()
        }
    else
        PosixSignalRegistration.Create(fileTooLarge, fun context -> context.Cancel <- true)

/// Runs work that ends early when Ctrl-C is pressed or the process is told to end (SIGTERM, SIGHUP, SIGQUIT). Work that
/// goes on past the grace, or until a second signal, is ended with the whole process.
let untilInterrupted (grace: Grace) (work: CancellationToken -> 'a) : 'a =
    use stop = new CancellationTokenSource()

    let signals = ref 0
    let isOver = ref 0

    let finish code why =
        if Interlocked.Exchange(isOver, 1) = 0 then
            tell $"ended before the work was over: {why}"
            exit code

    let first = ref 0L

    let onSignal code (context: PosixSignalContext) =
        context.Cancel <- true

        if Interlocked.Increment signals = 1 then
            Volatile.Write(&first.contents, Stopwatch.GetTimestamp())

            // Its own thread: those of the pool may all be at work.
            let watch () =
                Thread.Sleep grace.Time
                finish code $"it went on for {grace.Time.TotalSeconds} s after the signal"

            Thread(watch, IsBackground = true).Start()

            if grace.Said <> "" then
                tell grace.Said

            try
                stop.Cancel()
            with :? ObjectDisposedException -> // the work has just ended
                ()
        elif Stopwatch.GetElapsedTime(Volatile.Read(&first.contents)) > together then
            finish code "a second signal"

    use _ = PosixSignalRegistration.Create(PosixSignal.SIGTERM, onSignal 143)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGINT, onSignal 130)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGHUP, onSignal 129)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, onSignal 131)
    use _ = writeErrorsOnly ()

    try
        work stop.Token
    finally
        Interlocked.Exchange(isOver, 1) |> ignore

/// A table on standard output.
let table (header: string list) (rows: string list list) =
    let table = Table().Border TableBorder.Simple

    for name in header do
        table.AddColumn(TableColumn(Markup.Escape name)) |> ignore

    for row in rows do
        table.AddRow(row |> List.map Markup.Escape |> List.toArray) |> ignore

    if Console.IsOutputRedirected then
        AnsiConsole.Profile.Width <- 160

    AnsiConsole.Write table

/// What the command writes to the terminal.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.Terminal

open System
open System.Runtime.InteropServices
open System.Threading
open System.Threading.Tasks
open Spectre.Console

let private isPiped = Console.IsErrorRedirected

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

/// After a signal, work has this long to end.
let private grace = TimeSpan.FromSeconds 1.5

/// Runs work that ends early when Ctrl-C is pressed or the process is told to end (SIGTERM, SIGHUP, SIGQUIT). Work that
/// goes on past the grace, or until a second signal, is ended with the whole process.
let untilInterrupted (work: CancellationToken -> 'a) : 'a =
    use stop = new CancellationTokenSource()

    let signals = ref 0
    let isOver = ref 0

    let finish code why =
        if Interlocked.Exchange(isOver, 1) = 0 then
            Console.Error.WriteLine $"ended before the work was over: {why}"
            exit code

    let onSignal code (context: PosixSignalContext) =
        context.Cancel <- true

        if Interlocked.Increment signals = 1 then
            // Its own thread: those of the pool may all be at work.
            let watch () =
                Thread.Sleep grace
                finish code $"it went on for {grace.TotalSeconds} s after the signal"

            Thread(watch, IsBackground = true).Start()
            stop.Cancel()
        else
            finish code "a second signal"

    use _ = PosixSignalRegistration.Create(PosixSignal.SIGTERM, onSignal 143)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGINT, onSignal 130)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGHUP, onSignal 129)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, onSignal 131)

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

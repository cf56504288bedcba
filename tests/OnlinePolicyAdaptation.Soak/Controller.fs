namespace OnlinePolicyAdaptation.Soak

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.Text
open System.Threading.Tasks

/// The process `opar control`, and what it has written to standard output.
[<Sealed>]
type Controller(folder: string, log: string, arguments: string list) =
    static let dotnet =
        match Environment.ProcessPath with
        | NonNull path when Path.GetFileNameWithoutExtension path = "dotnet" -> path
        | _ -> "dotnet"

    let started =
        let program = Path.Combine(AppContext.BaseDirectory, "opar.dll")
        let info = ProcessStartInfo(dotnet, program :: "control" :: "." :: arguments)
        info.WorkingDirectory <- folder
        info.RedirectStandardInput <- true
        info.RedirectStandardOutput <- true
        info.RedirectStandardError <- true
        info.StandardInputEncoding <- UTF8Encoding false

        match Process.Start info with
        | null -> invalidOp "opar did not start"
        | started -> started

    let lines = ConcurrentQueue<string>()

    /// Whole lines, and what is left at the end.
    let reading =
        Task.Run(fun () ->
            let all = started.StandardOutput
            let line = StringBuilder()
            let mutable next = all.Read()

            while next >= 0 do
                if next = int '\n' then
                    lines.Enqueue(line.ToString())
                    line.Clear() |> ignore
                else
                    line.Append(char next) |> ignore

                next <- all.Read()

            line.ToString())

    let logging =
        Task.Run(fun () -> File.AppendAllText(log, started.StandardError.ReadToEnd()))

    member _.Lines = List.ofSeq lines
    member _.Count = lines.Count
    member _.Input = started.StandardInput
    member _.Id = started.Id
    member _.IsUp = not started.HasExited

    /// Ends it at once; what is left of a line.
    member _.Kill() =
        started.Kill()
        started.WaitForExit()
        logging.Wait()
        reading.Result

    /// Tells it to end; its exit code, or that it did not.
    member _.Stop() =
        use kill = Process.Start("kill", [ "-TERM"; string<int> started.Id ])
        kill.WaitForExit()
        Controller.Ended(started, reading, logging)

    /// Nothing more comes; its exit code once all has come through.
    member controller.Finish() =
        try
            started.StandardInput.Close()
        with :? IOException ->
            // It has ended already.
            ()

        Controller.Ended(started, reading, logging)

    static member private Ended(started: Process, reading: Task<string>, logging: Task) =
        if started.WaitForExit 60_000 then
            logging.Wait()

            match started.ExitCode, reading.Result with
            | 0, "" -> Ok()
            | 0, rest -> Error $"its last line was cut off: {rest}"
            | code, _ -> Error $"it ended with {code}"
        else
            started.Kill()
            Error "it did not end within a minute"

    interface IDisposable with
        member _.Dispose() =
            if not started.HasExited then
                started.Kill()

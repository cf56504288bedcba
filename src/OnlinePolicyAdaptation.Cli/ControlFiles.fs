namespace OnlinePolicyAdaptation.Cli

open System
open FsToolkit.ErrorHandling
open System.IO
open OnlinePolicyAdaptation.Service

/// The files that a controller writes, open.
type ControlFiles =
    {
        Journal: Journal voption
        /// None: there is no place for it that can be written.
        Quarantine: Quarantine voption
    }

    interface IDisposable with
        member this.Dispose() =
            this.Journal
            |> ValueOption.iter (fun journal -> (journal :> IDisposable).Dispose())

            this.Quarantine
            |> ValueOption.iter (fun file -> (file :> IDisposable).Dispose())

[<RequireQualifiedAccess>]
module ControlFiles =

    let private outputs (request: ControlRequest) =
        [
            for journal in Option.toList request.Journal do
                "--journal", journal

                for ending in [ "-wal"; "-shm" ] do
                    "--journal", $"{journal}{ending}"
            "--quarantine", request.Quarantine.Path
            "--quarantine", $"{request.Quarantine.Path}.1"
        ]

    /// What the operating system has redirected to or from a file, where it tells.
    let private redirected =
        [ "standard input", "/proc/self/fd/0"; "standard output", "/proc/self/fd/1" ]

    let private inputs (request: ControlRequest) =
        [
            for file in ControlSettings.inputs request.Settings request.Scenario do
                "the scenario", file
            match request.Origin with
            | MetricsOrigin.Trace csv -> "--trace", csv
            | _ -> ()
            for file in request.TokenFiles do
                "a token file", file
            for name, file in redirected do
                if File.Exists file then
                    name, file
        ]

    /// What is written is nothing else that is written or read.
    let private distinct (request: ControlRequest) =
        let outputs = outputs request

        let conflicts =
            [
                for option, path in outputs do
                    if not (FileIdentity.isSpecial path) then
                        for other, used in inputs request do
                            if FileIdentity.isSame path used then
                                option, path, $"{other}, {used}"

                        for other, used in outputs do
                            if other > option && FileIdentity.isSame path used then
                                option, path, $"{other}, {used}"
            ]

        match conflicts with
        | (option, path, other) :: _ ->
            Error $"{option}: {path}: the same file as {other}; expected a file that is used for nothing else"
        | [] -> Ok()

    let private journal (request: ControlRequest) =
        match request.Journal with
        | None -> Ok ValueNone
        | Some path ->
            Journal.Open(path, ControlSettings.identity request.Settings request.Scenario)
            |> Result.map ValueSome
            |> Result.mapError (fun message -> $"--journal: {message}")

    /// The file, or why there is none. Where nobody has named one, a controller works without rather than not at all.
    let private quarantine (request: ControlRequest) =
        match Quarantine.Open(request.Quarantine.Path, Terminal.tell), request.Quarantine with
        | Ok file, _ -> Ok(struct (ValueSome file, ignore))
        | Error message, QuarantinePlace.Given _ -> Error $"--quarantine: {message}"
        | Error message, QuarantinePlace.Usual _ ->
            let say () =
                Terminal.tell
                    $"{message}; what is quarantined is counted and not kept; name a file with --quarantine to keep it"

            Ok(struct (ValueNone, say))

    /// Opens and tries all that will be written.
    let opened (request: ControlRequest) =
        result {
            do! distinct request
            let! struct (quarantine, say) = quarantine request

            match journal request with
            | Ok journal ->
                say ()

                return
                    {
                        Journal = journal
                        Quarantine = quarantine
                    }
            | Error message ->
                quarantine |> ValueOption.iter (fun file -> (file :> IDisposable).Dispose())
                return! Error message
        }

    /// Events that are counted in the journal as well.
    let counting (time: TimeProvider) (files: ControlFiles) (watch: Watch) =
        match files.Journal with
        | ValueNone -> watch
        | ValueSome journal ->
            { watch with
                RefitFailed =
                    fun trouble ->
                        watch.RefitFailed trouble
                        journal.Note(JournalHistory.refitFailed, time.GetUtcNow(), trouble.Reason)
                Quarantined =
                    fun fault ->
                        watch.Quarantined fault
                        journal.Note(JournalHistory.quarantined fault.Kind, time.GetUtcNow(), fault.Reason)
            }

/// How a journal's file is come by: whoever writes it holds its lock, and what goes wrong is an error.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Service.JournalAccess

open System
open System.Diagnostics
open System.Threading
open Microsoft.Data.Sqlite

/// What keeps a file from being opened for so long is trouble. A process that was killed may let go of its files, and of their
/// locks, a little later than it is gone.
let private patience = TimeSpan.FromSeconds 1.5

let private pause = TimeSpan.FromMilliseconds 50.0

/// It may pass by itself: the file is locked, or was not read or written once.
let private mayPass (error: exn) =
    match error with
    | :? SqliteException as e -> e.SqliteErrorCode = 5 || e.SqliteErrorCode = 6 || e.SqliteErrorCode = 10
    | _ -> false

/// Work that is tried again while it fails in a way that may pass.
let private patiently (begun: int64) (work: unit -> 'a) =
    let mutable result = ValueNone

    while result.IsNone do
        try
            result <- ValueSome(work ())
        with e when mayPass e && Stopwatch.GetElapsedTime begun < patience ->
            Thread.Sleep pause

    result.Value

/// The lock of a journal, once nobody else has it.
let private lock' (begun: int64) path =
    let mutable held = JournalLock.take path

    while held.IsNone && Stopwatch.GetElapsedTime begun < patience do
        Thread.Sleep pause
        held <- JournalLock.take path

    match held with
    | ValueSome result -> result
    | ValueNone -> Error $"{path}: another controller writes this journal"

let guarded path (opened: unit -> Result<'a, string>) =
    try
        opened ()
    with e when JournalFile.isTrouble e ->
        match e with
        | :? JournalUnavailable -> Error e.Message
        | e -> Error(JournalFile.reason path e)

/// Opens a journal under its lock. Where it is locked, or cannot be read or written, this is tried again for a while.
let locked path (opened: IDisposable -> Result<'a, string>) =
    let begun = Stopwatch.GetTimestamp()

    lock' begun path
    |> Result.bind (fun held ->
        guarded path (fun () -> patiently begun (fun () -> opened held))
        |> Result.mapError (fun message ->
            held.Dispose()
            message))

/// The session, if it passes; else it is closed.
let check (test: JournalFile.Session -> Result<unit, string>) (session: JournalFile.Session) =
    try
        match test session with
        | Ok() -> Ok session
        | Error message ->
            (session :> IDisposable).Dispose()
            Error message
    with _ ->
        (session :> IDisposable).Dispose()
        reraise ()

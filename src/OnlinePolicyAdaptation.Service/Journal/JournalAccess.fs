/// How a journal's file is come by: whoever writes it holds its lock, and what goes wrong is an error.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Service.JournalAccess

open System

let guarded path (opened: unit -> Result<'a, string>) =
    try
        opened ()
    with e when JournalFile.isTrouble e ->
        match e with
        | :? JournalUnavailable -> Error e.Message
        | e -> Error(JournalFile.reason path e)

let locked path (opened: IDisposable -> Result<'a, string>) =
    JournalLock.take path
    |> Result.bind (fun held ->
        guarded path (fun () -> opened held)
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

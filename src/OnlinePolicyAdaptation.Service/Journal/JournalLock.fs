/// The lock of a journal, which keeps a second controller from writing it.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Service.JournalLock

open System
open System.IO
open System.Runtime.InteropServices
open Microsoft.Win32.SafeHandles

/// For nobody but its owner, where the system knows that.
let private forOwner () =
    if OperatingSystem.IsWindows() then
        Nullable()
    else
        Nullable(UnixFileMode.UserRead ||| UnixFileMode.UserWrite)

let private isHeld (error: IOException) =
    // EWOULDBLOCK, and a sharing violation of Windows.
    error.HResult = 11 || error.HResult = 35 || error.HResult = 0x80070020

module private FcntlCall =

    /// See fcntl(2); on 64-bit Linux a lock is 32 bytes.
    [<DllImport("libc", EntryPoint = "fcntl", SetLastError = true)>]
    extern int fcntl(SafeFileHandle file, int command, byte[] lock)

/// Takes the lock of an open file that goes with this opening of it, on a byte that is far beyond those that SQLite locks and
/// those that a journal has. It is on the file, by whatever name it was opened, and hinders nobody who reads it.
let private claim (file: FileStream) =
    let setLock = 37
    let lock = Array.zeroCreate<byte> 32
    lock[0] <- 1uy // to write
    lock[15] <- 0x70uy // the first byte of the range
    lock[16] <- 1uy // their number

    if FcntlCall.fcntl (file.SafeFileHandle, setLock, lock) <> 0 then
        let error = Marshal.GetLastPInvokeError()

        // EAGAIN and EACCES. A file system without locks is used without.
        if error = 11 || error = 13 then
            file.Dispose()
            raise (IOException("another controller writes it", 11))

/// Taken while the journal is written; the system drops it with the process. Where there are no such locks it is on a file
/// beside it. None: somebody else has it.
let take (path: string) : Result<IDisposable, string> voption =
    let real = FileIdentity.realPath path
    let isNew = not (File.Exists real)

    let hold (name: string) share options =
        new FileStream(
            name,
            FileStreamOptions(
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = share,
                BufferSize = 0,
                Options = options,
                UnixCreateMode = forOwner ()
            )
        )

    if FileIdentity.isSpecial path then
        ValueSome(Error $"{path}: a folder, pipe or device; expected a file")
    else
        try
            if OperatingSystem.IsLinux() then
                let held = hold real FileShare.ReadWrite FileOptions.None
                claim held
                ValueSome(Ok held)
            else
                let held = hold $"{real}.lock" FileShare.None FileOptions.DeleteOnClose

                if isNew then
                    use _ =
                        new FileStream(
                            real,
                            FileStreamOptions(
                                Mode = FileMode.CreateNew,
                                Access = FileAccess.Write,
                                UnixCreateMode = forOwner ()
                            )
                        )

                    ()

                ValueSome(Ok held)
        with
        | :? IOException as e when isHeld e -> ValueNone
        | :? IOException
        | :? UnauthorizedAccessException as e -> ValueSome(Error(JournalFile.reason path e))
        |> ValueOption.map (
            Result.map (fun held ->
                { new IDisposable with
                    member _.Dispose() =
                        // What could not become a journal.
                        let isEmpty = FileInfo(real).Exists && FileInfo(real).Length = 0L

                        if isNew && isEmpty && not (File.Exists $"{real}-wal") then
                            File.Delete real

                        held.Dispose()
                })
        )

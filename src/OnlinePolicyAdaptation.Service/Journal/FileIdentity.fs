namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.Runtime.InteropServices

/// A file, whatever names it has: links to it have the same identity.
[<Struct>]
type FileIdentity =
    {
        /// Of the file system it is on.
        Device: uint64
        Node: uint64
        /// No folder, pipe or device.
        IsRegular: bool
    }

[<RequireQualifiedAccess>]
module FileIdentity =

    module private StatxCall =

        /// Of a fixed layout, whatever the processor; see statx(2).
        [<DllImport("libc", EntryPoint = "statx", SetLastError = true)>]
        extern int statx(
            int folder,
            [<MarshalAs(UnmanagedType.LPUTF8Str)>] string path,
            int flags,
            uint32 wanted,
            byte[] found
        )

    let private currentFolder = -100

    /// Type and number of the file.
    let private wanted = 0x101u

    let private found (bytes: byte[]) =
        let kind = BitConverter.ToUInt16(bytes, 28) &&& 0xF000us

        {
            Device =
                (uint64 (BitConverter.ToUInt32(bytes, 136)) <<< 32)
                ||| uint64 (BitConverter.ToUInt32(bytes, 140))
            Node = BitConverter.ToUInt64(bytes, 32)
            IsRegular = (kind = 0x8000us)
        }

    /// The identity of the file that a path leads to; none where there is no such file, or the system does not tell.
    let tryOf (path: string) =
        let bytes = Array.zeroCreate<byte> 256

        try
            if
                OperatingSystem.IsLinux()
                && StatxCall.statx (currentFolder, path, 0, wanted, bytes) = 0
            then
                ValueSome(found bytes)
            else
                ValueNone
        with
        | :? DllNotFoundException
        | :? EntryPointNotFoundException -> ValueNone

    /// The path with the links at its end followed.
    let realPath (path: string) =
        let full = Path.GetFullPath path

        try
            match File.ResolveLinkTarget(full, true) with
            | null -> full
            | target -> target.FullName
        with :? IOException ->
            full

    /// Whether a path leads to a folder, a pipe or a device.
    let isSpecial (path: string) =
        let real = realPath path

        match tryOf path with
        | ValueSome found -> not found.IsRegular
        | ValueNone ->
            Directory.Exists real
            || (real.StartsWith "/dev/" && not (real.StartsWith "/dev/shm/"))

    /// Whether two paths lead to one file, or would if it were there.
    let isSame (one: string) (other: string) =
        match tryOf one, tryOf other with
        | ValueSome one, ValueSome other -> one = other
        | ValueNone, ValueNone ->
            let one, other = realPath one, realPath other

            let folder (path: string) =
                match Path.GetDirectoryName path with
                | null -> ValueNone
                | folder -> tryOf folder

            let isSameFolder =
                match folder one, folder other with
                | ValueSome one, ValueSome other -> one = other
                | _ -> false

            one = other || (Path.GetFileName one = Path.GetFileName other && isSameFolder)
        | _ -> false

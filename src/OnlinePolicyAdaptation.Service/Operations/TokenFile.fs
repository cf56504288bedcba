/// Bearer tokens, which come from files: a command line is seen by everyone on the machine.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.TokenFile

open System
open System.IO

let private longest = 8192L

let private isTokenCharacter c = c > ' ' && c <= '~'

/// The token in a file, without the white space around it; or what is wrong with the file, without the token.
let read (path: string) =
    try
        let named = FileInfo path

        // The length is asked of the file itself, not of a link to it.
        let file =
            if named.Exists then
                match named.ResolveLinkTarget true with
                | null -> named
                | target -> FileInfo target.FullName
            else
                named

        match file with
        | file when not file.Exists -> Error $"{path}: no such file; expected a file with a bearer token"
        | file when file.Length > longest -> Error $"{path}: {file.Length} bytes; expected a bearer token"
        // Pipes and devices have no length; to open one may block, and to read one may not end.
        | file when file.Length = 0L -> Error $"{path}: empty, or a pipe or device; expected a file with a bearer token"
        | _ ->
            match File.ReadAllText(path).Trim() with
            | "" -> Error $"{path}: the file is empty; expected a bearer token"
            | token when String.forall isTokenCharacter token -> Ok token
            | _ -> Error $"{path}: a character that no token has; expected one line of printable ASCII without blanks"
    with
    | :? IOException
    | :? UnauthorizedAccessException as e -> Error $"{path}: {e.Message}"

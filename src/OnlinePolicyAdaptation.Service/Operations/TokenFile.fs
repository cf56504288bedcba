/// Bearer tokens, which come from files: a command line is seen by everyone on the machine.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.TokenFile

open OnlinePolicyAdaptation.Domain

let private longest = 8192

let private isTokenCharacter c = c > ' ' && c <= '~'

/// The token in a file, without the white space around it; or what is wrong with the file, without the token.
let read (path: string) =
    try
        match GivenFile.ReadText(path, "a bearer token", longest).Trim() with
        | "" -> Error $"{path}: the file is empty; expected a bearer token"
        | token when String.forall isTokenCharacter token -> Ok token
        | _ -> Error $"{path}: a character that no token has; expected one line of printable ASCII without blanks"
    with :? BadInputException as e ->
        Error e.Message

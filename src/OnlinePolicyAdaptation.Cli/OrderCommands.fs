/// opar hold, opar resume, opar status: orders for a controller that listens, and a look at it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.OrderCommands

open FsToolkit.ErrorHandling
open System
open System.IO
open System.Net.Http
open System.Net.Http.Headers
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open System.Threading
open System.Threading.Tasks
open Argu
open OnlinePolicyAdaptation.Service

/// A controller answers once it has written the order to its journal.
let private patience = TimeSpan.FromSeconds 10.0

let private address (text: string) =
    CommandLine.address "a controller" text
    |> Result.mapError (fun message -> $"--url: {message}")

let private token (file: string option) =
    match file with
    | None -> Ok None
    | Some path ->
        TokenFile.read path
        |> Result.map Some
        |> Result.mapError (fun message -> $"--token-file: {message}")

/// What went wrong, in the controller's own words where it has some.
let private refused (url: Uri) (status: int) (body: string) =
    let reason =
        try
            match JsonNode.Parse body with
            | :? JsonObject as answer when answer.ContainsKey "error" -> string answer["error"]
            | _ -> ""
        with :? JsonException ->
            ""

    match reason, status with
    | "", 404 -> $"{Http.shown url}: HTTP 404; expected the address of opar control with --listen, of this version"
    | "", status -> $"{Http.shown url}: HTTP {status}"
    | reason, _ -> $"{Http.shown url}: {Http.said reason}"

/// The answer to a request, or why there is none.
let private ask (address: Uri) (path: string) (method: HttpMethod) (body: string) token =
    let asked =
        task {
            let url = Uri(address, path)
            use client = Http.client ()
            use request = new HttpRequestMessage(method, url)

            if method = HttpMethod.Post then
                request.Content <- new StringContent(body, Encoding.UTF8, "application/json")

            token
            |> Option.iter (fun token -> request.Headers.Authorization <- AuthenticationHeaderValue("Bearer", token))

            use timeOut = new CancellationTokenSource(patience)

            try
                use! response = client.SendAsync(request, timeOut.Token)
                let! answer = response.Content.ReadAsStringAsync timeOut.Token

                return
                    if response.IsSuccessStatusCode then
                        Ok answer
                    else
                        Error(refused url (int response.StatusCode) answer)
            with
            | :? HttpRequestException as e -> return Error $"{Http.shown url}: {Http.said e.Message}"
            | :? OperationCanceledException ->
                return Error $"{Http.shown url}: no answer within {patience.TotalSeconds} s"
        }

    asked.GetAwaiter().GetResult()

let private order (url: string) (tokenFile: string option) path (fields: (string * string) list) =
    result {
        let! address = address url
        let! token = token tokenFile
        let body = JsonObject()

        for name, value in fields do
            body[name] <- JsonValue.Create value

        return! ask address path HttpMethod.Post (body.ToJsonString()) token
    }

let private user by =
    by |> Option.defaultValue Environment.UserName

let private field (answer: string) (name: string) =
    match JsonNode.Parse answer with
    | :? JsonObject as answer ->
        match answer[name] with
        | null -> None
        | value -> Some(string value)
    | _ -> None

let private told answer =
    let until =
        match field answer "until" with
        | Some until -> $" until {until}"
        | None -> ", until it is taken back"

    $"the configuration is held{until}"

let private ending (arguments: ParseResults<HoldArguments>) =
    match arguments.TryGetResult HoldArguments.Until, arguments.TryGetResult HoldArguments.Minutes with
    | None, None -> Ok []
    | Some until, None -> Ok [ "until", until ]
    | None, Some minutes when minutes > 0.0 && minutes <= 525_600.0 ->
        let until = TimeProvider.System.GetUtcNow().AddMinutes minutes
        Ok [ "until", until.ToString "yyyy-MM-ddTHH:mm:ssZ" ]
    | None, Some minutes -> Error $"--minutes: {minutes}; expected a number above 0, at most a year"
    | Some _, Some _ -> Error "--minutes: expected no --until with it"

let hold (arguments: ParseResults<HoldArguments>) =
    result {
        let! ending = ending arguments

        let! answer =
            order
                (arguments.GetResult HoldArguments.Url)
                (arguments.TryGetResult HoldArguments.Token_File)
                "v1/hold"
                (("by", user (arguments.TryGetResult HoldArguments.By)) :: ending)

        printfn $"{told answer}"
    }

let resume (arguments: ParseResults<ResumeArguments>) =
    result {
        let! _ =
            order
                (arguments.GetResult ResumeArguments.Url)
                (arguments.TryGetResult ResumeArguments.Token_File)
                "v1/resume"
                [ "by", user (arguments.TryGetResult ResumeArguments.By) ]

        printfn "the controller goes on"
    }

let private rows (status: JsonObject) =
    let text (node: JsonNode | null) =
        match node with
        | null -> ""
        | node -> string node

    [
        [ "scenario"; text status["scenario"] ]
        [ "mode"; text status["mode"] ]
        match status["notReady"] with
        | :? JsonArray as reasons when reasons.Count > 0 ->
            for reason in reasons do
                [ "not ready"; text reason ]
        | _ -> [ "ready"; "yes" ]
        match status["order"] with
        | :? JsonObject as order ->
            let until =
                match text order["until"] with
                | "" -> "until it is taken back"
                | until -> $"until {until}"

            let by, since = text order["by"], text order["time"]
            [ "held"; $"{until}; ordered by {by} at {since}" ]
        | _ -> ()
        match status["decision"] with
        | :? JsonObject as decision ->
            [ "last interval"; text decision["time"] ]
            [ "cycle"; text decision["cycle"] ]
            [ "decided by"; text decision["by"] ]

            match decision["controls"] with
            | :? JsonObject as controls ->
                [
                    "controls"
                    String.Join(", ", controls |> Seq.map (fun control -> $"{control.Key} {text control.Value}"))
                ]
            | _ -> ()
        | _ -> [ "last interval"; "none yet" ]
    ]

let status (arguments: ParseResults<StatusArguments>) =
    result {
        let! address = address (arguments.GetResult StatusArguments.Url)
        let! answer = ask address "v1/status" HttpMethod.Get "" None

        if arguments.Contains StatusArguments.Json then
            printfn $"{answer}"
        else
            match JsonNode.Parse answer with
            | :? JsonObject as status -> Terminal.table [ "what"; "value" ] (rows status)
            | _ -> return! Error $"{Http.shown address}: the answer is no status of a controller"
    }

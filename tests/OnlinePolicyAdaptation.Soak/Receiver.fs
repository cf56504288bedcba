namespace OnlinePolicyAdaptation.Soak

open System
open System.Collections.Concurrent
open System.Net
open System.Net.Sockets
open System.Text
open System.Text.Json
open System.Threading
open System.Threading.Tasks

/// How a receiver behaves.
[<RequireQualifiedAccess>]
type Manner =
    | Good
    | Slow
    | Hanging
    | Garbage
    | Failing
    /// It asks for a pause longer than anybody has.
    | Putting

/// An action as it came.
type Received = { Time: DateTimeOffset; Age: TimeSpan }

/// What actions are posted to; it works in its own manner.
[<Sealed>]
type Receiver() =
    let listener = new TcpListener(IPAddress.Loopback, 0)
    let ended = new CancellationTokenSource()
    let received = ConcurrentQueue<Received>()
    let mutable manner = Manner.Good

    let answer status more =
        $"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n"

    /// The body of a request, once all of it is there.
    let body (text: string) =
        match text.IndexOf "\r\n\r\n" with
        | -1 -> None
        | at ->
            let length =
                text.Substring(0, at).Split "\r\n"
                |> Array.tryPick (fun line ->
                    if line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase) then
                        Some(int (line.Substring 15))
                    else
                        None)
                |> Option.defaultValue 0

            let rest = text.Substring(at + 4)
            if rest.Length >= length then Some rest else None

    let note (decision: string) =
        let now = DateTimeOffset.UtcNow
        use document = JsonDocument.Parse decision
        let time = document.RootElement.GetProperty("time").GetDateTimeOffset()
        received.Enqueue { Time = time; Age = now - time }

    let serve (client: TcpClient) =
        task {
            use client = client

            try
                let stream = client.GetStream()
                let buffer = Array.zeroCreate<byte> 65536
                let mutable text = ""
                let mutable found = None
                let mutable isOpen = true

                while isOpen && found.IsNone do
                    let! count = stream.ReadAsync(buffer, 0, buffer.Length, ended.Token)
                    isOpen <- count > 0
                    text <- text + Encoding.UTF8.GetString(buffer, 0, count)
                    found <- body text

                match found with
                | None -> ()
                | Some decision ->
                    note decision

                    let! reply =
                        task {
                            match manner with
                            | Manner.Good -> return answer "204 No Content" ""
                            | Manner.Slow ->
                                do! Task.Delay(400, ended.Token)
                                return answer "200 OK" ""
                            | Manner.Hanging ->
                                do! Task.Delay(60_000, ended.Token)
                                return ""
                            | Manner.Garbage -> return "\u0001\u0002 what? \r\n\r\n"
                            | Manner.Failing -> return answer "503 Service Unavailable" ""
                            | Manner.Putting -> return answer "429 Too Many Requests" "Retry-After: 4294968\r\n"
                        }

                    let bytes = Encoding.UTF8.GetBytes reply
                    do! stream.WriteAsync(bytes, 0, bytes.Length, ended.Token)
            with _ ->
                // Whoever asks may go away at any moment.
                ()
        }

    let accepting =
        task {
            listener.Start()

            try
                while not ended.IsCancellationRequested do
                    let! client = listener.AcceptTcpClientAsync ended.Token
                    serve client |> ignore
            with _ ->
                ()
        }

    member _.Url = $"http://{listener.LocalEndpoint}/actions"

    member _.Manner
        with get () = manner
        and set next = manner <- next

    member _.Received = List.ofSeq received

    interface IDisposable with
        member _.Dispose() =
            ended.Cancel()
            listener.Stop()
            accepting.Wait 2000 |> ignore

/// Where decisions go.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.Sink

open System
open System.IO
open System.Net.Http
open System.Text
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Environments

let private isActedOn (sent: Outgoing) =
    match sent.Mode with
    | Mode.Shadow -> false
    | Mode.Act
    | Mode.Base -> true

/// One line of JSON for each decision.
let lines (stream: Stream) : Deliver =
    fun decisions cancellation ->
        task {
            use buffer = new MemoryStream()

            for sent in decisions do
                buffer.Write(ReadOnlySpan(Encoding.UTF8.GetBytes sent.Text))
                buffer.WriteByte(byte '\n')

            do! stream.WriteAsync(buffer.GetBuffer().AsMemory(0, int buffer.Length), cancellation)
            do! stream.FlushAsync cancellation
            return []
        }

/// The configuration of the last decision, brought into force; of a decision that is not to act, none.
let environment (environment: IEnvironment) : Deliver =
    fun decisions cancellation ->
        task {
            for sent in decisions do
                if isActedOn sent then
                    do! environment.ApplyAsync(sent.Target, cancellation)

            return []
        }

/// Every action is posted; what keeps the configuration is not.
let webhook (client: HttpClient) settings (time: TimeProvider) : Deliver =
    fun decisions cancellation ->
        task {
            let undelivered = ResizeArray<struct (Outgoing * string)>()

            for sent in decisions do
                if isActedOn sent && not sent.Action.IsKeep then
                    match!
                        Webhook.deliver client settings time sent.IdempotencyKey sent.Text (fun () -> Ok()) cancellation
                    with
                    | Delivery.Delivered -> ()
                    | Delivery.GaveUp reason
                    | Delivery.Withdrawn reason
                    | Delivery.Refused reason -> undelivered.Add(struct (sent, reason))

            return List.ofSeq undelivered
        }

/// Each of these, one after the other.
let all (sinks: Deliver list) : Deliver =
    fun decisions cancellation ->
        task {
            let mutable undelivered = []

            for sink in sinks do
                let! failed = sink decisions cancellation
                undelivered <- undelivered @ failed

            return undelivered
        }

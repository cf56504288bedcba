namespace OnlinePolicyAdaptation.Service

open System
open System.Net
open OnlinePolicyAdaptation.Domain

/// An address that the controller may listen on, and the bearer token that it asks of those who post metrics.
type ListenAddress =
    private
        {
            EndPoint: IPEndPoint
            Token: string option
        }

[<RequireQualifiedAccess>]
module ListenAddress =

    let private host (uri: Uri) =
        if uri.Host = "localhost" then
            Some IPAddress.Loopback
        else
            match IPAddress.TryParse(uri.Host.Trim('[', ']')) with
            | true, NonNull address -> Some address
            | _ -> None

    let private endPoint (text: string) =
        match Uri.TryCreate(text, UriKind.Absolute) with
        | true, NonNull uri when uri.Scheme = Uri.UriSchemeHttp && uri.PathAndQuery = "/" && uri.UserInfo = "" ->
            host uri |> Option.map (fun host -> IPEndPoint(host, uri.Port))
        | _ -> None

    /// The address of a text such as `http://127.0.0.1:8080`: http, an IP address or localhost, a port (0: any free one).
    /// An address that other machines may reach needs a file with a token, which is read now.
    let create (text: string) (tokenFile: string option) =
        match endPoint text, tokenFile |> Option.map TokenFile.read with
        | None, _ ->
            Error
                $"'{Redacted.Address text}'; expected an address such as http://127.0.0.1:8080, of an IP address or localhost and a port"
        | Some endPoint, None when not (IPAddress.IsLoopback endPoint.Address) ->
            Error
                $"'{Redacted.Address text}': other machines may reach this address; expected a file with a bearer token for it, or a loopback address"
        | Some _, Some(Error reason) -> Error reason
        | Some endPoint, token ->
            Ok
                {
                    EndPoint = endPoint
                    Token = token |> Option.bind Result.toOption
                }

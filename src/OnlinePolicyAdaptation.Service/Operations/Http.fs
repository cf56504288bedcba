/// The client of all HTTP requests that the controller makes.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.Http

open System
open System.Net
open System.Net.Http
open System.Threading
open OnlinePolicyAdaptation.Domain

/// A client that follows no redirect (a redirected POST may arrive as a GET), sees changes of DNS within minutes, and
/// leaves time limits to the caller. One serves a whole process.
let client () =
    new HttpClient(
        new SocketsHttpHandler(AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes 2.0),
        Timeout = Timeout.InfiniteTimeSpan
    )

/// An address as it may be shown: without user, password and query, which may be secret.
let shown (url: Uri) =
    url.GetComponents(UriComponents.SchemeAndServer ||| UriComponents.Path, UriFormat.UriEscaped)

/// What others say, as one line of bounded length and without what may be secret.
let said (text: string) = Redacted.Message text

/// Whether the same request may well succeed later: timeouts, overload, and faults of the server.
let mayPass (status: HttpStatusCode) =
    int status >= 500
    || status = HttpStatusCode.RequestTimeout
    || status = HttpStatusCode.TooManyRequests

using System.Net;
using System.Net.Sockets;

namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>Sends requests to a front over HTTP/1.1, as many at once as are asked for.</summary>
/// <remarks>Redirects are not followed, there are no cookies, and no proxy is used. Thread-safe.</remarks>
public sealed class RequestSender : IDisposable
{
    private readonly Uri _front;
    private readonly TimeSpan _timeOut;
    private readonly HttpMessageInvoker _http;

    /// <param name="front">Absolute, http or https; services are paths below it.</param>
    /// <param name="timeOut">How long a request may take, from when it is sent to the end of the response; above 0.</param>
    public RequestSender(Uri front, TimeSpan timeOut)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeOut, TimeSpan.Zero);
        _front = front.AbsoluteUri.EndsWith('/') ? front : new Uri($"{front.AbsoluteUri}/");
        _timeOut = timeOut;
        _http = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                UseProxy = false,
                ActivityHeadersPropagator = null,
                ConnectTimeout = timeOut,
                MaxConnectionsPerServer = int.MaxValue,
                PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            }
        );
    }

    /// <summary>Sends a request and reads the response to its end. Trouble is an answer, too.</summary>
    /// <param name="requests">The class it is of.</param>
    /// <param name="cancellationToken">Gives the request up, which is then one that failed.</param>
    public async Task<RequestResult> SendAsync(RequestClass requests, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_timeOut);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_front, requests.Service));
            if (requests.ClientGroup is { } group)
            {
                request.Headers.TryAddWithoutValidation(TestbedHeaders.ClientGroup, group);
            }
            using var response = await _http.SendAsync(request, deadline.Token);
            await response.Content.CopyToAsync(Stream.Null, deadline.Token);
            return Of(response.StatusCode, NodeOf(response));
        }
        catch (OperationCanceledException)
        {
            return Failed(
                cancellationToken.IsCancellationRequested
                    ? "given up when the load ended"
                    : $"no answer within {_timeOut.TotalSeconds} s"
            );
        }
        catch (HttpRequestException e)
        {
            return Failed(WordsFor(e));
        }
        catch (IOException e)
        {
            return Failed(WordsFor(e));
        }
    }

    public void Dispose() => _http.Dispose();

    private static RequestResult Of(HttpStatusCode status, string? node) =>
        status switch
        {
            HttpStatusCode.TooManyRequests => new(RequestOutcome.Blocked, node, null),
            >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices => new(RequestOutcome.Carried, node, null),
            _ => new(RequestOutcome.Failed, node, $"HTTP {(int)status}"),
        };

    private static RequestResult Failed(string why) => new(RequestOutcome.Failed, null, why);

    private static string? NodeOf(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues(TestbedHeaders.Node, out var values) ? values.ToString() : null;

    /// <summary>The cause, without addresses and numbers that would make each message another one.</summary>
    private static string WordsFor(Exception e) =>
        e.GetBaseException() switch
        {
            SocketException socket => $"{socket.SocketErrorCode}",
            HttpRequestException http => $"{http.HttpRequestError}",
            HttpIOException http => $"{http.HttpRequestError}",
            var other => other.GetType().Name,
        };
}

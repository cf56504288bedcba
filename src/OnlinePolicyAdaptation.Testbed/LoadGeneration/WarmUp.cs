using System.Net;
using System.Net.Sockets;
using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Testbed.Collection;

namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>Sends some requests to nobody, so that the first real ones do not wait for code to be compiled.</summary>
/// <remarks>Compiling takes the sending thread a tenth of a second and more, and all requests meanwhile would be late.</remarks>
public static class WarmUp
{
    private const double Seconds = 0.5;
    private const double Rate = 100;

    private static ReadOnlyMemory<byte> Response { get; } =
        "HTTP/1.1 200 OK\r\nX-Testbed-Node: warm-up\r\nContent-Length: 0\r\n\r\n"u8.ToArray();

    /// <summary>Takes half a second, once for a process.</summary>
    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answering = AcceptAsync(listener, end.Token);
        using (var sender = new RequestSender(new Uri($"http://{listener.LocalEndpoint}/"), TimeSpan.FromSeconds(5)))
        {
            var load = new ServiceLoad(new("warm-up"), new LoadPattern.Constant(new(Rate)));
            var collector = new Collector([load.Requests], TimeProvider.System);
            await new LoadGenerator([load], new RandomKey(0), sender.SendAsync, [collector]).RunAsync(
                Seconds,
                cancellationToken
            );
            _ = collector.Cut();
        }
        await end.CancelAsync();
        await answering;
    }

    private static async Task AcceptAsync(TcpListener listener, CancellationToken end)
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(AnswerAsync(await listener.AcceptSocketAsync(end), end));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    /// <summary>Answers each request, which comes in one piece: it is small, and the sender waits for the answer.</summary>
    private static async Task AnswerAsync(Socket connection, CancellationToken end)
    {
        using (connection)
        {
            var request = new byte[4096];
            try
            {
                while (await connection.ReceiveAsync(request, end) > 0)
                {
                    _ = await connection.SendAsync(Response, end);
                }
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // The sender has gone, or the warm-up is over.
            }
        }
    }
}

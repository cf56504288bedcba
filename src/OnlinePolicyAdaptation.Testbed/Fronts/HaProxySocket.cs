using System.Net.Sockets;
using System.Text;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>HAProxy's runtime socket: commands, each with its answer.</summary>
/// <param name="Path">Of the socket, which takes commands of level admin.</param>
internal sealed record HaProxySocket(string Path)
{
    /// <summary>HAProxy answers within milliseconds; one that does not is as good as gone.</summary>
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(10);

    /// <summary>The answer, without the empty lines around it.</summary>
    /// <exception cref="IOException">HAProxy cannot be reached, or does not answer.</exception>
    public async Task<string> AskAsync(string command, CancellationToken cancellationToken)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(LongestAnswer);
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path), late.Token);
            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync(Encoding.UTF8.GetBytes($"{command}\n"), late.Token);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return (await reader.ReadToEndAsync(late.Token)).Trim();
        }
        catch (SocketException e)
        {
            throw new IOException($"HAProxy's socket {Path}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"HAProxy's socket {Path}: no answer within {LongestAnswer.TotalSeconds} s", e);
        }
    }
}

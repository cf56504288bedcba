using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed;

/// <summary>Takes changes to a testbed while it runs, each a line of text posted to <c>/testbed/changes</c>.</summary>
public sealed class ChangesDoor : IAsyncDisposable
{
    private readonly WebApplication _server;

    private ChangesDoor(WebApplication server, Uri address)
    {
        _server = server;
        Address = address;
    }

    /// <summary>Where it listens, on this machine alone.</summary>
    public Uri Address { get; }

    /// <param name="take">Makes a change; a <see cref="BadInputException"/> is told to who asked for it.</param>
    public static async Task<ChangesDoor> StartAsync(Func<string, CancellationToken, Task> take)
    {
        var (server, address) = await LoopbackServer.StartAsync(
            0,
            "changes",
            _ => { },
            server =>
                server.MapPost(
                    "/testbed/changes",
                    async (HttpContext context) =>
                    {
                        using var body = new StreamReader(context.Request.Body);
                        try
                        {
                            await take(await body.ReadToEndAsync(context.RequestAborted), context.RequestAborted);
                            context.Response.StatusCode = StatusCodes.Status204NoContent;
                        }
                        catch (BadInputException e)
                        {
                            context.Response.StatusCode = StatusCodes.Status400BadRequest;
                            await context.Response.WriteAsync(e.Message);
                        }
                    }
                )
        );
        return new ChangesDoor(server, address);
    }

    /// <summary>Asks for a change.</summary>
    /// <exception cref="BadInputException">It is refused, or nobody listens there; the message says so.</exception>
    public static async Task AskAsync(Uri address, string change, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        try
        {
            using var response = await client.PostAsync(
                new Uri(address, "testbed/changes"),
                new StringContent(change),
                cancellationToken
            );
            if (response.StatusCode == HttpStatusCode.BadRequest)
            {
                throw new BadInputException(await response.Content.ReadAsStringAsync(cancellationToken));
            }
            _ = response.EnsureSuccessStatusCode();
        }
        catch (HttpRequestException e)
        {
            throw new BadInputException($"no testbed answers at {address}: {e.Message}", e);
        }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}

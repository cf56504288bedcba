using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed;

/// <summary>HTTP servers of the testbed: on this machine alone, without logs.</summary>
internal static class LoopbackServer
{
    /// <summary>JSON of the testbed's doors.</summary>
    public static JsonSerializerOptions Json { get; } = StrictJson.Options();

    /// <summary>Starts a server.</summary>
    /// <param name="port">0: any free one.</param>
    /// <param name="name">What is served, for messages.</param>
    /// <param name="addServices">What it needs.</param>
    /// <param name="map">What it answers.</param>
    /// <returns>The server, which runs, and its address.</returns>
    /// <exception cref="BadInputException">The port is taken.</exception>
    public static async Task<(WebApplication Server, Uri Address)> StartAsync(
        int port,
        string name,
        Action<IServiceCollection> addServices,
        Action<WebApplication> map
    )
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        _ = builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        _ = builder.Services.AddRoutingCore();
        addServices(builder.Services);
        var server = builder.Build();
        map(server);
        try
        {
            await server.StartAsync();
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new BadInputException($"{name}: port {port} is taken by another process; expected a free one", e);
        }
        return (server, new Uri(server.Urls.First()));
    }

    /// <summary>Answers GET with a value and takes another one by PUT; one that is refused is answered with 400 and the reason.</summary>
    public static void MapDoor<T>(this WebApplication server, string path, Func<T> read, Action<T> write)
        where T : class
    {
        _ = server.MapGet(path, (HttpContext context) => context.Response.WriteAsJsonAsync(read(), Json));
        _ = server.MapPut(
            path,
            async (HttpContext context) =>
            {
                try
                {
                    write(
                        await JsonSerializer.DeserializeAsync<T>(context.Request.Body, Json)
                            ?? throw new BadInputException($"{path}: null; expected an object")
                    );
                    context.Response.StatusCode = StatusCodes.Status204NoContent;
                }
                catch (Exception e) when (e is JsonException or BadInputException)
                {
                    context.Response.StatusCode = StatusCodes.Status400BadRequest;
                    await context.Response.WriteAsync(e.Message);
                }
            }
        );
    }
}

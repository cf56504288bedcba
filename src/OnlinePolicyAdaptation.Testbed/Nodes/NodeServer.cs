using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>A node: serves requests to <c>/SERVICE</c> on a processor that they share, and has its door at <c>/testbed/node</c>.</summary>
internal sealed class NodeServer : IAsyncDisposable
{
    /// <summary>Requests in progress beyond which it answers 503: a longer queue would take seconds to work off, long after its cause.</summary>
    private const int Capacity = 100;

    private readonly NodeSettings _settings;
    private readonly SharedProcessor _processor;
    private readonly DatabaseLookUps? _database;
    private readonly Dictionary<string, long> _served;
    private readonly RandomKey _key;
    private readonly string[] _services;
    private WebApplication? _server;
    private NodeState _state;
    private long _requests;

    private NodeServer(NodeSettings settings)
    {
        _settings = settings;
        _services = [.. settings.Services.Select(service => service.Service)];
        settings.State.Check(_services);
        _key = new RandomKey(settings.Seed);
        _state = settings.State;
        _served = _services.ToDictionary(service => service, _ => 0L);
        _database = settings.Services.Any(service => service.Kind == WorkKind.Information)
            ? new DatabaseLookUps(_key.Split(0))
            : null;
        _processor = new SharedProcessor(Quota(settings.State));
    }

    /// <exception cref="Domain.BadInputException">The port is taken, or a number is out of its range.</exception>
    public static async Task<(NodeServer Node, Uri Address)> StartAsync(NodeSettings settings)
    {
        var node = new NodeServer(settings);
        (node._server, var address) = await LoopbackServer.StartAsync(settings.Port, settings.Name, _ => { }, node.Map);
        return (node, address);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
        _processor.Dispose();
        _database?.Dispose();
    }

    private double Quota(NodeState state) => Math.Min(1, state.CpuCores * _settings.CoreShare);

    private void Map(WebApplication server)
    {
        server.MapDoor("/testbed/node", () => _state, Change);
        _ = server.MapGet(
            "/testbed/node/usage",
            (HttpContext context) => context.Response.WriteAsJsonAsync(Usage(), LoopbackServer.Json)
        );
        for (var i = 0; i < _settings.Services.Count; i++)
        {
            var service = _settings.Services[i];
            WorkStep step =
                service.Kind == WorkKind.Information && _database is not null
                    ? _database.Step
                    : new MatrixProduct(_key.Split(1).Split(i)).Step;
            var distribution = service.Distribution();
            var name = service.Service;
            _ = server.MapGet($"/{name}", (HttpContext context) => ServeAsync(context, name, step, distribution));
        }
    }

    private void Change(NodeState state)
    {
        state.Check(_services);
        Volatile.Write(ref _state, state);
        _processor.Cpus = Quota(state);
    }

    private async Task ServeAsync(HttpContext context, string service, WorkStep step, ServiceTime distribution)
    {
        if (_processor.InProgress >= Capacity)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }
        var random = _key.Split(2).Split((ulong)Interlocked.Increment(ref _requests)).Sequence();
        var seconds = distribution.Draw(ref random) * Volatile.Read(ref _state).FactorOf(service);
        try
        {
            await _processor.RunAsync(step, seconds, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            return; // nobody waits for the answer
        }
        lock (_served)
        {
            _served[service]++;
        }
        context.Response.ContentLength = 0;
    }

    private NodeUsage Usage()
    {
        lock (_served)
        {
            return new(_processor.CpuSeconds, _processor.Cpus, new Dictionary<string, long>(_served));
        }
    }
}

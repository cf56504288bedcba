using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OnlinePolicyAdaptation.Domain.Mdp;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>The embedded front: a YARP reverse proxy that draws a node for each request, with its door at <c>/testbed/configuration</c>.</summary>
internal sealed class YarpFront : ILoadBalancingPolicy
{
    private readonly RandomKey _key;
    private readonly string[] _nodes;
    private RoutingTable _table;
    private long _requests;

    private YarpFront(FrontSettings settings)
    {
        _nodes = [.. settings.Nodes.Keys.Order(StringComparer.Ordinal)];
        _key = new RandomKey(settings.Seed);
        settings.Configuration.Check([.. settings.Configuration.Services.Select(route => route.Name)], _nodes);
        _table = new RoutingTable(settings.Configuration, _nodes);
    }

    string ILoadBalancingPolicy.Name => nameof(YarpFront);

    /// <returns>The front, which runs until it is disposed of, and its address.</returns>
    /// <exception cref="Domain.BadInputException">The port is taken, or a number is out of its range.</exception>
    public static Task<(WebApplication Server, Uri Address)> StartAsync(FrontSettings settings)
    {
        var front = new YarpFront(settings);
        string[] services = [.. settings.Configuration.Services.Select(route => route.Name)];
        var destinations = settings.Nodes.ToDictionary(
            node => node.Key,
            node => new DestinationConfig { Address = node.Value.AbsoluteUri }
        );
        return LoopbackServer.StartAsync(
            settings.Port,
            "front",
            collection =>
            {
                _ = collection.AddSingleton<ILoadBalancingPolicy>(front);
                _ = collection
                    .AddReverseProxy()
                    .LoadFromMemory(
                        [.. services.Select(Route)],
                        [.. services.Select(service => front.Cluster(service, destinations))]
                    );
            },
            server =>
            {
                server.MapDoor(
                    "/testbed/configuration",
                    () => Volatile.Read(ref front._table).Configuration,
                    configuration =>
                    {
                        configuration.Check(services, front._nodes);
                        Volatile.Write(ref front._table, new RoutingTable(configuration, front._nodes));
                    }
                );
                _ = server.MapReverseProxy(pipeline =>
                {
                    _ = pipeline.Use(front.BlockAsync);
                    _ = pipeline.UseLoadBalancing();
                });
            }
        );
    }

    DestinationState? ILoadBalancingPolicy.PickDestination(
        HttpContext context,
        ClusterState cluster,
        IReadOnlyList<DestinationState> availableDestinations
    )
    {
        var node = Volatile.Read(ref _table).Node(cluster.ClusterId, KeyOf(context));
        context.Response.Headers[TestbedHeaders.Node] = node;
        foreach (var destination in availableDestinations)
        {
            if (destination.DestinationId == node)
            {
                return destination;
            }
        }
        return null;
    }

    private static RouteConfig Route(string service) =>
        new()
        {
            RouteId = service,
            ClusterId = service,
            Match = new RouteMatch { Path = $"/{service}" },
        };

    private ClusterConfig Cluster(string service, IReadOnlyDictionary<string, DestinationConfig> destinations) =>
        new()
        {
            ClusterId = service,
            LoadBalancingPolicy = ((ILoadBalancingPolicy)this).Name,
            Destinations = destinations,
            HttpRequest = new ForwarderRequestConfig
            {
                Version = HttpVersion.Version11,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            },
        };

    private Task BlockAsync(HttpContext context, RequestDelegate next)
    {
        var service = context.GetReverseProxyFeature().Cluster.Config.ClusterId;
        var key = _key.Split((ulong)Interlocked.Increment(ref _requests));
        context.Items[this] = key;
        if (
            context.Request.Headers[TestbedHeaders.ClientGroup] != "premium"
            && Volatile.Read(ref _table).Blocks(service, key)
        )
        {
            context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            return Task.CompletedTask;
        }
        return next(context);
    }

    /// <summary>The chance of a request, which its way through the front has in common.</summary>
    private RandomKey KeyOf(HttpContext context) => context.Items[this] is RandomKey key ? key : _key;
}

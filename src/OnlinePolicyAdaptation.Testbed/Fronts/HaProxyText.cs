using System.Globalization;
using System.Text;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>The files that the testbed's HAProxy is started with.</summary>
/// <remarks>
/// A node is drawn for each request by the servers' weights as they are at that moment (<c>srv_uweight</c>), with the same chance
/// for each where all are 0. HAProxy's own <c>balance random</c> draws from a hash ring, whose shares are off by more than a
/// percent for good.
/// </remarks>
internal static class HaProxyText
{
    /// <summary>Requests out of which so many are blocked as the map says.</summary>
    public const int BlockingScale = 10_000;

    /// <summary>Draws are of this many; a share is off by a millionth at most.</summary>
    private const int Draws = 1 << 20;

    /// <summary>The map of blocking rates.</summary>
    public static string BlockingMap(FrontConfiguration configuration) =>
        Lines(
            configuration.Services.Select(route =>
                Line($"{route.Name} {Math.Round(route.BlockingRate * BlockingScale)}")
            )
        );

    /// <summary>haproxy.cfg.</summary>
    /// <param name="port">To listen on, on this machine alone.</param>
    /// <param name="names">Of services and nodes.</param>
    /// <param name="settings">Addresses and weights to start with.</param>
    /// <param name="socket">Path of the runtime socket.</param>
    public static string Configuration(int port, HaProxyNames names, FrontSettings settings, string socket) =>
        Lines([
            "global",
            $"    stats socket {socket} mode 600 level admin",
            "    nbthread 1",
            "    noreuseport",
            "    maxconn 4000",
            "defaults",
            "    mode http",
            "    retries 0",
            "    timeout connect 5s",
            "    timeout client 60s",
            "    timeout server 60s",
            "frontend front",
            Line($"    bind 127.0.0.1:{port}"),
            $"    acl premium req.hdr({TestbedHeaders.ClientGroup}) -m str premium",
            $"    http-after-response set-header {TestbedHeaders.Node} %[srv_name] if {{ srv_id gt 0 }}",
            Line($"    http-request set-var(txn.drawn) rand({BlockingScale})"),
            $"    http-request set-var(txn.blocked) path,regsub(^/,),map_str_int({names.BlockingMap},0)",
            "    http-request deny deny_status 429 if !premium { var(txn.drawn),sub(txn.blocked) lt 0 }",
            .. names.Services.Select(service => $"    use_backend {service} if {{ path /{service} }}"),
            "    default_backend :none",
            "backend :none",
            "    http-request return status 404",
            .. settings.Configuration.Services.SelectMany(route => Backend(route, names.Nodes, settings.Nodes)),
        ]);

    private static IEnumerable<string> Backend(
        ServiceRoute route,
        IReadOnlyList<string> nodes,
        IReadOnlyDictionary<string, Uri> addresses
    )
    {
        yield return $"backend {route.Name}";
        for (var node = 0; node < nodes.Count; node++)
        {
            var before = node == 0 ? "" : Line($",add(txn.sum{node - 1})");
            yield return Line(
                $"    http-request set-var(txn.sum{node}) srv_uweight({route.Name}/{nodes[node]}){before}"
            );
        }
        var last = nodes.Count - 1;
        yield return Line($"    http-request set-var(txn.total) var(txn.sum{last})");
        for (var node = 0; node < nodes.Count; node++)
        {
            yield return Line(
                $"    http-request set-var(txn.sum{node}) int({node + 1}) if {{ var(txn.total) -m int 0 }}"
            );
        }
        yield return Line($"    http-request set-var(txn.node) rand({Draws}),mul(txn.sum{last}),div({Draws})");
        for (var node = 0; node < nodes.Count; node++)
        {
            yield return Line($"    use-server {nodes[node]} if {{ var(txn.node),sub(txn.sum{node}) lt 0 }}");
        }
        foreach (var node in nodes)
        {
            var weight = HaProxyFront.WeightOf(route, node);
            yield return Line($"    server {node} {addresses[node].Authority} weight {weight}");
        }
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string Lines(IEnumerable<string> lines) =>
        new StringBuilder().AppendJoin('\n', lines).Append('\n').ToString();
}

using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>How a front treats the requests of all services: <c>GET</c> and <c>PUT /testbed/configuration</c>.</summary>
public sealed record FrontConfiguration(IReadOnlyList<ServiceRoute> Services)
{
    /// <summary>Every node gets the same share, and nothing is refused.</summary>
    public static FrontConfiguration Even(IEnumerable<string> services, IReadOnlyList<string> nodes) =>
        new([.. services.Select(service => new ServiceRoute(service, nodes.ToDictionary(node => node, _ => 1.0), 0))]);

    /// <exception cref="BadInputException">A number is out of its range, or a service or node is unknown, missing or there twice.</exception>
    public void Check(IReadOnlyCollection<string> services, IReadOnlyCollection<string> nodes)
    {
        if (!Services.Select(route => route.Name).Order().SequenceEqual(services.Order()))
        {
            throw new BadInputException(
                $"services are {string.Join(", ", Services.Select(route => route.Name))}; expected {string.Join(", ", services)}, each once"
            );
        }
        foreach (var route in Services)
        {
            route.Check(nodes);
        }
    }
}

/// <summary>How a front treats the requests of one service.</summary>
/// <param name="Name">The service.</param>
/// <param name="Weights">By node, not negative; a node's share is its weight over their sum. Nodes that are not named have 0. All 0: the same share each.</param>
/// <param name="BlockingRate">The share of the requests that is answered 429, in [0, 1]. Requests of the client group premium are never refused.</param>
public sealed record ServiceRoute(string Name, IReadOnlyDictionary<string, double> Weights, double BlockingRate)
{
    internal void Check(IReadOnlyCollection<string> nodes)
    {
        foreach (var (node, weight) in Weights)
        {
            if (!nodes.Contains(node))
            {
                throw new BadInputException($"{Name}: weights name {node}; expected one of {string.Join(", ", nodes)}");
            }
            if (!double.IsFinite(weight) || weight < 0)
            {
                throw new BadInputException(
                    FormattableString.Invariant($"{Name}: the weight of {node} is {weight}; expected at least 0")
                );
            }
        }
        if (!(BlockingRate >= 0 && BlockingRate <= 1))
        {
            throw new BadInputException(
                FormattableString.Invariant($"{Name}: blockingRate is {BlockingRate}; expected 0 to 1")
            );
        }
    }
}

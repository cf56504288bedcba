using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>Where HAProxy has what a front steers: a backend per service, in it a server per node, all by their own names.</summary>
/// <param name="Services">Names of services, which are backends and keys of the map.</param>
/// <param name="Nodes">Names of nodes, which are servers.</param>
/// <param name="BlockingMap">
/// Path of the map of blocking rates, as HAProxy's configuration has it: by service, requests in 10,000.
/// </param>
public sealed record HaProxyNames(IReadOnlyList<string> Services, IReadOnlyList<string> Nodes, string BlockingMap)
{
    /// <exception cref="BadInputException">HAProxy takes no such name.</exception>
    internal void Check()
    {
        foreach (var name in Services.Concat(Nodes))
        {
            if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':'))
            {
                throw new BadInputException(
                    $"front haproxy: the name '{name}'; expected letters, digits and - _ . : as HAProxy takes them"
                );
            }
        }
    }
}

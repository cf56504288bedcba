using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>What can be changed of a node while it runs: <c>GET</c> and <c>PUT /testbed/node</c>.</summary>
/// <param name="CpuCores">Cores of the controls; each stands for a share of a CPU (<see cref="NodeSettings.CoreShare"/>). Not negative.</param>
/// <param name="Slowdown">Factor on the CPU time of every request, such as 3 for a node that is three times slower. Above 0.</param>
/// <param name="WorkFactors">A further factor by service; services that are not named have 1.</param>
public sealed record NodeState(double CpuCores, double Slowdown, IReadOnlyDictionary<string, double> WorkFactors)
{
    /// <summary>A node as it is built.</summary>
    public static NodeState Of(double cpuCores) => new(cpuCores, 1, new Dictionary<string, double>());

    /// <summary>Factor on the CPU time of a service's requests.</summary>
    internal double FactorOf(string service) => Slowdown * WorkFactors.GetValueOrDefault(service, 1);

    /// <exception cref="BadInputException">A number is out of its range, or a service is unknown.</exception>
    internal void Check(IReadOnlyCollection<string> services)
    {
        if (!double.IsFinite(CpuCores) || CpuCores < 0)
        {
            throw new BadInputException(FormattableString.Invariant($"cpuCores is {CpuCores}; expected at least 0"));
        }
        CheckFactor("slowdown", Slowdown);
        foreach (var (service, factor) in WorkFactors)
        {
            if (!services.Contains(service))
            {
                throw new BadInputException(
                    $"workFactors names {service}; expected one of {string.Join(", ", services)}"
                );
            }
            CheckFactor($"workFactors.{service}", factor);
        }
    }

    private static void CheckFactor(string name, double factor)
    {
        if (!double.IsFinite(factor) || factor <= 0)
        {
            throw new BadInputException(FormattableString.Invariant($"{name} is {factor}; expected above 0"));
        }
    }
}

/// <summary>What a node has done since it started: <c>GET /testbed/node/usage</c>.</summary>
/// <param name="CpuSeconds">CPU time that counts towards its quota.</param>
/// <param name="CpuQuota">The CPUs that it may use now: its cores times the share that a core stands for.</param>
/// <param name="RequestsServed">Requests answered, by service.</param>
public sealed record NodeUsage(double CpuSeconds, double CpuQuota, IReadOnlyDictionary<string, long> RequestsServed);

using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.Regression;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>
/// The order of the features of a system model, written once: CPU cores, routing weights and blocking rates, each in the
/// grid's order, then the offered load and the carried load of every service.
/// </summary>
/// <remarks>
/// Unscaled (cores, fractions, req/s): a tree's splits do not depend on scale. The carried load is the one to expect, all
/// that is offered and not refused at the front node, in learning as in planning: a measured one falls with overload and
/// would tell the model, while it learns, what nobody knows beforehand.
/// </remarks>
public sealed class FeatureLayout
{
    private readonly int[] _controls;

    public FeatureLayout(ControlGrid grid, int services)
    {
        Grid = grid;
        Services = services;
        _controls = [.. Enumerable.Range(0, grid.Controls.Count).OrderBy(i => Rank(grid.Controls[i].Target))];
        Names =
        [
            .. _controls.Select(i => grid.Controls[i].Name),
            .. Enumerable.Range(1, services).Select(service => $"l{service}"),
            .. Enumerable.Range(1, services).Select(service => $"cl{service}"),
        ];
        TargetNames = [.. Enumerable.Range(1, services).Select(service => $"d{service}")];
    }

    public ControlGrid Grid { get; }

    public int Services { get; }

    /// <summary>One name per feature: the controls' names, <c>l1</c>, .., <c>cl1</c>, ..</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>One name per target, the mean response time of a service in seconds: <c>d1</c>, ..</summary>
    public IReadOnlyList<string> TargetNames { get; }

    /// <summary>Writes the features of a configuration under a load; <paramref name="features"/> has one place per name.</summary>
    public void Write(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> features)
    {
        for (var i = 0; i < _controls.Length; i++)
        {
            features[i] = Grid.Controls[_controls[i]].Value(configuration.Levels[_controls[i]]);
        }
        for (var service = 0; service < Services; service++)
        {
            var offered = offeredLoads[service].PerSecond;
            features[_controls.Length + service] = offered;
            features[_controls.Length + Services + service] = offered * Admitted(configuration, service);
        }
    }

    /// <summary>The features of many configurations under one load, <c>[configurations, features]</c>, row by row.</summary>
    internal double[] Rows(ReadOnlySpan<Configuration> configurations, ReadOnlySpan<RequestRate> offeredLoads)
    {
        var features = new double[configurations.Length * Names.Count];
        for (var i = 0; i < configurations.Length; i++)
        {
            Write(configurations[i], offeredLoads, features.AsSpan(i * Names.Count, Names.Count));
        }
        return features;
    }

    /// <exception cref="ArgumentException">The features or targets of the forest are not those of this layout.</exception>
    internal void Check(RandomForest forest)
    {
        if (!forest.FeatureNames.SequenceEqual(Names) || !forest.TargetNames.SequenceEqual(TargetNames))
        {
            throw new ArgumentException(
                $"the forest maps {string.Join(", ", forest.FeatureNames)} to {string.Join(", ", forest.TargetNames)}; "
                    + $"expected {string.Join(", ", Names)} to {string.Join(", ", TargetNames)}",
                nameof(forest)
            );
        }
    }

    /// <summary>The share of a service's requests that the front node does not refuse.</summary>
    private double Admitted(Configuration configuration, int service)
    {
        for (var i = 0; i < Grid.Controls.Count; i++)
        {
            if (Grid.Controls[i].Target is ControlTarget.BlockingRate blocking && blocking.Service == service)
            {
                return 1 - Grid.Controls[i].Value(configuration.Levels[i]);
            }
        }
        return 1;
    }

    private static int Rank(ControlTarget target) =>
        target switch
        {
            ControlTarget.CpuCores => 0,
            ControlTarget.RoutingWeight => 1,
            _ => 2,
        };
}

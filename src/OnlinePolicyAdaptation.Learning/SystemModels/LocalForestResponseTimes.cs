using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.Regression;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>Response times of a mesh of any size: one forest per service, over the controls that it can feel.</summary>
/// <remarks>
/// A service feels its own routing weights, the CPU of the nodes it is routed to, and the routing weights and blocking
/// rates of the services it shares these nodes with. Its features are the values of these controls in the grid's order,
/// then the loads offered to these services. So the number of features depends on how many services share a node, not on
/// the size of the mesh.
/// </remarks>
public sealed class LocalForestResponseTimes : IResponseTimeModel
{
    private readonly ControlGrid _grid;
    private readonly Neighbourhood[] _neighbourhoods;
    private readonly RandomForest[] _forests;

    private LocalForestResponseTimes(ControlGrid grid, Neighbourhood[] neighbourhoods, RandomForest[] forests)
    {
        _grid = grid;
        _neighbourhoods = neighbourhoods;
        _forests = forests;
    }

    /// <summary>What was measured of all services at once.</summary>
    /// <param name="Levels">One per control.</param>
    /// <param name="OfferedLoads">One per service.</param>
    /// <param name="Seconds">Mean response time, one per service.</param>
    public readonly record struct Measurement(
        EquatableArray<int> Levels,
        EquatableArray<RequestRate> OfferedLoads,
        EquatableArray<double> Seconds
    );

    /// <summary>Fits the forest of every service to the measurements.</summary>
    /// <param name="grid">Its routing weights say on which nodes a service is.</param>
    /// <param name="services">The number of services.</param>
    /// <param name="measurements">At least one.</param>
    /// <param name="options">How each forest is grown.</param>
    /// <param name="key">Service i has child i.</param>
    public static LocalForestResponseTimes Fit(
        ControlGrid grid,
        int services,
        IReadOnlyList<Measurement> measurements,
        ForestOptions options,
        RandomKey key
    )
    {
        var neighbourhoods = Neighbourhood.OfAll(grid, services);
        var forests = new RandomForest[services];
        for (var service = 0; service < services; service++)
        {
            var neighbourhood = neighbourhoods[service];
            var width = neighbourhood.FeatureCount;
            var features = new double[measurements.Count * width];
            var targets = new double[measurements.Count];
            for (var row = 0; row < measurements.Count; row++)
            {
                var measured = measurements[row];
                var place = features.AsSpan(row * width, width);
                neighbourhood.Write(grid, measured.Levels.AsSpan(), measured.OfferedLoads.AsSpan(), place);
                targets[row] = measured.Seconds[service];
            }
            var set = new TrainingSet(neighbourhood.Names(grid), [$"d{service + 1}"], features, targets);
            forests[service] = RandomForest.Fit(set, options, key.Split(service));
        }
        return new(grid, neighbourhoods, forests);
    }

    public ResponseTimeScope ScopeOf(int service) => _neighbourhoods[service].Scope;

    public void Predict(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> responseTimes)
    {
        for (var service = 0; service < responseTimes.Length; service++)
        {
            responseTimes[service] = PredictService(service, configuration.Levels.AsSpan(), offeredLoads);
        }
    }

    /// <remarks>The uncertainty is by how much the trees of a forest disagree; of the noise nothing is known.</remarks>
    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes,
        Span<double> uncertainty,
        Span<double> noise
    )
    {
        for (var i = 0; i < responseTimes.Length; i++)
        {
            var (row, service) = Math.DivRem(i, offeredLoads.Length);
            var neighbourhood = _neighbourhoods[service];
            var features = new double[neighbourhood.FeatureCount];
            neighbourhood.Write(_grid, configurations[row].Levels.AsSpan(), offeredLoads, features);
            _forests[service].Predict(features, responseTimes.Slice(i, 1), uncertainty.Slice(i, 1));
        }
        noise.Clear();
    }

    public double PredictService(int service, ReadOnlySpan<int> levels, ReadOnlySpan<RequestRate> offeredLoads)
    {
        var neighbourhood = _neighbourhoods[service];
        Span<double> features = stackalloc double[neighbourhood.FeatureCount];
        Span<double> seconds = stackalloc double[1];
        neighbourhood.Write(_grid, levels, offeredLoads, features);
        _forests[service].Predict(features, seconds);
        return seconds[0];
    }
}

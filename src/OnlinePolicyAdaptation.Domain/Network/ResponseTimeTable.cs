namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>Response times listed for every configuration of an enumerable grid, at one load.</summary>
public sealed class ResponseTimeTable : IResponseTimeModel
{
    private readonly ControlGrid _grid;
    private readonly double[] _seconds;
    private readonly int _services;

    /// <param name="grid">The controls.</param>
    /// <param name="services">The number of services.</param>
    /// <param name="seconds">Shape [configurations, services], row after row, in seconds.</param>
    public ResponseTimeTable(ControlGrid grid, int services, ReadOnlySpan<double> seconds)
    {
        if (seconds.Length != grid.ConfigurationCount * services)
        {
            throw new ArgumentException(
                $"{seconds.Length} response times given for {grid.ConfigurationCount} configurations of {services} services",
                nameof(seconds)
            );
        }
        _grid = grid;
        _services = services;
        _seconds = seconds.ToArray();
    }

    /// <summary>Asks another model for every configuration once, at the given load, and remembers the answers.</summary>
    public static ResponseTimeTable Of(
        ControlGrid grid,
        IResponseTimeModel model,
        ReadOnlySpan<RequestRate> offeredLoads
    )
    {
        var services = offeredLoads.Length;
        var seconds = new double[grid.ConfigurationCount * services];
        model.PredictAll(grid.Configurations(), offeredLoads, seconds);
        return new(grid, services, seconds);
    }

    /// <summary>The response times of a configuration number, one per service, in seconds.</summary>
    public ReadOnlySpan<double> this[int configuration] => _seconds.AsSpan(configuration * _services, _services);

    public void Predict(
        Configuration configuration,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes
    ) => this[_grid.IndexOf(configuration)].CopyTo(responseTimes);
}

using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>One recorded monitoring interval.</summary>
/// <param name="Line">Its line in the file; the header is line 1.</param>
/// <param name="Configuration">The configuration in force.</param>
/// <param name="LoadLevels">The load each service was configured for.</param>
/// <param name="Services">What was measured of each service, which has no response time where it answered nothing.</param>
public sealed record TraceRow(
    int Line,
    Configuration Configuration,
    EquatableArray<RequestRate> LoadLevels,
    EquatableArray<ServiceMetrics> Services
);

/// <summary>Reads a recorded trace row by row; after a bad row it can go on with the next one.</summary>
public sealed class TraceReader : IDisposable
{
    private readonly TraceFile _file;
    private readonly ControlReader[] _controls;
    private readonly ServiceReader[] _services;

    private TraceReader(TraceFile file, ControlGrid grid, TraceColumns columns)
    {
        _file = file;
        _controls =
        [
            .. grid.Controls.Zip(columns.Controls, (control, column) => new ControlReader(file, control, column)),
        ];
        _services = [.. columns.Services.Select(column => new ServiceReader(file, column))];
    }

    /// <exception cref="BadInputException">The file or a column is missing, or a unit unknown.</exception>
    /// <param name="path">A CSV file with a header; numbers have a decimal point.</param>
    /// <param name="grid">The controls; every row is on it.</param>
    /// <param name="columns">Where controls and measurements stand, and in which units.</param>
    public static TraceReader Open(string path, ControlGrid grid, TraceColumns columns)
    {
        var file = TraceFile.Open(path);
        try
        {
            return new(file, grid, columns);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The names in the first line.</summary>
    public IReadOnlyList<string> Header => _file.Header;

    /// <summary>Goes to the next row; false where there is none.</summary>
    /// <exception cref="BadInputException">It is not readable as CSV.</exception>
    public bool Read() => _file.Read();

    /// <summary>The row as it stands in the file, its fields separated by commas.</summary>
    public string Text => _file.RowText;

    /// <summary>The row.</summary>
    /// <exception cref="BadInputException">A value is not a number in its range or off the grid.</exception>
    public TraceRow Row()
    {
        var levels = _controls.Select(control => control.Level()).ToEquatableArray();
        var loadLevels = _services.Select(service => service.LoadLevel()).ToEquatableArray();
        var measured = _services.Select(service => service.Metrics()).ToEquatableArray();
        return new(_file.Line, new(levels), loadLevels, measured);
    }

    public void Dispose() => _file.Dispose();

    private sealed class ControlReader(TraceFile file, Control control, TraceColumn column)
    {
        private readonly TraceField _field = file.Field(
            column,
            control.Target is ControlTarget.CpuCores ? double.MaxValue : 1
        );

        public int Level()
        {
            var value = _field.Number();
            return control.Level(value)
                ?? throw _field.Unexpected(FormattableString.Invariant($"a value of the grid {control}"));
        }
    }

    private sealed class ServiceReader(TraceFile file, ServiceColumns columns)
    {
        private readonly TraceField _offered = file.Field(columns.OfferedLoad);
        private readonly TraceField _carried = file.Field(columns.CarriedLoad);
        private readonly TraceField _mean = file.Field(columns.MeanResponseTime);
        private readonly TraceField? _level = columns.LoadLevel is { } level ? file.Field(level) : null;
        private readonly StatisticsReader? _statistics = columns.Statistics is { } statistics
            ? new(file, statistics)
            : null;

        public RequestRate LoadLevel() => new((_level ?? _offered).Number());

        public ServiceMetrics Metrics()
        {
            var carried = _carried.Number();
            var mean = _mean.Number();
            return new(new(_offered.Number()), new(carried), carried > 0 ? new ResponseTime(mean) : null)
            {
                Statistics = _statistics?.Read(),
            };
        }
    }

    private sealed class StatisticsReader(TraceFile file, StatisticsColumns columns)
    {
        private readonly TraceField _deviation = file.Field(columns.StandardDeviation);
        private readonly TraceField _p90 = file.Field(columns.P90);
        private readonly TraceField _p99 = file.Field(columns.P99);
        private readonly TraceField[] _nodeMeans = [.. columns.NodeMeans.Select(column => file.Field(column))];
        private readonly TraceField[] _nodeDeviations =
        [
            .. columns.NodeStandardDeviations.Select(column => file.Field(column)),
        ];
        private readonly TraceField _dropped = file.Field(columns.Dropped);

        public ResponseTimeStatistics Read() =>
            new(
                _deviation.Number(),
                new(_p90.Number()),
                new(_p99.Number()),
                _nodeMeans.Select(field => new ResponseTime(field.Number())).ToEquatableArray(),
                _nodeDeviations.Select(field => field.Number()).ToEquatableArray(),
                new(_dropped.Number())
            );
    }
}

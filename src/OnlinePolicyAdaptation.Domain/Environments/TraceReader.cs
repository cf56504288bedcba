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
)
{
    /// <summary>When the interval ended; null where the trace has no times.</summary>
    public DateTimeOffset? Time { get; init; }
}

/// <summary>Reads a recorded trace row by row; after a bad row it can go on with the next one.</summary>
public sealed class TraceReader : IDisposable
{
    private readonly TraceFile _file;
    private readonly ControlReader[] _controls;
    private readonly ServiceReader[] _services;
    private readonly TraceTime? _time;

    private TraceReader(TraceFile file, ControlGrid grid, TraceColumns columns)
    {
        _file = file;
        _controls =
        [
            .. grid.Controls.Zip(columns.Controls, (control, column) => new ControlReader(file, control, column)),
        ];
        _services = [.. columns.Services.Select(column => new ServiceReader(file, column))];
        _time = columns.Time is { } time ? new(file, time) : null;
    }

    /// <exception cref="BadInputException">The file or a column is missing, or a unit unknown.</exception>
    /// <param name="path">A CSV file with a header.</param>
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

    /// <summary>Goes to the next row, good or bad; false where there is none.</summary>
    /// <exception cref="BadInputException">The rest of the file is damaged: there is no going on.</exception>
    public bool Read() => _file.Csv.Next();

    /// <summary>The row as it stands in the file; of one that is too long its beginning.</summary>
    public string Text => _file.Csv.RowText;

    /// <summary>The row.</summary>
    /// <exception cref="BadInputException">
    /// It has more or fewer cells than the header, or a value is not a number in its range or off the grid.
    /// </exception>
    public TraceRow Row()
    {
        var levels = _controls.Select(control => control.Level()).ToEquatableArray();
        var loadLevels = _services.Select(service => service.LoadLevel()).ToEquatableArray();
        var measured = _services.Select(service => service.Metrics()).ToEquatableArray();
        return new(_file.Line, new(levels), loadLevels, measured) { Time = _time?.Read() };
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The error of a row whose time should be later than that of an earlier line.</summary>
    internal BadInputException NotAfter(DateTimeOffset earlier, int line) => _time!.NotAfter(earlier, line);

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
            var offered = new RequestRate(_offered.Number());
            var carried = new RequestRate(_carried.Number());
            var served = carried.PerSecond > 0 ? _carried.ToString() : null;
            var metrics = new ServiceMetrics(
                offered,
                carried,
                served is null ? null : new ResponseTime(_mean.NumberOf(served))
            );
            return _statistics?.Read(metrics, served) ?? metrics;
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

        /// <summary>The metrics with their finer statistics.</summary>
        /// <param name="metrics">What is known already.</param>
        /// <param name="served">What the service served; null: nothing, and there are no response times.</param>
        public ServiceMetrics Read(ServiceMetrics metrics, string? served)
        {
            double Of(TraceField field) => served is null ? OrZero(field) : field.NumberOf(served);

            var statistics = new ResponseTimeStatistics
            {
                StandardDeviation = Of(_deviation),
                P90 = new(Of(_p90)),
                P99 = new(Of(_p99)),
            };
            return metrics with
            {
                FailedLoad = new(_dropped.Number()),
                Statistics = served is null ? null : statistics,
                Nodes = _nodeMeans.Zip(_nodeDeviations, AtNode).ToEquatableArray(),
            };
        }

        private static ServiceAtNode AtNode(TraceField mean, TraceField deviation)
        {
            var (seconds, spread) = (OrZero(mean), OrZero(deviation));
            return seconds > 0
                ? new()
                {
                    MeanResponseTime = new(seconds),
                    Statistics = new() { StandardDeviation = spread },
                }
                : new();
        }

        /// <summary>A node that answered nothing has 0, or no number.</summary>
        private static double OrZero(TraceField field) => field.IsBlank ? 0 : field.Number();
    }
}

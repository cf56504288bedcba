using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>One recorded monitoring interval.</summary>
/// <param name="Line">Its line in the file; the header is line 1.</param>
/// <param name="Configuration">The configuration in force.</param>
/// <param name="LoadLevels">The load each service was configured for.</param>
/// <param name="Services">What was measured of each service; every service answered something.</param>
public sealed record TraceRow(
    int Line,
    Configuration Configuration,
    EquatableArray<RequestRate> LoadLevels,
    EquatableArray<ServiceMetrics> Services
);

/// <summary>Metrics recorded on a testbed, one row per monitoring interval, read from a CSV file.</summary>
public sealed class TestbedTrace
{
    private TestbedTrace(string path, IReadOnlyList<TraceRow> rows, int rowsWithoutService)
    {
        Path = path;
        Rows = rows;
        RowsWithoutService = rowsWithoutService;
    }

    /// <summary>The file it was read from.</summary>
    public string Path { get; }

    /// <summary>The rows in which every service answered something, in the file's order; at least one.</summary>
    public IReadOnlyList<TraceRow> Rows { get; }

    /// <summary>Rows left out because some service answered nothing, so that it has no response time.</summary>
    public int RowsWithoutService { get; }

    /// <exception cref="BadInputException">
    /// The file or a column is missing, there is no row, or a value is not a number in its range or off the grid; the
    /// message names file, line, column and value.
    /// </exception>
    /// <summary>Reads all rows.</summary>
    /// <param name="path">A CSV file with a header; numbers have a decimal point.</param>
    /// <param name="grid">The controls; every row is on it.</param>
    /// <param name="columns">Where controls and measurements stand, and in which units.</param>
    public static TestbedTrace Read(string path, ControlGrid grid, TraceColumns columns)
    {
        using var file = TraceFile.Open(path);
        var controls = grid
            .Controls.Zip(columns.Controls, (control, column) => new ControlReader(file, control, column))
            .ToArray();
        var services = columns.Services.Select(column => new ServiceReader(file, column)).ToArray();

        var rows = new List<TraceRow>();
        var withoutService = 0;
        while (file.Read())
        {
            var levels = controls.Select(control => control.Level()).ToEquatableArray();
            var loadLevels = services.Select(service => service.LoadLevel()).ToEquatableArray();
            var measured = services.Select(service => service.Metrics()).ToEquatableArray();
            if (measured.All(service => service.MeanResponseTime is not null))
            {
                rows.Add(new(file.Line, new(levels), loadLevels, measured));
            }
            else
            {
                withoutService++;
            }
        }
        return rows.Count > 0
            ? new(path, rows, withoutService)
            : throw new BadInputException($"{path}: no row in which a service answered a request");
    }

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

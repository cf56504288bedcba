using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

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

    /// <summary>
    /// The same rows at other load levels: what a function makes of the offered loads that were measured in them. For a
    /// recording that was configured for no load.
    /// </summary>
    /// <param name="levelOf">The level of measured loads, one rate per service.</param>
    public TestbedTrace AtLoadLevels(Func<EquatableArray<RequestRate>, EquatableArray<RequestRate>> levelOf) =>
        new(
            Path,
            [
                .. Rows.Select(row =>
                    row with
                    {
                        LoadLevels = levelOf(row.Services.Select(service => service.OfferedLoad).ToEquatableArray()),
                    }
                ),
            ],
            RowsWithoutService
        );

    /// <summary>A recording that was never written to a file; its lines are counted from 1.</summary>
    /// <param name="name">What it is called, in place of a path.</param>
    /// <param name="recorded">At least one in which every service answered something.</param>
    public static TestbedTrace Of(string name, IEnumerable<RecordedInterval> recorded)
    {
        TraceRow[] all =
        [
            .. recorded.Select(
                (interval, i) =>
                    new TraceRow(i + 1, interval.Metrics.Configuration, interval.LoadLevels, interval.Metrics.Services)
            ),
        ];
        TraceRow[] served = [.. all.Where(row => row.Services.All(service => service.MeanResponseTime is not null))];
        ArgumentOutOfRangeException.ThrowIfZero(served.Length, nameof(recorded));
        return new(name, served, all.Length - served.Length);
    }

    /// <summary>Reads all rows.</summary>
    /// <param name="path">A CSV file with a header.</param>
    /// <param name="grid">The controls; every row is on it.</param>
    /// <param name="columns">Where controls and measurements stand, and in which units.</param>
    /// <exception cref="BadInputException">
    /// The file or a column is missing, there is no row, a row is not as the header, a value is not a number in its range
    /// or off the grid, or a time is not after the one before; the message names file, line, column and value.
    /// </exception>
    public static TestbedTrace Read(string path, ControlGrid grid, TraceColumns columns)
    {
        using var reader = TraceReader.Open(path, grid, columns);
        var rows = new List<TraceRow>();
        var withoutService = 0;
        TraceRow? last = null;
        while (reader.Read())
        {
            var row = reader.Row();
            if (row.Time is { } time && last?.Time is { } earlier && time <= earlier)
            {
                throw reader.NotAfter(earlier, last.Line);
            }
            last = row;
            if (row.Services.All(service => service.MeanResponseTime is not null))
            {
                rows.Add(row);
            }
            else
            {
                withoutService++;
            }
        }
        return (last, rows.Count) switch
        {
            (null, _) => throw new BadInputException($"{path}: a header and no row; expected one row per interval"),
            (_, 0) => throw new BadInputException($"{path}: no row in which every service answered a request"),
            _ => new(path, rows, withoutService),
        };
    }
}

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
        using var reader = TraceReader.Open(path, grid, columns);
        var rows = new List<TraceRow>();
        var withoutService = 0;
        while (reader.Read())
        {
            var row = reader.Row();
            if (row.Services.All(service => service.MeanResponseTime is not null))
            {
                rows.Add(row);
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
}

using System.Data;
using OnlinePolicyAdaptation.Domain.Network;
using Sylvan.Data.Csv;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>Writes recorded intervals as a CSV file with the columns of the testbed's traces.</summary>
/// <remarks>
/// For service i and nodes 1, 2, ..., in this order: <c>expected_li</c> (load level, in units), <c>li</c> (offered
/// load, req/s), the blocking rate (its control, or <c>bi</c> = 0 without one), the service's routing weights, CPU
/// cores, <c>cli</c> (carried load, req/s), <c>di</c>, <c>di_std</c> (response time, s), <c>di1, di2, ...</c>,
/// <c>di1_std, di2_std, ...</c> (per node), <c>dropi</c> (req/s), <c>di_99</c>, <c>di_90</c>. Controls have the names
/// and the order of the grid; CPU controls are dealt out to the services in turn: with two services and two controls,
/// <c>c1</c> stands with the first and <c>c2</c> with the second. Where nothing was served, <c>cli</c> and <c>di</c>
/// are 0; statistics that were not reported are 0. Numbers are written so that they read back exactly.
/// </remarks>
public static class TestbedTraceWriter
{
    private delegate double CellValue(RecordedInterval row);

    /// <param name="path">The file; it appears complete or not at all.</param>
    /// <param name="topology">The services and nodes of the rows.</param>
    /// <param name="grid">The controls of the rows' configurations.</param>
    /// <param name="loadUnit">The load that an <c>expected_l</c> of 1 stands for; above 0.</param>
    /// <param name="rows">In the order of the file.</param>
    /// <param name="statistics">Whether the finer statistics are written: all columns of a service after <c>di</c>.</param>
    /// <exception cref="DuplicateNameException">A control has the name of another column.</exception>
    public static void Write(
        string path,
        Topology topology,
        ControlGrid grid,
        RequestRate loadUnit,
        IEnumerable<RecordedInterval> rows,
        bool statistics = true
    )
    {
        _ = Require.Positive(loadUnit.PerSecond, nameof(loadUnit));
        using var table = new DataTable();
        var cells = new List<CellValue>();
        for (var service = 0; service < topology.Services.Count; service++)
        {
            var columns = Columns(service, topology, grid, loadUnit);
            foreach (var (name, cell) in statistics ? columns.Concat(Statistics(service, topology)) : columns)
            {
                table.Columns.Add(name, typeof(double));
                cells.Add(cell);
            }
        }
        foreach (var row in rows)
        {
            table.Rows.Add([.. cells.Select(cell => (object)cell(row))]);
        }
        AtomicFile.Write(
            path,
            text =>
            {
                using var csv = CsvDataWriter.Create(text, new CsvDataWriterOptions { NewLine = "\n" });
                using var reader = table.CreateDataReader();
                csv.Write(reader);
            }
        );
    }

    private static IEnumerable<(string Name, CellValue Value)> Columns(
        int service,
        Topology topology,
        ControlGrid grid,
        RequestRate loadUnit
    )
    {
        var number = service + 1;
        ServiceMetrics Of(RecordedInterval row) => row.Metrics.Services[service];

        yield return ($"expected_l{number}", row => row.LoadLevels[service].PerSecond / loadUnit.PerSecond);
        yield return ($"l{number}", row => Of(row).OfferedLoad.PerSecond);
        foreach (var column in Controls(service, topology, grid))
        {
            yield return column;
        }
        yield return ($"cl{number}", row => Of(row).CarriedLoad.PerSecond);
        yield return ($"d{number}", row => Of(row).MeanResponseTime?.Seconds ?? 0);
    }

    private static IEnumerable<(string Name, CellValue Value)> Statistics(int service, Topology topology)
    {
        var number = service + 1;
        ServiceMetrics Of(RecordedInterval row) => row.Metrics.Services[service];
        ServiceAtNode? AtNode(RecordedInterval row, int node) =>
            Of(row).Nodes is { Count: > 0 } nodes ? nodes[node] : null;

        yield return ($"d{number}_std", row => Of(row).Statistics?.StandardDeviation ?? 0);
        for (var node = 0; node < topology.Nodes.Count; node++)
        {
            var n = node;
            yield return ($"d{number}{n + 1}", row => AtNode(row, n)?.MeanResponseTime?.Seconds ?? 0);
        }
        for (var node = 0; node < topology.Nodes.Count; node++)
        {
            var n = node;
            yield return ($"d{number}{n + 1}_std", row => AtNode(row, n)?.Statistics?.StandardDeviation ?? 0);
        }
        yield return ($"drop{number}", row => Of(row).FailedLoad?.PerSecond ?? 0);
        yield return ($"d{number}_99", row => Of(row).Statistics?.P99?.Seconds ?? 0);
        yield return ($"d{number}_90", row => Of(row).Statistics?.P90?.Seconds ?? 0);
    }

    private static List<(string Name, CellValue Value)> Controls(int service, Topology topology, ControlGrid grid)
    {
        List<(string, CellValue)> blocking = [];
        List<(string, CellValue)> routing = [];
        List<(string, CellValue)> cores = [];
        var cpuControls = 0;
        for (var i = 0; i < grid.Controls.Count; i++)
        {
            var (control, level) = (grid.Controls[i], i);
            (string, CellValue) column = (control.Name, row => control.Value(row.Metrics.Configuration.Levels[level]));
            switch (control.Target)
            {
                case ControlTarget.BlockingRate target when target.Service == service:
                    blocking.Add(column);
                    break;
                case ControlTarget.RoutingWeight target when target.Service == service:
                    routing.Add(column);
                    break;
                case ControlTarget.CpuCores when cpuControls++ % topology.Services.Count == service:
                    cores.Add(column);
                    break;
            }
        }
        if (blocking.Count == 0)
        {
            blocking.Add(($"b{service + 1}", _ => 0));
        }
        return [.. blocking, .. routing, .. cores];
    }
}

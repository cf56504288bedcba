using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.Regression;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>Response times of a recorded system, learnt from all of its trace.</summary>
public static class RecordedResponseTimes
{
    /// <summary>Fits a forest to every row: its configuration and load levels against the mean response times.</summary>
    /// <param name="trace">The recording.</param>
    /// <param name="grid">The controls it was recorded over.</param>
    /// <param name="key">All chance comes from it.</param>
    /// <param name="options">How the forest is grown; null: as <see cref="ForestOptions"/> has it by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The options ask for more features per split than there are.</exception>
    public static ForestResponseTimes Fit(
        TestbedTrace trace,
        ControlGrid grid,
        RandomKey key,
        ForestOptions? options = null
    )
    {
        var layout = new FeatureLayout(grid, trace.Rows[0].Services.Count);
        var features = new double[trace.Rows.Count * layout.Names.Count];
        for (var i = 0; i < trace.Rows.Count; i++)
        {
            var row = trace.Rows[i];
            var place = features.AsSpan(i * layout.Names.Count, layout.Names.Count);
            layout.Write(row.Configuration, row.LoadLevels.AsSpan(), place);
        }
        // Every service of a row of a trace answered something, so that none of these is null.
        var targets = trace
            .Rows.SelectMany(row => row.Services)
            .Select(service => service.MeanResponseTime!.Value.Seconds);
        var set = new TrainingSet(layout.Names, layout.TargetNames, features, targets.ToArray());
        return new(RandomForest.Fit(set, options ?? new(), key), layout);
    }
}

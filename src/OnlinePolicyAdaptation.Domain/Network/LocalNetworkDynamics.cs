using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>
/// The system model of a mesh too large to enumerate, under one load: the reward is the one of all environments and
/// models, computed from one term per service and one per control that costs something.
/// </summary>
/// <remarks>Sum 0 holds the excesses of the services, sum 1 + g what is in use of resource group g.</remarks>
public sealed class LocalNetworkDynamics : ILocalModel
{
    private readonly ControlGrid _grid;
    private readonly RewardFunction _reward;
    private readonly IResponseTimeModel _responseTimes;
    private readonly RequestRate[] _offeredLoads;
    private readonly int[] _controlOf;

    /// <param name="grid">The controls, which are the components.</param>
    /// <param name="reward">Tells the reward of a step.</param>
    /// <param name="responseTimes">The response time of each service; the fewer controls it depends on, the better.</param>
    /// <param name="offeredLoads">One per service; taken to stay as they are.</param>
    public LocalNetworkDynamics(
        ControlGrid grid,
        RewardFunction reward,
        IResponseTimeModel responseTimes,
        ReadOnlySpan<RequestRate> offeredLoads
    )
    {
        _grid = grid;
        _reward = reward;
        _responseTimes = responseTimes;
        _offeredLoads = offeredLoads.ToArray();
        var services = Enumerable
            .Range(0, _offeredLoads.Length)
            .Select(service => (Sum: 0, Scope: (IReadOnlyList<int>)[.. ControlsOf(service)]));
        var used = reward.Saved.SelectMany(
            (group, g) => group.Select(control => (Sum: 1 + g, Scope: (IReadOnlyList<int>)[control]))
        );
        _controlOf = [.. reward.Saved.SelectMany(group => group)];
        Layout = new(grid.Controls.Select(control => control.Levels), 1 + reward.Saved.Count, [.. services, .. used]);
    }

    public TermLayout Layout { get; }

    public double Term(int term, ReadOnlySpan<int> levels)
    {
        if (term < _offeredLoads.Length)
        {
            return _reward.Excess(term, _responseTimes.PredictService(term, levels, _offeredLoads));
        }
        var control = _controlOf[term - _offeredLoads.Length];
        return _grid.Controls[control].Value(levels[control]);
    }

    public double Reward(ReadOnlySpan<double> left, ReadOnlySpan<double> reached) =>
        _reward.Reward(reached[0], left[1..], reached[1..]);

    private IEnumerable<int> ControlsOf(int service) =>
        _responseTimes.ScopeOf(service)?.Controls ?? Enumerable.Range(0, _grid.Controls.Count);
}

using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>
/// A policy written by hand: of the rules whose conditions hold, the first that names a control moves it. A control that
/// none names is kept.
/// </summary>
/// <remarks>A move that the mask forbids is left out of the action (<see cref="ControlAction.Within"/>).</remarks>
public sealed class RulePolicy : IPolicy<SystemState, ControlAction>
{
    private readonly ControlGrid _grid;
    private readonly Rule[] _rules;

    /// <param name="grid">The controls.</param>
    /// <param name="rules">In order of precedence.</param>
    public RulePolicy(ControlGrid grid, IEnumerable<Rule> rules)
    {
        _grid = grid;
        _rules = [.. rules];
        foreach (var (control, move) in _rules.SelectMany(rule => rule.Moves))
        {
            ArgumentOutOfRangeException.ThrowIfNegative(control, nameof(rules));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(control, grid.Controls.Count, nameof(rules));
            ArgumentOutOfRangeException.ThrowIfLessThan(move, -1, nameof(rules));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(move, 1, nameof(rules));
        }
    }

    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key)
    {
        var moves = new int[_grid.Controls.Count];
        var isDecided = new bool[moves.Length];
        foreach (var rule in _rules)
        {
            if (!Holds(rule, state))
            {
                continue;
            }
            foreach (var (control, move) in rule.Moves)
            {
                moves[control] = isDecided[control] ? moves[control] : move;
                isDecided[control] = true;
            }
        }
        return new ControlAction(moves.ToEquatableArray()).Within(mask);
    }

    private bool Holds(Rule rule, SystemState state)
    {
        foreach (var condition in rule.When)
        {
            var value = condition.OfLoad
                ? state.OfferedLoads[condition.Index].PerSecond
                : _grid.Controls[condition.Index].Value(state.Configuration.Levels[condition.Index]);
            if (!condition.Holds(value))
            {
                return false;
            }
        }
        return true;
    }
}

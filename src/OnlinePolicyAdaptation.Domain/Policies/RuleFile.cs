using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>Rules as a JSON file, by the names of controls and services.</summary>
/// <remarks>
/// <code>
/// [
///   { "when": [{ "control": "c1", "atLeast": 3 }, { "service": "web", "atMost": 8 }], "move": { "c1": "down" } },
///   { "move": { "p11": "up", "c1": "keep" } }
/// ]
/// </code>
/// A condition is on the value of a control (cores or share) or on the offered load of a service (req/s), with one bound or
/// both; moves are down, keep and up.
/// </remarks>
public static class RuleFile
{
    private const string Expected = "an array of rules with fields when and move";

    private static readonly string[] Moves = ["down", "keep", "up"];

    internal sealed record ConditionEntry(string? Control, string? Service, double? AtLeast, double? AtMost);

    internal sealed record RuleEntry(ConditionEntry[]? When, Dictionary<string, string>? Move);

    /// <exception cref="BadInputException">There is no such file, or it does not hold rules for these names.</exception>
    public static RulePolicy Load(string path, ControlGrid grid, Topology topology)
    {
        var entries = PolicyJson.Load<RuleEntry[]>(path, Expected);
        return new(grid, entries.Select((entry, i) => Rule(entry, $"{path}: [{i}]", grid, topology)));
    }

    private static Rule Rule(RuleEntry? entry, string place, ControlGrid grid, Topology topology)
    {
        if (entry?.Move is not { Count: > 0 } moves)
        {
            throw new BadInputException($"{place}: no move; expected at least one control to move");
        }
        var controls = grid.Controls.Select(control => control.Name).ToArray();
        var when = (entry.When ?? []).Select(
            (condition, i) => Condition(condition, $"{place}.when[{i}]", controls, [.. topology.Services])
        );
        return new(
            when.ToEquatableArray(),
            moves
                .Select(move =>
                    (
                        Index(controls, move.Key, $"{place}.move"),
                        Index(Moves, move.Value, $"{place}.move.{move.Key}") - 1
                    )
                )
                .ToEquatableArray()
        );
    }

    private static RuleCondition Condition(ConditionEntry? entry, string place, string[] controls, string[] services) =>
        entry switch
        {
            { AtLeast: null, AtMost: null } => throw new BadInputException(
                $"{place}: no bound; expected atLeast, atMost or both"
            ),
            { Control: { } control, Service: null } => Bounded(entry, false, Index(controls, control, place)),
            { Control: null, Service: { } service } => Bounded(entry, true, Index(services, service, place)),
            _ => throw new BadInputException($"{place}: expected exactly one of control and service"),
        };

    private static RuleCondition Bounded(ConditionEntry entry, bool ofLoad, int index) =>
        new(ofLoad, index, entry.AtLeast ?? double.NegativeInfinity, entry.AtMost ?? double.PositiveInfinity);

    private static int Index(string[] names, string? name, string place)
    {
        var index = Array.IndexOf(names, name);
        return index >= 0
            ? index
            : throw new BadInputException($"{place}: '{name}'; expected one of {string.Join(", ", names)}");
    }
}

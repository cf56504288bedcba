using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>What happens to a move that would leave the grid.</summary>
public enum GridEdge
{
    /// <summary>It is masked: not an admissible action.</summary>
    Mask,

    /// <summary>It is admissible and the control stays where it is.</summary>
    Clip,
}

/// <summary>The controls of a system, the configurations they span, and the moves between these.</summary>
/// <remarks>
/// Configurations and actions are numbered like the Cartesian product of the controls in their order, the last one
/// fastest; an action's digits are down, keep, up.
/// </remarks>
public sealed record ControlGrid
{
    /// <param name="controls">At least one, of different names.</param>
    /// <param name="edge">What happens to a move that would leave the grid.</param>
    /// <param name="nodes">
    /// The number of nodes. Null: as many as the controls name, and a second one where there is a routing weight, as a
    /// weight would do nothing on a single node.
    /// </param>
    /// <exception cref="ArgumentException">There is no control, or two have the same name.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A control names a node beyond those given.</exception>
    public ControlGrid(EquatableArray<Control> controls, GridEdge edge = GridEdge.Mask, int? nodes = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(controls.Count, nameof(controls));
        if (controls.Select(control => control.Name).Distinct(StringComparer.Ordinal).Count() != controls.Count)
        {
            throw new ArgumentException("two controls have the same name", nameof(controls));
        }
        var named = controls.Max(control => LastNode(control.Target)) + 1;
        if (nodes < Math.Max(named, 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(nodes),
                nodes,
                $"the controls name nodes up to number {named}; expected at least as many"
            );
        }
        Controls = controls;
        Edge = edge;
        Nodes = nodes ?? Math.Max(named, controls.Any(c => c.Target is ControlTarget.RoutingWeight) ? 2 : 1);
    }

    public EquatableArray<Control> Controls { get; }

    /// <summary>The number of nodes that requests are routed to, at least 1.</summary>
    public int Nodes { get; }

    public GridEdge Edge { get; }

    /// <summary>The number of configurations.</summary>
    /// <exception cref="OverflowException">More than 2^31 - 1: a grid this large cannot be enumerated.</exception>
    public int ConfigurationCount => Product(static control => control.Levels);

    /// <summary>The number of actions, 3 to the power of the number of controls.</summary>
    /// <exception cref="OverflowException">More than 2^31 - 1: they cannot be enumerated.</exception>
    public int ActionCount => Product(static _ => ControlAction.ChoicesPerControl);

    /// <summary>Whether a configuration has a level of every control, each one that the control has.</summary>
    public bool Contains(Configuration configuration)
    {
        var levels = configuration.Levels;
        if (levels.Count != Controls.Count)
        {
            return false;
        }
        for (var i = 0; i < levels.Count; i++)
        {
            if (levels[i] < 0 || levels[i] >= Controls[i].Levels)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The configuration of a number from 0 to <see cref="ConfigurationCount"/> - 1, which is not checked.</summary>
    public Configuration ConfigurationAt(int index)
    {
        var levels = new int[Controls.Count];
        for (var i = levels.Length - 1; i >= 0; i--)
        {
            (index, levels[i]) = Math.DivRem(index, Controls[i].Levels);
        }
        return new Configuration(levels.ToEquatableArray());
    }

    /// <summary>All configurations in the order of their numbers.</summary>
    public Configuration[] Configurations()
    {
        var configurations = new Configuration[ConfigurationCount];
        for (var i = 0; i < configurations.Length; i++)
        {
            configurations[i] = ConfigurationAt(i);
        }
        return configurations;
    }

    /// <summary>The number of a configuration that the grid contains, which is not checked.</summary>
    public int IndexOf(Configuration configuration)
    {
        var index = 0;
        for (var i = 0; i < Controls.Count; i++)
        {
            index = (index * Controls[i].Levels) + configuration.Levels[i];
        }
        return index;
    }

    /// <summary>The action of a number from 0 to <see cref="ActionCount"/> - 1, which is not checked.</summary>
    public ControlAction ActionAt(int index)
    {
        var moves = new int[Controls.Count];
        for (var i = moves.Length - 1; i >= 0; i--)
        {
            (index, var choice) = Math.DivRem(index, ControlAction.ChoicesPerControl);
            moves[i] = choice - 1;
        }
        return new ControlAction(moves.ToEquatableArray());
    }

    /// <summary>The number of an action with a move for every control, which is not checked.</summary>
    public int IndexOf(ControlAction action)
    {
        var index = 0;
        for (var i = 0; i < Controls.Count; i++)
        {
            index = (index * ControlAction.ChoicesPerControl) + action.Choice(i);
        }
        return index;
    }

    /// <summary>The admissible moves of a configuration. "Keep" is always one of them.</summary>
    public ActionMask Mask(Configuration configuration)
    {
        const ulong keep = 0b010;
        var allowed = new ulong[Controls.Count];
        for (var i = 0; i < allowed.Length; i++)
        {
            var level = configuration.Levels[i];
            var down = Edge == GridEdge.Clip || level > 0 ? 0b001UL : 0;
            var up = Edge == GridEdge.Clip || level < Controls[i].Levels - 1 ? 0b100UL : 0;
            allowed[i] = down | keep | up;
        }
        return new ActionMask(allowed.ToEquatableArray());
    }

    /// <summary>The configuration after an action. Never leaves the grid: a move beyond the edge stays at it.</summary>
    public Configuration Move(Configuration configuration, ControlAction action)
    {
        var levels = new int[Controls.Count];
        for (var i = 0; i < levels.Length; i++)
        {
            levels[i] = Math.Clamp(configuration.Levels[i] + action.Moves[i], 0, Controls[i].Levels - 1);
        }
        return new Configuration(levels.ToEquatableArray());
    }

    /// <summary>
    /// The sum of the absolute changes that an action asks for, in the controls' own units (cores and shares), whether or
    /// not the edge of the grid lets them happen.
    /// </summary>
    public double Distance(ControlAction action)
    {
        var distance = 0.0;
        for (var i = 0; i < Controls.Count; i++)
        {
            distance += Math.Abs(action.Moves[i]) * Controls[i].Step;
        }
        return distance;
    }

    /// <summary>The real value of every control, in cores or as a share.</summary>
    public EquatableArray<double> Values(Configuration configuration)
    {
        var values = new double[Controls.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Controls[i].Value(configuration.Levels[i]);
        }
        return values.ToEquatableArray();
    }

    /// <summary>Name and value of every control, such as <c>p11=0.6, c1=3</c>.</summary>
    public string Describe(Configuration configuration) =>
        string.Join(
            ", ",
            Controls.Zip(Values(configuration), (c, value) => FormattableString.Invariant($"{c.Name}={value:0.######}"))
        );

    private int Product(Func<Control, int> count)
    {
        var product = 1;
        foreach (var control in Controls)
        {
            product = checked(product * count(control));
        }
        return product;
    }

    /// <summary>The highest node that a control names, from 0; -1: none.</summary>
    private static int LastNode(ControlTarget target) =>
        target switch
        {
            ControlTarget.RoutingWeight weight => weight.Node,
            ControlTarget.CpuCores cpu => cpu.Nodes.DefaultIfEmpty(-1).Max(),
            _ => -1,
        };
}

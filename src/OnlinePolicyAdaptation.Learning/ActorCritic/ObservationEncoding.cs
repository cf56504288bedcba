using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>The loads that a service is offered at times.</summary>
/// <param name="Lowest">At least 0, finite.</param>
/// <param name="Highest">At least <paramref name="Lowest"/>, finite.</param>
public readonly record struct LoadRange(RequestRate Lowest, RequestRate Highest);

/// <summary>What an input of a network is made from.</summary>
public enum ObservedQuantity
{
    /// <summary>The value of a control, in cores or as a share.</summary>
    Control,

    /// <summary>The offered load of a service, in req/s.</summary>
    OfferedLoad,
}

/// <summary>One input of a network: <c>(value - Offset) * Scale</c>.</summary>
/// <param name="Quantity">What the value is.</param>
/// <param name="Index">Of which control or service, from 0.</param>
/// <param name="Offset">In the unit of the value; finite.</param>
/// <param name="Scale">Per unit of the value; finite.</param>
public readonly record struct ObservationInput(ObservedQuantity Quantity, int Index, double Offset, double Scale);

/// <summary>How a state becomes the inputs of a network: the affine image of a control's value or an offered load, each.</summary>
/// <remarks>Values outside the range that an input was made for are not clipped. Compares by value.</remarks>
public sealed record ObservationEncoding
{
    /// <param name="grid">The controls.</param>
    /// <param name="serviceCount">The number of services, at least 1.</param>
    /// <param name="inputs">At least one, in the network's order.</param>
    public ObservationEncoding(ControlGrid grid, int serviceCount, EquatableArray<ObservationInput> inputs)
    {
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(serviceCount);
        ArgumentOutOfRangeException.ThrowIfZero(inputs.Count, nameof(inputs));
        for (var i = 0; i < inputs.Count; i++)
        {
            var (quantity, index, offset, scale) = inputs[i];
            var count = quantity == ObservedQuantity.Control ? grid.Controls.Count : serviceCount;
            if (index < 0 || index >= count || !double.IsFinite(offset) || !double.IsFinite(scale))
            {
                throw new ArgumentException(
                    FormattableString.Invariant(
                        $"input {i} is {quantity} {index}, offset {offset}, scale {scale}; expected an index below {count} and finite numbers"
                    ),
                    nameof(inputs)
                );
            }
        }
        Grid = grid;
        ServiceCount = serviceCount;
        Inputs = inputs;
    }

    public ControlGrid Grid { get; }

    public int ServiceCount { get; }

    /// <summary>In the network's order; at least one.</summary>
    public EquatableArray<ObservationInput> Inputs { get; }

    /// <summary>
    /// Every control in the grid's order, then the load of every service that varies; each mapped from its range onto
    /// [-1, 1]. A load whose range is a single number says nothing and is left out.
    /// </summary>
    /// <param name="grid">The controls.</param>
    /// <param name="loads">One per service.</param>
    public static ObservationEncoding Normalised(ControlGrid grid, IReadOnlyList<LoadRange> loads)
    {
        var controls = grid.Controls.Select(
            (control, i) => OntoUnit(ObservedQuantity.Control, i, control.Lowest, control.Highest)
        );
        var varying = loads
            .Select((range, i) => (range, i))
            .Where(load => load.range.Lowest != load.range.Highest)
            .Select(load =>
                OntoUnit(
                    ObservedQuantity.OfferedLoad,
                    load.i,
                    load.range.Lowest.PerSecond,
                    load.range.Highest.PerSecond
                )
            );
        return new(grid, loads.Count, controls.Concat(varying).ToEquatableArray());
    }

    /// <param name="state">A state of the grid, with one load per service.</param>
    /// <param name="observation">Receives one number per input.</param>
    public void Encode(SystemState state, Span<float> observation)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(observation.Length, Inputs.Count, nameof(observation));
        var levels = state.Configuration.Levels.AsSpan();
        var loads = state.OfferedLoads.AsSpan();
        var inputs = Inputs.AsSpan();
        var controls = Grid.Controls.AsSpan();
        for (var i = 0; i < inputs.Length; i++)
        {
            ref readonly var input = ref inputs[i];
            var value =
                input.Quantity == ObservedQuantity.Control
                    ? controls[input.Index].Value(levels[input.Index])
                    : loads[input.Index].PerSecond;
            observation[i] = (float)((value - input.Offset) * input.Scale);
        }
    }

    private static ObservationInput OntoUnit(ObservedQuantity quantity, int index, double lowest, double highest) =>
        new(quantity, index, (lowest + highest) / 2, 2 / (highest - lowest));
}

namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>The admissible actions of one state, as a product of the choices allowed to each component of the action.</summary>
/// <remarks>
/// A component is what multiagent rollout optimises at a time (one control); its choices are numbered from 0, at most 64.
/// Bit k of <c>Allowed[i]</c> is set when component i may take choice k. No component is without a choice.
/// </remarks>
public sealed record ActionMask
{
    /// <param name="allowed">One per component; bit k is set where choice k is allowed.</param>
    /// <exception cref="ArgumentException">A component has no choice.</exception>
    public ActionMask(EquatableArray<ulong> allowed)
    {
        for (var i = 0; i < allowed.Count; i++)
        {
            if (allowed[i] == 0)
            {
                throw new ArgumentException($"component {i} has no admissible choice", nameof(allowed));
            }
        }
        Allowed = allowed;
    }

    /// <summary>One per component; bit k is set where choice k is allowed. None is 0.</summary>
    public EquatableArray<ulong> Allowed { get; }

    public int Components => Allowed.Count;

    /// <summary>Whether a component, from 0, may take a choice, 0 to 63.</summary>
    public bool Allows(int component, int choice) => ((Allowed[component] >> choice) & 1) != 0;
}

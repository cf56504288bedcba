using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Training;

/// <summary>
/// The distinct states met while training, a row each: what the networks see of them, what is admissible there, and what
/// the networks make of them.
/// </summary>
/// <remarks>
/// On a control grid states repeat. Everything that depends on a state alone is computed once per row, and once more
/// whenever the networks have changed.
/// </remarks>
internal sealed class ObservedStates(ObservationEncoding encoding)
{
    private const int Choices = ControlAction.ChoicesPerControl;

    /// <summary>Rows beyond which the table is emptied, between two batches.</summary>
    private const int MostRows = 1 << 16;

    private readonly Dictionary<SystemState, int> _rows = [];
    private SystemState[] _states = new SystemState[64];
    private float[] _observations = new float[64 * encoding.Inputs.Count];
    private bool[] _forbidden = new bool[64 * encoding.Grid.Controls.Count * Choices];
    private float[] _logProbabilities = new float[64 * encoding.Grid.Controls.Count * Choices];
    private float[] _values = new float[64];
    private int[] _versions = new int[64];
    private ActorAndCritic? _networks;
    private int _version;

    /// <summary>Inputs of the networks.</summary>
    public int Inputs { get; } = encoding.Inputs.Count;

    /// <summary>Outputs of the actor: the choices of all controls.</summary>
    public int Logits { get; } = encoding.Grid.Controls.Count * Choices;

    public int Count => _rows.Count;

    /// <summary>What the networks see, <c>[inputs]</c>.</summary>
    public ReadOnlySpan<float> Observation(int row) => _observations.AsSpan(row * Inputs, Inputs);

    /// <summary>Whether each choice is masked, <c>[controls, 3]</c>.</summary>
    public ReadOnlySpan<bool> Forbidden(int row) => _forbidden.AsSpan(row * Logits, Logits);

    public SystemState State(int row) => _states[row];

    /// <summary>Lets the rows be evaluated with these networks from now on; no row that was given out is used again.</summary>
    public void Use(ActorAndCritic networks)
    {
        _networks = networks;
        _version++;
        if (_rows.Count > MostRows)
        {
            _rows.Clear();
        }
    }

    public int RowOf(SystemState state)
    {
        if (_rows.TryGetValue(state, out var known))
        {
            return known;
        }
        var row = _rows.Count;
        if (row == _states.Length)
        {
            Grow();
        }
        _rows.Add(state, row);
        _states[row] = state;
        _versions[row] = 0;
        encoding.Encode(state, _observations.AsSpan(row * Inputs, Inputs));
        var mask = encoding.Grid.Mask(state.Configuration);
        for (var i = 0; i < Logits; i++)
        {
            _forbidden[(row * Logits) + i] = !mask.Allows(i / Choices, i % Choices);
        }
        return row;
    }

    /// <summary>Logarithms of the probabilities of all choices, <c>[controls, 3]</c>; minus infinity for masked ones.</summary>
    public ReadOnlySpan<float> LogProbabilities(int row)
    {
        Evaluate(row);
        return _logProbabilities.AsSpan(row * Logits, Logits);
    }

    /// <summary>The critic's value.</summary>
    public float Value(int row)
    {
        Evaluate(row);
        return _values[row];
    }

    private void Evaluate(int row)
    {
        if (_versions[row] == _version || _networks is not var (actor, critic))
        {
            return;
        }
        _versions[row] = _version;
        critic.Evaluate(Observation(row), _values.AsSpan(row, 1));
        var logits = _logProbabilities.AsSpan(row * Logits, Logits);
        actor.Evaluate(Observation(row), logits);
        for (var i = 0; i < Logits; i += Choices)
        {
            LogSoftmax(logits.Slice(i, Choices), Forbidden(row).Slice(i, Choices));
        }
    }

    private static void LogSoftmax(Span<float> logits, ReadOnlySpan<bool> forbidden)
    {
        var highest = float.NegativeInfinity;
        for (var i = 0; i < logits.Length; i++)
        {
            logits[i] = forbidden[i] ? float.NegativeInfinity : logits[i];
            highest = Math.Max(highest, logits[i]);
        }
        var sum = 0.0;
        foreach (var logit in logits)
        {
            sum += Math.Exp(logit - highest);
        }
        var norm = highest + (float)Math.Log(sum);
        foreach (ref var logit in logits)
        {
            logit -= norm;
        }
    }

    private void Grow()
    {
        var length = 2 * _states.Length;
        Array.Resize(ref _states, length);
        Array.Resize(ref _observations, length * Inputs);
        Array.Resize(ref _forbidden, length * Logits);
        Array.Resize(ref _logProbabilities, length * Logits);
        Array.Resize(ref _values, length);
        Array.Resize(ref _versions, length);
    }
}

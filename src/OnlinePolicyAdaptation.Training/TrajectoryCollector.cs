using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Training;

/// <summary>Steps many copies of the system model as one vector, by the actor's own chances.</summary>
/// <remarks>No tensor is involved: a step costs a look at a row of <see cref="ObservedStates"/> and one of the model.</remarks>
internal sealed class TrajectoryCollector
{
    private const int ChoicesPerControl = ControlAction.ChoicesPerControl;

    private readonly TrainingProblem _problem;
    private readonly ObservedStates _observed;
    private readonly PpoOptions _options;
    private readonly RandomKey _key;
    private readonly SystemState[] _states;
    private readonly int[] _ages;
    private int _batches;

    public TrajectoryCollector(TrainingProblem problem, ObservedStates observed, PpoOptions options, RandomKey key)
    {
        _problem = problem;
        _observed = observed;
        _options = options;
        _key = key.Split(0);
        _states = new SystemState[options.Environments];
        _ages = new int[options.Environments];
        for (var i = 0; i < _states.Length; i++)
        {
            _states[i] = problem.Start(key.Split(1).Split(i));
            // Episodes of equal length that also began together would all be cut off in the same batch.
            _ages[i] = (int)((long)i * options.EpisodeSteps / options.Environments);
        }
    }

    /// <summary>Fills a batch, each environment going on from where it was left.</summary>
    /// <returns>The mean reward of a step, not scaled.</returns>
    public double Collect(Trajectories batch)
    {
        var key = _key.Split(_batches++);
        var total = 0.0;
        for (var environment = 0; environment < _states.Length; environment++)
        {
            var environmentKey = key.Split(environment);
            for (var step = 0; step < batch.Steps; step++)
            {
                total += Step(batch, environment, (environment * batch.Steps) + step, environmentKey.Split(step));
            }
        }
        batch.Estimate(_options.Discount, _options.TraceDecay);
        return total / batch.Count;
    }

    private double Step(Trajectories batch, int environment, int at, RandomKey key)
    {
        var state = _states[environment];
        var row = _observed.RowOf(state);
        var choices = batch.Choices.AsSpan(at * batch.Controls, batch.Controls);
        batch.Rows[at] = row;
        batch.Values[at] = _observed.Value(row);
        batch.LogProbabilities[at] = Draw(_observed.LogProbabilities(row), key.Split(0).Sequence(), choices);

        var (next, reward) = _problem.Model.Sample(state, Action(choices), key.Split(1));
        var isOver = _problem.IsTerminal(next);
        var isCut = ++_ages[environment] >= _options.EpisodeSteps;
        batch.Rewards[at] = (float)(reward * _options.RewardScale);
        batch.Ends[at] =
            isOver ? StepEnd.Terminated
            : isCut ? StepEnd.Truncated
            : StepEnd.None;
        batch.NextValues[at] = isOver ? 0 : _observed.Value(_observed.RowOf(next));
        if (isOver || isCut)
        {
            _ages[environment] = 0;
            next = _problem.Start(key.Split(2));
        }
        _states[environment] = next;
        return reward;
    }

    /// <summary>Draws a choice for every control; returns the logarithm of the probability of them all.</summary>
    private static float Draw(ReadOnlySpan<float> logProbabilities, RandomSequence sequence, Span<byte> choices)
    {
        var total = 0f;
        for (var control = 0; control < choices.Length; control++)
        {
            var row = logProbabilities.Slice(control * ChoicesPerControl, ChoicesPerControl);
            var rest = sequence.NextDouble();
            for (var choice = 0; choice < row.Length; choice++)
            {
                if (float.IsNegativeInfinity(row[choice]))
                {
                    continue;
                }
                choices[control] = (byte)choice;
                rest -= Math.Exp(row[choice]);
                if (rest < 0)
                {
                    break;
                }
            }
            total += row[choices[control]];
        }
        return total;
    }

    private static ControlAction Action(ReadOnlySpan<byte> choices)
    {
        var moves = new int[choices.Length];
        for (var i = 0; i < moves.Length; i++)
        {
            moves[i] = choices[i] - 1;
        }
        return new(moves.ToEquatableArray());
    }
}

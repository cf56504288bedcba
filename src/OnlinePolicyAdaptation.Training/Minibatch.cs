using System.Runtime.InteropServices;
using OnlinePolicyAdaptation.Domain.Network;
using TorchSharp;
using static TorchSharp.torch;

namespace OnlinePolicyAdaptation.Training;

/// <summary>Steps to learn from, as tensors.</summary>
/// <remarks>
/// Steps that left the same state share a row, so that the networks evaluate each distinct state once, however often it
/// occurs. Gradients are the same as if they did not share, up to rounding.
/// </remarks>
/// <param name="Observations"><c>[rows, inputs]</c></param>
/// <param name="Forbidden"><c>[rows, controls, 3]</c>, true for masked choices.</param>
/// <param name="Weights"><c>[rows]</c>, the share of the steps that left this row's state.</param>
/// <param name="Rows"><c>[steps]</c>, the row of each step.</param>
/// <param name="Choices"><c>[steps, controls]</c>, the choice made, as an index into <c>[rows, controls, 3]</c>.</param>
/// <param name="LogProbabilities"><c>[steps]</c>, of the action when it was taken.</param>
/// <param name="Values"><c>[steps]</c>, the critic's when it was taken.</param>
/// <param name="Advantages"><c>[steps]</c></param>
/// <param name="Returns"><c>[steps]</c></param>
internal sealed record Minibatch(
    Tensor Observations,
    Tensor Forbidden,
    Tensor Weights,
    Tensor Rows,
    Tensor Choices,
    Tensor LogProbabilities,
    Tensor Values,
    Tensor Advantages,
    Tensor Returns
);

/// <summary>Makes minibatches of a batch, one after another in the same memory.</summary>
internal sealed class MinibatchBuffer : IDisposable
{
    private const int ChoicesPerControl = ControlAction.ChoicesPerControl;

    private readonly int _capacity;
    private readonly int _controls;
    private readonly Minibatch _tensors;

    /// <summary>Of each row of <see cref="ObservedStates"/> its row in the minibatch with this number.</summary>
    private (int Minibatch, int Row)[] _rowOf = [];
    private int _minibatches;

    /// <param name="capacity">Steps of a minibatch at most.</param>
    /// <param name="inputs">Inputs of the networks.</param>
    /// <param name="controls">Controls decided on.</param>
    public MinibatchBuffer(int capacity, int inputs, int controls)
    {
        _capacity = capacity;
        _controls = controls;
        _tensors = new(
            New(float32, capacity, inputs),
            New(ScalarType.Bool, capacity, controls, ChoicesPerControl),
            New(float32, capacity),
            New(int64, capacity),
            New(int64, capacity, controls),
            New(float32, capacity),
            New(float32, capacity),
            New(float32, capacity),
            New(float32, capacity)
        );
    }

    /// <summary>The minibatch of these steps of a batch. It is overwritten by the next; its tensors belong to the caller's scope.</summary>
    public Minibatch Fill(Trajectories batch, ObservedStates observed, ReadOnlySpan<int> steps)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps.Length, _capacity, nameof(steps));
        if (_rowOf.Length < observed.Count)
        {
            Array.Resize(ref _rowOf, 2 * observed.Count);
        }
        _minibatches++;
        var rows = FillSteps(batch, observed, steps);
        return new(
            _tensors.Observations.narrow(0, 0, rows),
            _tensors.Forbidden.narrow(0, 0, rows),
            _tensors.Weights.narrow(0, 0, rows),
            _tensors.Rows.narrow(0, 0, steps.Length),
            _tensors.Choices.narrow(0, 0, steps.Length),
            _tensors.LogProbabilities.narrow(0, 0, steps.Length),
            _tensors.Values.narrow(0, 0, steps.Length),
            _tensors.Advantages.narrow(0, 0, steps.Length),
            _tensors.Returns.narrow(0, 0, steps.Length)
        );
    }

    public void Dispose()
    {
        var (observations, forbidden, weights, rows, choices, logProbabilities, values, advantages, returns) = _tensors;
        Tensor[] all = [observations, forbidden, weights, rows, choices, logProbabilities, values, advantages, returns];
        foreach (var tensor in all)
        {
            tensor.Dispose();
        }
    }

    private static Tensor New(ScalarType type, params long[] shape) => zeros(shape, type).DetachFromDisposeScope();

    private static Span<T> Memory<T>(Tensor tensor)
        where T : struct => MemoryMarshal.Cast<byte, T>(tensor.bytes);

    /// <summary>Writes the minibatch; returns the number of its rows.</summary>
    private int FillSteps(Trajectories batch, ObservedStates observed, ReadOnlySpan<int> steps)
    {
        var weights = Memory<float>(_tensors.Weights);
        var rowOfStep = Memory<long>(_tensors.Rows);
        var choices = Memory<long>(_tensors.Choices);
        var logProbabilities = Memory<float>(_tensors.LogProbabilities);
        var values = Memory<float>(_tensors.Values);
        var advantages = Memory<float>(_tensors.Advantages);
        var returns = Memory<float>(_tensors.Returns);
        var share = 1f / steps.Length;
        var rows = 0;
        for (var i = 0; i < steps.Length; i++)
        {
            var step = steps[i];
            var row = RowOf(observed, batch.Rows[step], ref rows, weights);
            weights[row] += share;
            rowOfStep[i] = row;
            for (var control = 0; control < _controls; control++)
            {
                choices[(i * _controls) + control] =
                    (((row * _controls) + control) * ChoicesPerControl) + batch.Choices[(step * _controls) + control];
            }
            logProbabilities[i] = batch.LogProbabilities[step];
            values[i] = batch.Values[step];
            advantages[i] = batch.Advantages[step];
            returns[i] = batch.Returns[step];
        }
        return rows;
    }

    /// <summary>The row of a state in this minibatch, written there when it is met for the first time.</summary>
    private int RowOf(ObservedStates observed, int state, ref int rows, Span<float> weights)
    {
        var (minibatch, row) = _rowOf[state];
        if (minibatch == _minibatches)
        {
            return row;
        }
        row = rows++;
        _rowOf[state] = (_minibatches, row);
        weights[row] = 0;
        observed.Observation(state).CopyTo(Memory<float>(_tensors.Observations)[(row * observed.Inputs)..]);
        observed.Forbidden(state).CopyTo(Memory<bool>(_tensors.Forbidden)[(row * observed.Logits)..]);
        return row;
    }
}

using System.Numerics;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>What a hidden layer applies to each of its outputs.</summary>
public enum Activation
{
    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>max(0, x).</summary>
    Relu,
}

/// <summary>Activations of whole vectors.</summary>
internal static class VectorActivation
{
    /// <summary>Applies an activation in place.</summary>
    /// <param name="activation">Which one.</param>
    /// <param name="values">Its length is a multiple of the length of a vector.</param>
    public static void Apply(Activation activation, Span<float> values)
    {
        for (var i = 0; i < values.Length; i += Vector<float>.Count)
        {
            var part = values[i..];
            var x = new Vector<float>(part);
            (activation == Activation.Tanh ? Tanh(x) : Vector.Max(x, Vector<float>.Zero)).CopyTo(part);
        }
    }

    /// <summary>
    /// The hyperbolic tangent to 4e-7, as a ratio of polynomials x P(x^2) / Q(x^2) of degrees 13 and 6 (coefficients of
    /// Eigen's <c>ptanh_float</c>). 384 calls of <see cref="MathF.Tanh"/> would take longer than all the rest of a network.
    /// </summary>
    public static Vector<float> Tanh(Vector<float> value)
    {
        var bound = new Vector<float>(7.90531110763549805f);
        var x = Vector.Max(-bound, Vector.Min(bound, value));
        var square = x * x;
        var p = new Vector<float>(-2.76076847742355e-16f);
        p = Vector.FusedMultiplyAdd(square, p, new(2.00018790482477e-13f));
        p = Vector.FusedMultiplyAdd(square, p, new(-8.60467152213735e-11f));
        p = Vector.FusedMultiplyAdd(square, p, new(5.12229709037114e-08f));
        p = Vector.FusedMultiplyAdd(square, p, new(1.48572235717979e-05f));
        p = Vector.FusedMultiplyAdd(square, p, new(6.37261928875436e-04f));
        p = Vector.FusedMultiplyAdd(square, p, new(4.89352455891786e-03f));
        var q = new Vector<float>(1.19825839466702e-06f);
        q = Vector.FusedMultiplyAdd(square, q, new(1.18534705686654e-04f));
        q = Vector.FusedMultiplyAdd(square, q, new(2.26843463243900e-03f));
        q = Vector.FusedMultiplyAdd(square, q, new(4.89352518554385e-03f));
        return x * p / q;
    }
}

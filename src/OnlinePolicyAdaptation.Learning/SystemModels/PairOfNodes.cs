using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>What is thought of two nodes jointly: the probability of each pair of factors, the first node's row by row.</summary>
internal static class PairOfNodes
{
    private const int Points = FactorGrid.Points;

    /// <summary>Two nodes that have nothing to do with each other.</summary>
    public static double[] Product(ReadOnlySpan<double> marginals)
    {
        var joint = new double[Points * Points];
        for (var i = 0; i < Points; i++)
        {
            for (var j = 0; j < Points; j++)
            {
                joint[(i * Points) + j] = marginals[i] * marginals[Points + j];
            }
        }
        return joint;
    }

    /// <summary>The first node's distribution, then the second's.</summary>
    public static double[] Marginals(ReadOnlySpan<double> joint)
    {
        var marginals = new double[2 * Points];
        for (var i = 0; i < Points; i++)
        {
            for (var j = 0; j < Points; j++)
            {
                marginals[i] += joint[(i * Points) + j];
                marginals[Points + j] += joint[(i * Points) + j];
            }
        }
        return marginals;
    }

    /// <summary>The pair at which this share of the probability is reached, row by row.</summary>
    public static EquatableArray<int> Draw(ReadOnlySpan<double> joint, double share)
    {
        var sum = 0.0;
        var place = 0;
        while (place < joint.Length - 1 && (sum += joint[place]) < share)
        {
            place++;
        }
        return [place / Points, place % Points];
    }

    /// <summary>
    /// What is thought of both once one of them is known; where that was thought impossible, the other as it is thought of alone.
    /// </summary>
    /// <param name="joint">Before it.</param>
    /// <param name="node">0 or 1.</param>
    /// <param name="point">Of the grid.</param>
    public static double[] Assuming(ReadOnlySpan<double> joint, int node, int point)
    {
        if (joint.IsEmpty)
        {
            return [];
        }
        var (own, other) = node == 0 ? (Points, 1) : (1, Points);
        var known = new double[joint.Length];
        var total = 0.0;
        for (var o = 0; o < Points; o++)
        {
            total += joint[(point * own) + (o * other)];
        }
        var marginals = total > 0 ? [] : Marginals(joint);
        for (var o = 0; o < Points; o++)
        {
            known[(point * own) + (o * other)] =
                total > 0 ? joint[(point * own) + (o * other)] / total : marginals[((1 - node) * Points) + o];
        }
        return known;
    }

    /// <summary>After an interval, one of the nodes may have jumped or drifted.</summary>
    /// <param name="joint">Before it.</param>
    /// <param name="node">0 or 1.</param>
    /// <param name="jump">Its probability.</param>
    /// <param name="jumped">Where jumps go.</param>
    /// <param name="side">What drifts to either neighbour.</param>
    public static double[] Predicted(
        ReadOnlySpan<double> joint,
        int node,
        double jump,
        ReadOnlySpan<double> jumped,
        double side
    )
    {
        var (own, other) = node == 0 ? (Points, 1) : (1, Points);
        var after = new double[joint.Length];
        for (var o = 0; o < Points; o++)
        {
            var mass = 0.0;
            for (var i = 0; i < Points; i++)
            {
                mass += joint[(i * own) + (o * other)];
            }
            for (var i = 0; i < Points; i++)
            {
                var here = joint[(i * own) + (o * other)];
                var below = i > 0 ? joint[((i - 1) * own) + (o * other)] : here;
                var above = i < Points - 1 ? joint[((i + 1) * own) + (o * other)] : here;
                var diffused = here + (side * (below - (2 * here) + above));
                after[(i * own) + (o * other)] = ((1 - jump) * diffused) + (jump * mass * jumped[i]);
            }
        }
        return after;
    }

    /// <summary>Takes in what a service shows, in place.</summary>
    /// <param name="joint">Before it.</param>
    /// <param name="observation">Of the service.</param>
    /// <param name="likelihood">By the logarithm of what the factors make of its response time.</param>
    public static void Learn(double[] joint, FactorObservation observation, Func<double, double> likelihood)
    {
        Span<double> second = stackalloc double[Points];
        for (var j = 0; j < Points; j++)
        {
            second[j] = observation.Shares[1] * Math.Exp(observation.Law[j]);
        }
        var total = 0.0;
        for (var i = 0; i < Points; i++)
        {
            var first = observation.Shares[0] * Math.Exp(observation.Law[i]);
            for (var j = 0; j < Points; j++)
            {
                joint[(i * Points) + j] *= likelihood(Math.Log(first + second[j]));
                total += joint[(i * Points) + j];
            }
        }
        for (var place = 0; place < joint.Length; place++)
        {
            joint[place] /= total;
        }
    }
}

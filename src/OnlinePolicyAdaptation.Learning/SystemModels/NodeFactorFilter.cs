using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>
/// What is thought of the factors by which nodes are slower than those of the reference system: for each node a distribution
/// over <see cref="FactorGrid"/>, filtered interval by interval, free to drift, to jump, and to return to what it was.
/// </summary>
/// <remarks>
/// <para>Between intervals a factor stays but for a small diffusion, or jumps: back to 1, somewhere else, or nearby. (A change
/// point model with a recall of what was: R. P. Adams and D. J. C. MacKay, Bayesian Online Changepoint Detection, 2007.)</para>
/// <para>An interval's response time of a service is the sum over its nodes of share times what each node's factor makes of
/// it. Its deviation is Student's t with an outlier part, so a single interval of 60 s moves nothing. Each service sends each
/// of its nodes a message, its likelihood given that node's factor: the other node that is least certain is summed over, the
/// rest stand at their means. So services on two nodes are treated exactly, given that what is thought of different nodes is
/// independent; with more services the messages go round twice, each dividing out its old one. (Expectation propagation:
/// T. P. Minka, 2001.)</para>
/// <para>Two nodes are filtered jointly (<see cref="PairOfNodes"/>): with no more of them nothing else tells which one it was that
/// slowed a service down, once its requests have moved.</para>
/// <para>Immutable, thread-safe; one update allocates its result and a few arrays, and its cost is linear in the pairs of
/// service and node that share requests.</para>
/// </remarks>
public sealed class NodeFactorFilter
{
    /// <summary>The probability of a jump per interval, of a node that has requests and of one that has none.</summary>
    private const double JumpSeen = 0.02;
    private const double JumpUnseen = 0.01;

    /// <summary>Of the diffusion per interval, the standard deviation in logarithms.</summary>
    private const double Diffusion = 0.008;

    /// <summary>What diffusion moves to either neighbour on the grid.</summary>
    private const double Side = 0.5 * Diffusion * Diffusion / (FactorGrid.Step * FactorGrid.Step);

    /// <summary>Where jumps go: back, or near; the rest goes anywhere.</summary>
    private const double BackShare = 0.5;
    private const double NearShare = 0.2;
    private const double NearDeviation = 0.15;
    private const double AnywhereMean = 0.3;
    private const double AnywhereDeviation = 0.6;

    /// <summary>Shares below this tell nothing of a node.</summary>
    public const double LeastShare = 0.02;

    /// <summary>Messages do not fall below this share of their maximum.</summary>
    private const double LeastMessage = 1e-9;

    /// <summary>A node is announced to have changed once it is this far from what was announced, this probably, so often.</summary>
    private const double AlarmDistance = 0.1;
    private const double AlarmProbability = 0.8;
    private const int AlarmIntervals = 2;

    /// <summary>What was left over counts for so many intervals.</summary>
    private const int LongestGap = 4;

    /// <summary>Prime to any number of draws that is a power of 2.</summary>
    private static readonly int[] Strides = [1, 7, 5, 11, 3, 13, 9, 15];

    private static readonly double[] Anywhere = Normal(AnywhereMean, AnywhereDeviation);

    /// <summary>Of two nodes every pair of factors, the first node's row by row; of others none.</summary>
    private readonly double[] _joint;

    private readonly double[] _probabilities;
    private readonly double[] _announced;
    private readonly int[] _streaks;
    private readonly double[] _leftOver;
    private readonly int[] _ages;

    private NodeFactorFilter(
        double[] joint,
        double[] probabilities,
        double[] announced,
        int[] streaks,
        double[] leftOver,
        int[] ages
    )
    {
        _joint = joint;
        _probabilities = probabilities;
        _announced = announced;
        _streaks = streaks;
        _leftOver = leftOver;
        _ages = ages;
    }

    /// <summary>Nodes that are as in the reference system.</summary>
    public static NodeFactorFilter Unchanged(int nodes, int services)
    {
        var probabilities = new double[nodes * FactorGrid.Points];
        for (var node = 0; node < nodes; node++)
        {
            probabilities[(node * FactorGrid.Points) + FactorGrid.Unchanged] = 1;
        }
        return new(
            nodes == 2 ? PairOfNodes.Product(probabilities) : [],
            probabilities,
            new double[nodes],
            new int[nodes],
            new double[services],
            new int[services]
        );
    }

    /// <summary>A filter as <see cref="State"/> gave it.</summary>
    public static NodeFactorFilter Of(NodeFactorState state) =>
        new(
            state.Joint,
            state.Joint.Length > 0 ? PairOfNodes.Marginals(state.Joint) : state.Probabilities,
            state.Announced,
            state.Streaks,
            state.LeftOver,
            state.Ages
        );

    /// <summary>All that the filter carries on.</summary>
    public NodeFactorState State =>
        new([.. _joint], [.. _probabilities], [.. _announced], [.. _streaks], [.. _leftOver], [.. _ages]);

    public int Nodes => _announced.Length;

    /// <summary>The probability of each factor of the grid.</summary>
    public ReadOnlySpan<double> Probabilities(int node) =>
        _probabilities.AsSpan(node * FactorGrid.Points, FactorGrid.Points);

    /// <summary>The nodes that were announced to have changed with the last interval.</summary>
    public EquatableArray<int> Alarms { get; private init; }

    /// <summary>The logarithm of the node's factor: the median, between the points of the grid.</summary>
    public double Median(int node) => Quantile(node, 0.5);

    /// <summary>The logarithm of a factor that the node's is below with this probability.</summary>
    public double Quantile(int node, double probability)
    {
        var p = Probabilities(node);
        var sum = 0.0;
        for (var i = 0; i < FactorGrid.Points; i++)
        {
            if (sum + p[i] >= probability && p[i] > 0)
            {
                return FactorGrid.Log(i) + (FactorGrid.Step * (((probability - sum) / p[i]) - 0.5));
            }
            sum += p[i];
        }
        return FactorGrid.Log(FactorGrid.Points - 1);
    }

    /// <summary>The point of the grid that the node's factor is at or below with this probability.</summary>
    public int QuantilePoint(int node, double probability)
    {
        var p = Probabilities(node);
        var sum = 0.0;
        for (var i = 0; i < FactorGrid.Points - 1; i++)
        {
            sum += p[i];
            if (sum >= probability)
            {
                return i;
            }
        }
        return FactorGrid.Points - 1;
    }

    /// <summary>
    /// Factors of all nodes at once, as points of the grid: so many draws, evenly over what is thought, each with its weight.
    /// </summary>
    public IReadOnlyDictionary<EquatableArray<int>, double> Draws(int count)
    {
        var weights = new Dictionary<EquatableArray<int>, double>();
        for (var draw = 0; draw < count; draw++)
        {
            var points = _joint.Length > 0 ? PairOfNodes.Draw(_joint, (draw + 0.5) / count) : DrawEach(draw, count);
            weights[points] = weights.GetValueOrDefault(points) + (1.0 / count);
        }
        return weights;
    }

    /// <summary>The quantiles of every node, each node's in an order of its own.</summary>
    private EquatableArray<int> DrawEach(int draw, int count)
    {
        var points = new int[Nodes];
        for (var node = 0; node < points.Length; node++)
        {
            var place = draw * Strides[node % Strides.Length] % count;
            points[node] = QuantilePoint(node, (place + 0.5) / count);
        }
        return points.ToEquatableArray();
    }

    /// <summary>What would be thought if a node had this factor for certain: of two nodes the other one as that makes it likely.</summary>
    /// <param name="node">From 0.</param>
    /// <param name="point">Of the grid.</param>
    public NodeFactorFilter Assuming(int node, int point)
    {
        double[] probabilities = [.. _probabilities];
        var own = probabilities.AsSpan(node * FactorGrid.Points, FactorGrid.Points);
        own.Clear();
        own[point] = 1;
        var joint = PairOfNodes.Assuming(_joint, node, point);
        return new(
            joint,
            joint.Length > 0 ? PairOfNodes.Marginals(joint) : probabilities,
            _announced,
            _streaks,
            _leftOver,
            _ages
        );
    }

    /// <summary>What is thought after one more interval, of which these services were measured; none is fine.</summary>
    public NodeFactorFilter After(IReadOnlyList<FactorObservation> observations)
    {
        var joint = _joint.Length > 0 ? JointlyAfter(observations) : _joint;
        var probabilities = joint.Length > 0 ? PairOfNodes.Marginals(joint) : EachAfter(observations);
        var (leftOver, ages) = Remains(observations, probabilities);
        var (announced, streaks, alarms) = Announce(probabilities);
        return new(joint, probabilities, announced, streaks, leftOver, ages) { Alarms = alarms };
    }

    private double[] JointlyAfter(IReadOnlyList<FactorObservation> observations)
    {
        Span<double> jumped = stackalloc double[FactorGrid.Points];
        var joint = _joint;
        for (var node = 0; node < 2; node++)
        {
            WriteJumped(Probabilities(node), jumped);
            joint = PairOfNodes.Predicted(joint, node, Jump(observations, node), jumped, Side);
        }
        foreach (var observation in observations)
        {
            var likelihood = Likelihood(observation);
            PairOfNodes.Learn(joint, observation, likelihood.At);
        }
        return joint;
    }

    private static double Jump(IReadOnlyList<FactorObservation> observations, int node)
    {
        foreach (var observation in observations)
        {
            if (observation.Shares[node] >= LeastShare)
            {
                return JumpSeen;
            }
        }
        return JumpUnseen;
    }

    private double[] EachAfter(IReadOnlyList<FactorObservation> observations)
    {
        var probabilities = new double[_probabilities.Length];
        for (var node = 0; node < Nodes; node++)
        {
            Predict(
                Probabilities(node),
                Jump(observations, node),
                probabilities.AsSpan(node * FactorGrid.Points, FactorGrid.Points)
            );
        }
        Learn(observations, probabilities);
        return probabilities;
    }

    private static void Predict(ReadOnlySpan<double> before, double jump, Span<double> after)
    {
        Span<double> jumped = stackalloc double[FactorGrid.Points];
        WriteJumped(before, jumped);
        for (var i = 0; i < before.Length; i++)
        {
            var below = i > 0 ? before[i - 1] : before[i];
            var above = i < before.Length - 1 ? before[i + 1] : before[i];
            var diffused = before[i] + (Side * (below - (2 * before[i]) + above));
            after[i] = ((1 - jump) * diffused) + (jump * jumped[i]);
        }
    }

    /// <summary>Where a node of this distribution jumps to.</summary>
    private static void WriteJumped(ReadOnlySpan<double> before, Span<double> jumped)
    {
        var mean = 0.0;
        for (var i = 0; i < before.Length; i++)
        {
            mean += before[i] * FactorGrid.Log(i);
        }
        WriteNormal(mean, NearDeviation, jumped);
        for (var i = 0; i < jumped.Length; i++)
        {
            var back = i == FactorGrid.Unchanged ? BackShare : 0;
            jumped[i] = back + (NearShare * jumped[i]) + ((1 - BackShare - NearShare) * Anywhere[i]);
        }
    }

    private void Learn(IReadOnlyList<FactorObservation> observations, double[] probabilities)
    {
        if (observations.Count == 0)
        {
            return;
        }
        var messages = new double[observations.Count * Nodes * FactorGrid.Points];
        Array.Fill(messages, 1);
        var likelihoods = new FactorLikelihood[observations.Count];
        var expected = new double[Nodes];
        var cavity = new double[FactorGrid.Points];
        var partnerMass = new double[FactorGrid.Points];
        var made = new double[FactorGrid.Points];
        for (var s = 0; s < observations.Count; s++)
        {
            likelihoods[s] = Likelihood(observations[s]);
        }
        for (var sweep = 0; sweep < (observations.Count > 1 ? 2 : 1); sweep++)
        {
            for (var s = 0; s < observations.Count; s++)
            {
                var observation = observations[s];
                for (var i = 0; i < made.Length; i++)
                {
                    made[i] = Math.Exp(observation.Law[i]);
                }
                for (var node = 0; node < Nodes; node++)
                {
                    if (observation.Shares[node] >= LeastShare)
                    {
                        Send(
                            s,
                            node,
                            observation,
                            likelihoods[s],
                            made,
                            messages,
                            probabilities,
                            expected,
                            cavity,
                            partnerMass
                        );
                    }
                }
            }
        }
    }

    /// <summary>One message from a service to a node, in place of its old one.</summary>
    private void Send(
        int s,
        int node,
        FactorObservation observation,
        FactorLikelihood likelihood,
        ReadOnlySpan<double> made,
        double[] messages,
        double[] probabilities,
        Span<double> expected,
        Span<double> cavity,
        Span<double> partnerMass
    )
    {
        const int Points = FactorGrid.Points;
        // The others without what this service has said of them: their means, and who is least certain.
        var partner = -1;
        var widest = 0.0;
        var rest = 0.0;
        for (var other = 0; other < Nodes; other++)
        {
            var share = observation.Shares[other];
            expected[other] = 0;
            if (other == node || share <= 0)
            {
                continue;
            }
            WithoutMessage(messages, probabilities, s, other, cavity);
            double mean = 0,
                square = 0;
            for (var i = 0; i < Points; i++)
            {
                mean += cavity[i] * made[i];
                square += cavity[i] * made[i] * made[i];
            }
            expected[other] = share * mean;
            rest += expected[other];
            var spread = share * Math.Sqrt(Math.Max(0, square - (mean * mean)));
            if (share >= LeastShare && spread > widest)
            {
                widest = spread;
                partner = other;
            }
        }

        // The partner's points in pairs.
        Span<double> partnerPart = stackalloc double[(Points / 2) + 1];
        var count = 0;
        if (partner < 0)
        {
            partnerMass[0] = 1;
            partnerPart[0] = rest;
            count = 1;
        }
        else
        {
            rest -= expected[partner];
            WithoutMessage(messages, probabilities, s, partner, cavity);
            for (var i = 0; i < Points; i += 2)
            {
                var second = i + 1 < Points ? cavity[i + 1] : 0;
                var mass = cavity[i] + second;
                if (mass > 1e-12)
                {
                    partnerMass[count] = mass;
                    var sum = (cavity[i] * made[i]) + (i + 1 < Points ? second * made[i + 1] : 0);
                    partnerPart[count] = rest + (observation.Shares[partner] * sum / mass);
                    count++;
                }
            }
        }

        WithoutMessage(messages, probabilities, s, node, cavity);
        var message = messages.AsSpan(((s * Nodes) + node) * Points, Points);
        var largest = 0.0;
        for (var i = 0; i < Points; i++)
        {
            var own = observation.Shares[node] * made[i];
            var sum = 0.0;
            for (var k = 0; k < count; k++)
            {
                sum += partnerMass[k] * likelihood.At(Math.Log(own + partnerPart[k]));
            }
            message[i] = sum;
            largest = Math.Max(largest, sum);
        }
        var total = 0.0;
        var probability = probabilities.AsSpan(node * Points, Points);
        for (var i = 0; i < Points; i++)
        {
            message[i] = Math.Max(message[i] / largest, LeastMessage);
            probability[i] = cavity[i] * message[i];
            total += probability[i];
        }
        for (var i = 0; i < Points; i++)
        {
            probability[i] /= total;
        }
    }

    /// <summary>What is thought of a node without the message of a service.</summary>
    private void WithoutMessage(double[] messages, double[] probabilities, int s, int node, Span<double> cavity)
    {
        const int Points = FactorGrid.Points;
        var message = messages.AsSpan(((s * Nodes) + node) * Points, Points);
        var probability = probabilities.AsSpan(node * Points, Points);
        var total = 0.0;
        for (var i = 0; i < Points; i++)
        {
            cavity[i] = probability[i] / message[i];
            total += cavity[i];
        }
        for (var i = 0; i < Points; i++)
        {
            cavity[i] /= total;
        }
    }

    private double Carried(FactorObservation observation, out double remaining)
    {
        var age = _ages[observation.Service];
        if (observation.Correlation < 0.1 || age == 0 || age > LongestGap)
        {
            remaining = 1;
            return 0;
        }
        var correlation = Math.Pow(observation.Correlation, age);
        remaining = 1 - (correlation * correlation);
        return correlation * _leftOver[observation.Service];
    }

    private FactorLikelihood Likelihood(FactorObservation observation)
    {
        var carried = Carried(observation, out var remaining);
        return new(observation, carried, remaining);
    }

    /// <summary>What is left over of each service once the factors are known; outliers are passed over.</summary>
    private (double[] LeftOver, int[] Ages) Remains(
        IReadOnlyList<FactorObservation> observations,
        double[] probabilities
    )
    {
        double[] leftOver = [.. _leftOver];
        int[] ages = [.. _ages.Select(age => age == 0 ? 0 : age + 1)];
        foreach (var observation in observations)
        {
            if (observation.Correlation < 0.1)
            {
                continue;
            }
            var made = 0.0;
            for (var node = 0; node < Nodes; node++)
            {
                var p = probabilities.AsSpan(node * FactorGrid.Points, FactorGrid.Points);
                for (var i = 0; i < FactorGrid.Points; i++)
                {
                    made += observation.Shares[node] * p[i] * Math.Exp(observation.Law[i]);
                }
            }
            var logRatio = Math.Log(made);
            var (shift, variance) = FactorLikelihood.Expected(observation, logRatio);
            var left = observation.LogRatio - logRatio - shift;
            if (Math.Abs(left) <= 3 * Math.Sqrt(FactorLikelihood.NoiseVariance(observation, logRatio) + variance))
            {
                leftOver[observation.Service] = left;
                ages[observation.Service] = 1;
            }
        }
        return (leftOver, ages);
    }

    private (double[] Announced, int[] Streaks, EquatableArray<int> Alarms) Announce(double[] probabilities)
    {
        double[] announced = [.. _announced];
        int[] streaks = [.. _streaks];
        var alarms = new List<int>();
        for (var node = 0; node < Nodes; node++)
        {
            var p = probabilities.AsSpan(node * FactorGrid.Points, FactorGrid.Points);
            var (moved, mean) = (0.0, 0.0);
            for (var i = 0; i < FactorGrid.Points; i++)
            {
                mean += p[i] * FactorGrid.Log(i);
                moved += Math.Abs(FactorGrid.Log(i) - announced[node]) > AlarmDistance ? p[i] : 0;
            }
            streaks[node] = moved > AlarmProbability ? streaks[node] + 1 : 0;
            if (streaks[node] >= AlarmIntervals)
            {
                announced[node] = mean;
                streaks[node] = 0;
                alarms.Add(node);
            }
        }
        return (announced, streaks, alarms.ToEquatableArray());
    }

    private static double[] Normal(double mean, double deviation)
    {
        var density = new double[FactorGrid.Points];
        WriteNormal(mean, deviation, density);
        return density;
    }

    private static void WriteNormal(double mean, double deviation, Span<double> density)
    {
        var total = 0.0;
        for (var i = 0; i < density.Length; i++)
        {
            var z = (FactorGrid.Log(i) - mean) / deviation;
            density[i] = Math.Exp(-0.5 * z * z);
            total += density[i];
        }
        for (var i = 0; i < density.Length; i++)
        {
            density[i] /= total;
        }
    }
}

using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Onnx;

/// <summary>Holds what we made of an ONNX file to what ONNX Runtime makes of the same bytes.</summary>
internal static class RuntimeAgreement
{
    private const int Observations = 64;
    private const double Tolerance = 1e-5;

    /// <summary>Evaluates both on observations drawn from normal distributions of deviations 1 and 10 in turn.</summary>
    /// <exception cref="BadInputException">
    /// The runtime refuses the file, or a logit is not finite or differs by more than 1e-5 of the largest logit, or 1e-5 where
    /// that is smaller than 1.
    /// </exception>
    public static void Check(byte[] file, OnnxGraph graph, MultilayerPerceptron network, string name)
    {
        try
        {
            using var options = Options();
            using var session = new InferenceSession(file, options);
            var key = new RandomKey(0);
            for (var i = 0; i < Observations; i++)
            {
                var observation = Observation(key.Split(i), network.Inputs, i % 2 == 0 ? 1 : 10);
                Compare(Logits(session, graph, observation), network, observation, name);
            }
        }
        catch (OnnxRuntimeException e)
        {
            throw new BadInputException(
                $"{name}: ONNX Runtime says {Shown.Text(e.Message)}; expected a model that it runs",
                e
            );
        }
    }

    /// <summary>One thread, no rewriting of the graph, no output, and no other format than ONNX.</summary>
    private static SessionOptions Options()
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
            EnableMemoryPattern = false,
            EnableCpuMemArena = false,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        // Bytes 4 to 7 of an ONNX file can be made to read ORTM, the mark of the runtime's own format.
        options.AddSessionConfigEntry("session.load_model_format", "ONNX");
        return options;
    }

    private static float[] Observation(RandomKey key, int length, double deviation)
    {
        var sequence = key.Sequence();
        var observation = new float[length];
        for (var i = 0; i < length; i++)
        {
            observation[i] = (float)(deviation * sequence.NextNormal());
        }
        return observation;
    }

    private static float[] Logits(InferenceSession session, OnnxGraph graph, float[] observation)
    {
        int[] shape = graph.Input.Shape.Length == 1 ? [observation.Length] : [1, observation.Length];
        var value = NamedOnnxValue.CreateFromTensor(graph.Input.Name, new DenseTensor<float>(observation, shape));
        using var results = session.Run([value], [graph.Output.Name]);
        return [.. results[0].AsEnumerable<float>()];
    }

    private static void Compare(float[] theirs, MultilayerPerceptron network, float[] observation, string name)
    {
        if (theirs.Length != network.Outputs)
        {
            throw new BadInputException(
                $"{name}: ONNX Runtime gives {theirs.Length} logits; expected {network.Outputs}, as read from the file"
            );
        }
        var ours = new float[network.Outputs];
        network.Evaluate(observation, ours);
        var allowed = Tolerance * Math.Max(1, theirs.Max(logit => Math.Abs((double)logit)));
        for (var i = 0; i < ours.Length; i++)
        {
            if (!float.IsFinite(theirs[i]) || !(Math.Abs((double)ours[i] - theirs[i]) <= allowed))
            {
                throw new BadInputException(
                    FormattableString.Invariant(
                        $"{name}: logit {i} of a random observation is {ours[i]:G9} by us; expected {theirs[i]:G9}, as ONNX Runtime has it, finite and to {Tolerance}"
                    )
                );
            }
        }
    }
}

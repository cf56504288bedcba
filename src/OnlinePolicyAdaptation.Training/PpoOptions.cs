using System.Globalization;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Training;

/// <summary>
/// The hyperparameters of Maskable PPO (Schulman et al., "Proximal policy optimization algorithms", 2017; Huang and
/// Ontanon, "A closer look at invalid action masking in policy gradient algorithms", 2022). The defaults are those of
/// <see cref="Paper"/>. A value out of its range is refused when it is set.
/// </summary>
public sealed record PpoOptions
{
    /// <summary>
    /// The settings of the published work: two networks of 3 x 128, one environment, 512 steps between updates,
    /// minibatches of 64, a learning rate of 5e-4, an entropy weight of 0.05, a million steps; what it leaves open is as
    /// in Stable-Baselines3.
    /// </summary>
    public static PpoOptions Paper { get; } = new();

    /// <summary>
    /// Ours: small networks, many environments, large minibatches. Made for grids of up to some thousand
    /// configurations, whose repeated observations cost next to nothing.
    /// </summary>
    public static PpoOptions Fast { get; } =
        new()
        {
            HiddenLayers = [64, 64],
            Environments = 64,
            StepsPerUpdate = 16,
            Epochs = 4,
            MinibatchSize = 512,
            LearningRate = new(1e-3, 1e-4),
            EntropyWeight = new(0.05, 0),
            RewardScale = 0.05,
            EpisodeSteps = 64,
            Steps = 150_000,
            UpdatesPerEvaluation = 4,
        };

    /// <summary>Units of every hidden layer of actor and critic, 1 to 4096 each, up to 8 layers, tanh between them.</summary>
    public EquatableArray<int> HiddenLayers
    {
        get;
        init
        {
            Check(value.Count is >= 0 and <= 8, nameof(HiddenLayers), value, "up to 8 layers");
            Check(value.All(units => units is >= 1 and <= 4096), nameof(HiddenLayers), value, "1 to 4096 units each");
            field = value;
        }
    } = [128, 128, 128];

    /// <summary>Copies of the system stepped side by side; at least 1. More make a batch more varied.</summary>
    public int Environments
    {
        get;
        init => field = AtLeastOne(value, nameof(Environments));
    } = 1;

    /// <summary>Steps that each environment takes between two updates; at least 1.</summary>
    public int StepsPerUpdate
    {
        get;
        init => field = AtLeastOne(value, nameof(StepsPerUpdate));
    } = 512;

    /// <summary>
    /// Steps after which an episode is cut off and its environment starts anew; at least 1. What lies behind the cut is
    /// estimated by the critic, so short episodes only mean more starts.
    /// </summary>
    public int EpisodeSteps
    {
        get;
        init => field = AtLeastOne(value, nameof(EpisodeSteps));
    } = 100;

    /// <summary>Steps of all environments together; at least 1. The last batch is not cut short.</summary>
    public long Steps
    {
        get;
        init
        {
            Check(value >= 1, nameof(Steps), value, "at least 1");
            field = value;
        }
    } = 1_000_000;

    /// <summary>Passes over each batch; at least 1.</summary>
    public int Epochs
    {
        get;
        init => field = AtLeastOne(value, nameof(Epochs));
    } = 10;

    /// <summary>Samples of one gradient step; at least 2. The last minibatch of a pass may be smaller.</summary>
    public int MinibatchSize
    {
        get;
        init
        {
            Check(value >= 2, nameof(MinibatchSize), value, "at least 2");
            field = value;
        }
    } = 64;

    /// <summary>Step size of Adam; above 0 at first, at least 0 at last.</summary>
    public LinearSchedule LearningRate
    {
        get;
        init
        {
            Check(value.First > 0 && value.Last >= 0, nameof(LearningRate), value, "above 0 at first, never below 0");
            field = Finite(value, nameof(LearningRate));
        }
    } = LinearSchedule.Constant(5e-4);

    /// <summary>How far a probability may move from the one acted with before its gradient is cut off; above 0.</summary>
    public LinearSchedule ClipRange
    {
        get;
        init
        {
            Check(value.First > 0 && value.Last > 0, nameof(ClipRange), value, "above 0");
            field = Finite(value, nameof(ClipRange));
        }
    } = LinearSchedule.Constant(0.2);

    /// <summary>Weight of the entropy in the objective; at least 0. More keeps the policy exploring for longer.</summary>
    public LinearSchedule EntropyWeight
    {
        get;
        init
        {
            Check(value.First >= 0 && value.Last >= 0, nameof(EntropyWeight), value, "at least 0");
            field = Finite(value, nameof(EntropyWeight));
        }
    } = LinearSchedule.Constant(0.05);

    /// <summary>Weight of the critic's squared error in the loss; at least 0.</summary>
    public double ValueWeight
    {
        get;
        init
        {
            Check(double.IsFinite(value) && value >= 0, nameof(ValueWeight), value, "at least 0");
            field = value;
        }
    } = 0.5;

    /// <summary>
    /// How far the critic may move from the value it gave while acting, in scaled rewards, before its gradient is cut
    /// off; above 0. Null: as far as it likes.
    /// </summary>
    public double? ValueClipRange
    {
        get;
        init
        {
            Check(value is null or > 0, nameof(ValueClipRange), value, "above 0");
            field = value;
        }
    }

    /// <summary>Discount of the objective; at least 0, below 1.</summary>
    public double Discount
    {
        get;
        init
        {
            Check(value is >= 0 and < 1, nameof(Discount), value, "at least 0, below 1");
            field = value;
        }
    } = 0.99;

    /// <summary>
    /// Lambda of generalised advantage estimation, in [0, 1]: 0 trusts the critic after one step, 1 only at the end.
    /// </summary>
    public double TraceDecay
    {
        get;
        init
        {
            Check(value is >= 0 and <= 1, nameof(TraceDecay), value, "0 to 1");
            field = value;
        }
    } = 0.95;

    /// <summary>Whether the advantages of each minibatch are shifted and scaled to mean 0 and variance 1.</summary>
    public bool NormaliseAdvantages { get; init; } = true;

    /// <summary>The length to which a longer gradient, of all parameters together, is cut; above 0.</summary>
    public double MaxGradientNorm
    {
        get;
        init
        {
            Check(value > 0, nameof(MaxGradientNorm), value, "above 0");
            field = value;
        }
    } = 0.5;

    /// <summary>
    /// What rewards are multiplied by while training, above 0. The critic learns soonest when scaled values are around 1;
    /// the trained one is scaled back.
    /// </summary>
    public double RewardScale
    {
        get;
        init
        {
            Check(double.IsFinite(value) && value > 0, nameof(RewardScale), value, "above 0");
            field = value;
        }
    } = 1;

    /// <summary>
    /// What the logits of a policy that training goes on from are multiplied by; above 0, up to 1. A trained policy hardly
    /// ever tries another action, so where the system has changed it may never find out; below 1 it prefers the same actions
    /// and explores again.
    /// </summary>
    public double WarmStartLogitScale
    {
        get;
        init
        {
            Check(value is > 0 and <= 1, nameof(WarmStartLogitScale), value, "above 0, at most 1");
            field = value;
        }
    } = 0.3;

    /// <summary>Updates between two evaluations, at least 1. The first and the last policy are always evaluated.</summary>
    public int UpdatesPerEvaluation
    {
        get;
        init => field = AtLeastOne(value, nameof(UpdatesPerEvaluation));
    } = 1;

    // For callers whose language has no `with`.

    /// <summary>So many steps of all environments together, at least 1.</summary>
    public PpoOptions WithSteps(long steps) => this with { Steps = steps };

    /// <summary>Another discount, at least 0 and below 1.</summary>
    public PpoOptions WithDiscount(double discount) => this with { Discount = discount };

    /// <summary>More environments, with minibatches that grow in proportion: as many gradient steps per batch.</summary>
    public PpoOptions WithEnvironments(int environments) =>
        this with
        {
            Environments = environments,
            MinibatchSize = Math.Max(2, (int)((long)MinibatchSize * environments / Environments)),
        };

    /// <summary>Name and value of every setting, for reports and files.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Describe() =>
        [
            new("hidden layers", HiddenLayers.ToString()),
            new("environments", Text(Environments)),
            new("steps per update", Text(StepsPerUpdate)),
            new("episode steps", Text(EpisodeSteps)),
            new("steps", Text(Steps)),
            new("epochs", Text(Epochs)),
            new("minibatch size", Text(MinibatchSize)),
            new("learning rate", Text(LearningRate)),
            new("clip range", Text(ClipRange)),
            new("entropy weight", Text(EntropyWeight)),
            new("value weight", Text(ValueWeight)),
            new("value clip range", ValueClipRange is { } range ? Text(range) : "none"),
            new("discount", Text(Discount)),
            new("trace decay", Text(TraceDecay)),
            new("normalised advantages", NormaliseAdvantages ? "yes" : "no"),
            new("maximal gradient norm", Text(MaxGradientNorm)),
            new("reward scale", Text(RewardScale)),
            new("warm start logit scale", Text(WarmStartLogitScale)),
            new("updates per evaluation", Text(UpdatesPerEvaluation)),
        ];

    private static string Text(LinearSchedule value) =>
        value.First == value.Last ? Text(value.First) : $"{Text(value.First)} to {Text(value.Last)}";

    private static string Text<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);

    private static int AtLeastOne(int value, string name)
    {
        Check(value >= 1, name, value, "at least 1");
        return value;
    }

    private static LinearSchedule Finite(LinearSchedule value, string name)
    {
        Check(double.IsFinite(value.First) && double.IsFinite(value.Last), name, value, "finite numbers");
        return value;
    }

    private static void Check(bool holds, string name, object? value, string expected)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(
                name,
                FormattableString.Invariant($"{name} is {value}; expected {expected}")
            );
        }
    }
}

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>The JSON that a policy file carries beside its tensors; services and nodes are numbered from 1.</summary>
internal sealed record PolicyHeader(
    int Version,
    string Scenario,
    ulong? Seed,
    string Activation,
    int Services,
    string Edges,
    PolicyHeader.ControlEntry[] Controls,
    PolicyHeader.InputEntry[] Observation,
    string[] Choices,
    Dictionary<string, string> Settings
)
{
    public sealed record ControlEntry(
        string Name,
        RoutingWeightEntry? RoutingWeight,
        CpuCoresEntry? CpuCores,
        BlockingRateEntry? BlockingRate,
        double Lowest,
        double Highest,
        int Levels
    );

    public sealed record RoutingWeightEntry(int Service, int Node);

    public sealed record CpuCoresEntry(int[] Nodes);

    public sealed record BlockingRateEntry(int Service);

    /// <summary>An input of the network: of a control, by its name, or of a service's offered load.</summary>
    public sealed record InputEntry(string? Control, int? Service, double Offset, double Scale);

    private const int CurrentVersion = 1;

    private static readonly string[] ChoiceNames = ["down", "keep", "up"];

    private static readonly (Activation, string)[] Activations =
    [
        (ActorCritic.Activation.Tanh, "tanh"),
        (ActorCritic.Activation.Relu, "relu"),
    ];

    private static readonly (GridEdge, string)[] GridEdges = [(GridEdge.Mask, "mask"), (GridEdge.Clip, "clip")];

    private static readonly JsonSerializerOptions Json = new(StrictJson.Options())
    {
        RespectRequiredConstructorParameters = false,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        MaxDepth = 8,
    };

    public static string Write(SavedPolicy policy)
    {
        var grid = policy.Encoding.Grid;
        var header = new PolicyHeader(
            CurrentVersion,
            policy.Origin.Scenario,
            policy.Origin.Seed,
            Word(Activations, policy.Network.Actor.Activation),
            policy.Encoding.ServiceCount,
            Word(GridEdges, grid.Edge),
            [.. grid.Controls.Select(Entry)],
            [.. policy.Encoding.Inputs.Select(input => Entry(grid, input))],
            ChoiceNames,
            new(policy.Origin.Settings)
        );
        return JsonSerializer.Serialize(header, Json);
    }

    /// <exception cref="BadInputException">It is not such JSON, or what it says cannot be.</exception>
    public static PolicyHeader Read(string json, string file)
    {
        try
        {
            var header = JsonSerializer.Deserialize<PolicyHeader>(json, Json);
            return header is { Version: CurrentVersion }
                ? header
                : throw new BadInputException($"{file}: version {header?.Version}; expected {CurrentVersion}");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BadInputException($"{file}: the policy's description: {Shown.Text(e.Message)}", e);
        }
    }

    public Activation ActivationIn(string file) => Meaning(Activations, Activation, "activation", file);

    public PolicyOrigin Origin => new(Scenario, Seed, Settings.ToImmutableSortedDictionary(StringComparer.Ordinal));

    /// <exception cref="BadInputException">The controls or the observation cannot be.</exception>
    public ObservationEncoding Encoding(string file)
    {
        if (Choices is null || !Choices.AsSpan().SequenceEqual(ChoiceNames))
        {
            throw new BadInputException($"{file}: choices: expected {string.Join(", ", ChoiceNames)}");
        }
        if (Scenario is null || Settings is null || Settings.Values.Any(value => value is null))
        {
            throw new BadInputException($"{file}: scenario or settings: null; expected text");
        }
        var edge = Meaning(GridEdges, Edges, "edges", file);
        try
        {
            var controls = Given(Controls, "controls", file).Select((entry, i) => Control(entry, i, file));
            var grid = new ControlGrid(controls.ToEquatableArray(), edge);
            var inputs = Given(Observation, "observation", file).Select((entry, i) => Input(grid, entry, i, file));
            return new(grid, Services, inputs.ToEquatableArray());
        }
        catch (ArgumentException e)
        {
            throw NetworkTensors.Wrong(file, e);
        }
    }

    private static string Word<T>((T Meaning, string Word)[] words, T meaning) =>
        words.First(entry => Equals(entry.Meaning, meaning)).Word;

    private static T Meaning<T>((T Meaning, string Word)[] words, string? word, string field, string file)
    {
        foreach (var entry in words)
        {
            if (entry.Word == word)
            {
                return entry.Meaning;
            }
        }
        throw new BadInputException(
            $"{file}: {field}: {Shown.Text(word ?? "")}; expected {string.Join(" or ", words.Select(entry => entry.Word))}"
        );
    }

    /// <summary>The entries of an array, none of which may be null.</summary>
    private static T[] Given<T>(T[]? entries, string field, string file)
        where T : class =>
        entries is not null && Array.TrueForAll(entries, entry => entry is not null)
            ? entries
            : throw new BadInputException($"{file}: {field}: null; expected an entry");

    private static ControlEntry Entry(Control control) =>
        new(
            control.Name,
            control.Target is ControlTarget.RoutingWeight weight ? new(weight.Service + 1, weight.Node + 1) : null,
            control.Target is ControlTarget.CpuCores cores ? new([.. cores.Nodes.Select(node => node + 1)]) : null,
            control.Target is ControlTarget.BlockingRate rate ? new(rate.Service + 1) : null,
            control.Lowest,
            control.Highest,
            control.Levels
        );

    private static InputEntry Entry(ControlGrid grid, ObservationInput input) =>
        input.Quantity == ObservedQuantity.Control
            ? new(grid.Controls[input.Index].Name, null, input.Offset, input.Scale)
            : new(null, input.Index + 1, input.Offset, input.Scale);

    private static Control Control(ControlEntry entry, int index, string file)
    {
        ControlTarget target = entry switch
        {
            { RoutingWeight: { } weight, CpuCores: null, BlockingRate: null } => new ControlTarget.RoutingWeight(
                weight.Service - 1,
                weight.Node - 1
            ),
            { RoutingWeight: null, CpuCores.Nodes: { } nodes, BlockingRate: null } => new ControlTarget.CpuCores(
                nodes.Select(node => node - 1).ToEquatableArray()
            ),
            { RoutingWeight: null, CpuCores: null, BlockingRate: { } rate } => new ControlTarget.BlockingRate(
                rate.Service - 1
            ),
            _ => throw new BadInputException(
                $"{file}: controls[{index}]: expected exactly one of routingWeight, cpuCores, blockingRate"
            ),
        };
        return new(entry.Name, target, entry.Lowest, entry.Highest, entry.Levels);
    }

    private static ObservationInput Input(ControlGrid grid, InputEntry entry, int index, string file)
    {
        if (entry is { Control: null, Service: { } service })
        {
            return new(ObservedQuantity.OfferedLoad, service - 1, entry.Offset, entry.Scale);
        }
        for (var i = 0; i < grid.Controls.Count; i++)
        {
            if (entry.Service is null && grid.Controls[i].Name == entry.Control)
            {
                return new(ObservedQuantity.Control, i, entry.Offset, entry.Scale);
            }
        }
        throw new BadInputException(
            $"{file}: observation[{index}]: {Shown.Text(entry.Control ?? "null")}; expected the name of a control, or a service"
        );
    }
}

using System.Globalization;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>Steers an HAProxy, also one of a user's own, through its runtime socket.</summary>
/// <remarks>
/// A weight of 1 is HAProxy's 256, of which whole numbers are told apart, and a blocking rate is requests in 10,000 in a map.
/// All of a configuration goes out at once, and is in force with the next request.
/// </remarks>
public sealed class HaProxyFront : IFront
{
    private const int WeightScale = 256;

    /// <summary>HAProxy takes lines of 16 kB.</summary>
    private const int CommandsPerLine = 100;

    private readonly HaProxySocket _socket;
    private readonly HaProxyNames _names;

    /// <param name="socket">Path of the runtime socket, of level admin.</param>
    /// <param name="names">What is steered.</param>
    /// <exception cref="BadInputException">HAProxy takes no such name.</exception>
    public HaProxyFront(string socket, HaProxyNames names)
    {
        names.Check();
        _socket = new(socket);
        _names = names;
    }

    public double Resolution => 0.5 / WeightScale;

    /// <inheritdoc/>
    /// <exception cref="BadInputException">
    /// A weight is above 1, a service or node is unknown here, or HAProxy refuses: the message has what it says.
    /// </exception>
    public async Task ApplyAsync(FrontConfiguration configuration, CancellationToken cancellationToken)
    {
        configuration.Check(_names.Services, _names.Nodes);
        CheckWeights(configuration);
        var commands = configuration.Services.SelectMany(route =>
            _names
                .Nodes.Select(node => Command($"set server {route.Name}/{node} weight {WeightOf(route, node)}"))
                .Append(Command($"set map {_names.BlockingMap} {route.Name} {BlockedOf(route)}"))
        );
        foreach (var line in commands.Chunk(CommandsPerLine))
        {
            var answer = await _socket.AskAsync(string.Join("; ", line), cancellationToken);
            if (answer.Length > 0)
            {
                throw new BadInputException($"HAProxy refuses: {string.Join(' ', Words(answer))}");
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="BadInputException">HAProxy does not have what is steered: the message has what it says.</exception>
    public async Task<FrontConfiguration> ReadBackAsync(CancellationToken cancellationToken)
    {
        var blocked = await BlockedAsync(cancellationToken);
        var routes = new List<ServiceRoute>();
        foreach (var service in _names.Services)
        {
            var weights = new Dictionary<string, double>();
            foreach (var node in _names.Nodes)
            {
                weights[node] = await WeightAsync($"{service}/{node}", cancellationToken);
            }
            routes.Add(new(service, weights, blocked[service] / HaProxyText.BlockingScale));
        }
        return new(routes);
    }

    /// <summary>In HAProxy's own unit.</summary>
    internal static int WeightOf(ServiceRoute route, string node) =>
        (int)Math.Round(route.Weights.GetValueOrDefault(node) * WeightScale);

    internal static void CheckWeights(FrontConfiguration configuration)
    {
        foreach (var route in configuration.Services)
        {
            foreach (var (node, weight) in route.Weights)
            {
                if (weight > 1)
                {
                    throw new BadInputException(
                        FormattableString.Invariant(
                            $"{route.Name}: the weight of {node} is {weight}; HAProxy expects 0 to 1"
                        )
                    );
                }
            }
        }
    }

    private static int BlockedOf(ServiceRoute route) => (int)Math.Round(route.BlockingRate * HaProxyText.BlockingScale);

    private async Task<double> WeightAsync(string server, CancellationToken cancellationToken)
    {
        // "51 (initial 128)"
        var answer = await _socket.AskAsync($"get weight {server}", cancellationToken);
        return
            Words(answer) is [var weight, "(initial", ..]
            && int.TryParse(weight, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number / (double)WeightScale
            : throw new BadInputException($"HAProxy's weight of {server}: '{answer}'; expected a number");
    }

    /// <summary>By service, in HAProxy's own unit.</summary>
    private async Task<Dictionary<string, double>> BlockedAsync(CancellationToken cancellationToken)
    {
        // One line per entry: its address in memory, key, value.
        var answer = await _socket.AskAsync($"show map {_names.BlockingMap}", cancellationToken);
        var entries = answer
            .Split('\n')
            .Select(Words)
            .Where(words => words.Length == 3)
            .ToDictionary(words => words[1], words => words[2]);
        return _names.Services.ToDictionary(
            service => service,
            service =>
                entries.TryGetValue(service, out var value)
                && double.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var blocked)
                    ? blocked
                    : throw new BadInputException(
                        $"HAProxy's map {_names.BlockingMap}: no number for {service}; expected requests in {HaProxyText.BlockingScale}"
                    )
        );
    }

    private static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static string Command(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

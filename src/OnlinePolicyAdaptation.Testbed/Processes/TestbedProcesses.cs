using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Testbed.Fronts;
using OnlinePolicyAdaptation.Testbed.Nodes;

namespace OnlinePolicyAdaptation.Testbed.Processes;

/// <summary>The nodes and the front of a testbed, processes that start and end as one.</summary>
/// <remarks>
/// A process that dies is started again, with the settings that were last given to it. When this program ends in whatever way,
/// none of them is left.
/// </remarks>
public sealed class TestbedProcesses : IAsyncDisposable
{
    private readonly TestbedPlan _plan;
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly NodeState[] _states;
    private readonly List<Supervised> _nodes = [];
    private FrontConfiguration _configuration;
    private Supervised? _front;

    private TestbedProcesses(TestbedPlan plan)
    {
        _plan = plan;
        _states = [.. plan.Nodes.Select(node => node.State)];
        _configuration = FrontConfiguration.Even(
            plan.Services.Select(service => service.Service),
            [.. plan.Nodes.Select(node => node.Name)]
        );
    }

    /// <summary>Where requests go.</summary>
    public Uri FrontAddress => _front?.Address ?? throw new InvalidOperationException("the front has not started");

    /// <summary>In the order of the plan.</summary>
    public IReadOnlyList<Uri> NodeAddresses => [.. _nodes.Select(node => node.Address)];

    /// <summary>The numbers of all processes: those of the nodes, and the front's.</summary>
    public IReadOnlyList<int> ProcessIds =>
        [.. _nodes.Append(_front).OfType<Supervised>().Select(one => one.Process.Id)];

    /// <summary>The front, as it is steered.</summary>
    public IFront Front =>
        new RememberedFront(
            this,
            _front?.Process is HaProxyProcess haproxy ? haproxy.Front : new FrontDoor(_client, FrontAddress)
        );

    /// <summary>Starts all of them.</summary>
    /// <param name="host">The command that becomes a process.</param>
    /// <param name="plan">What is started.</param>
    /// <param name="tell">What happens to them later, in a sentence; called from any thread.</param>
    /// <param name="cancellationToken">Of the start.</param>
    /// <exception cref="Domain.BadInputException">One does not start, such as for a port that is taken; none is left then.</exception>
    public static async Task<TestbedProcesses> StartAsync(
        HostCommand host,
        TestbedPlan plan,
        Action<string> tell,
        CancellationToken cancellationToken
    )
    {
        var processes = new TestbedProcesses(plan);
        try
        {
            await processes.StartAllAsync(host, tell, cancellationToken);
            return processes;
        }
        catch
        {
            await processes.DisposeAsync();
            throw;
        }
    }

    /// <summary>What a node says that its state is; null: it is not there now.</summary>
    public Task<NodeState?> NodeAsync(int node, CancellationToken cancellationToken) =>
        AskAsync<NodeState>(node, "testbed/node", cancellationToken);

    /// <summary>What a node has done since it started; null: it is not there now.</summary>
    public Task<NodeUsage?> UsageAsync(int node, CancellationToken cancellationToken) =>
        AskAsync<NodeUsage>(node, "testbed/node/usage", cancellationToken);

    /// <summary>Changes what a node was last given; one that is not there now has it when it starts again.</summary>
    /// <exception cref="Domain.BadInputException">The node refuses it; the message says why.</exception>
    public async Task ChangeNodeAsync(int node, Func<NodeState, NodeState> change, CancellationToken cancellationToken)
    {
        var before = _states[node];
        _states[node] = change(before);
        try
        {
            await _client.PutToAsync(Door(node, "testbed/node"), _states[node], cancellationToken);
        }
        catch (HttpRequestException)
        {
            // it starts again with it
        }
        catch (Domain.BadInputException)
        {
            _states[node] = before;
            throw;
        }
    }

    /// <summary>A node ends, and stays away.</summary>
    public void RemoveNode(int node) => _nodes[node].Remove();

    /// <summary>A node comes back, at the same address.</summary>
    public void ReturnNode(int node) => _nodes[node].Return();

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_nodes.Append(_front).OfType<Supervised>().Select(one => one.DisposeAsync().AsTask()));
        _client.Dispose();
    }

    private Uri Door(int node, string path) => new(_nodes[node].Address, path);

    private async Task<T?> AskAsync<T>(int node, string path, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await _client.GetOfAsync<T>(Door(node, path), cancellationToken);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private async Task StartAllAsync(HostCommand host, Action<string> tell, CancellationToken cancellationToken)
    {
        var key = new RandomKey(_plan.Seed);
        var starts = _plan.Nodes.Select(
            (node, i) =>
                Supervised.StartAsync(
                    node.Name,
                    node.Port,
                    async (port, token) =>
                        await ChildProcess.StartAsync(
                            host,
                            "node",
                            new NodeSettings(
                                node.Name,
                                port,
                                _plan.CoreShare,
                                _plan.Services,
                                _states[i],
                                key.Split(i + 1).Value
                            ),
                            token
                        ),
                    tell,
                    cancellationToken
                )
        );
        Task<Supervised>[] nodes = [.. starts];
        try
        {
            _ = await Task.WhenAll(nodes);
        }
        finally
        {
            _nodes.AddRange(nodes.Where(node => node.IsCompletedSuccessfully).Select(node => node.Result));
        }
        var addresses = _plan.Nodes.Zip(_nodes).ToDictionary(pair => pair.First.Name, pair => pair.Second.Address);
        _front = await Supervised.StartAsync(
            "front",
            _plan.FrontPort,
            async (port, token) =>
            {
                var settings = new FrontSettings(port, addresses, _configuration, key.Split(0).Value);
                return _plan.Front switch
                {
                    FrontKind.HaProxy => await HaProxyProcess.StartAsync(settings, token),
                    _ => await ChildProcess.StartAsync(host, "front", settings, token),
                };
            },
            tell,
            cancellationToken
        );
    }

    /// <summary>A front that starts again with what was last applied.</summary>
    private sealed class RememberedFront(TestbedProcesses processes, IFront front) : IFront
    {
        public double Resolution => front.Resolution;

        public Task ApplyAsync(FrontConfiguration configuration, CancellationToken cancellationToken)
        {
            processes._configuration = configuration;
            return front.ApplyAsync(configuration, cancellationToken);
        }

        public Task<FrontConfiguration> ReadBackAsync(CancellationToken cancellationToken) =>
            front.ReadBackAsync(cancellationToken);
    }
}

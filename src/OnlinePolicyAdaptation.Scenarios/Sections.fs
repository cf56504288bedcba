// The shape of scenario.json: a record for each object of it. A field that is an `option`, or has a default, may be left
// out; a field that is not here is a fault. What a file says becomes a `Scenario` once all of it was checked.
namespace OnlinePolicyAdaptation.Scenarios.Sections

open System.Text.Json.Serialization
open OnlinePolicyAdaptation.Scenarios

type ServiceSection =
    {
        [<Field("The service's name.", Kind = TextKind.Name)>]
        Name: string
    }

type RoutingWeightSection =
    {
        [<Field("The service whose requests are routed.", Kind = TextKind.Service)>]
        Service: string
        [<Field("The node that gets this share of them; nodes without a weight share the rest equally.",
                Kind = TextKind.Node)>]
        Node: string
    }

type CpuCoresSection =
    {
        [<Field("The nodes that have this many cores each.", Kind = TextKind.Node, LeastItems = 1)>]
        Nodes: string[]
    }

type BlockingRateSection =
    {
        [<Field("The service whose requests are refused.", Kind = TextKind.Service)>]
        Service: string
    }

[<ExactlyOne("routingWeight cpuCores blockingRate")>]
type ControlSection =
    {
        [<Field("The control's name, also in traces and results.", Kind = TextKind.Name)>]
        Name: string
        [<Field("It sets the share of a service's requests that goes to a node.")>]
        RoutingWeight: RoutingWeightSection option
        [<Field("It sets the CPU cores of nodes.")>]
        CpuCores: CpuCoresSection option
        [<Field("It sets the share of a service's requests that is refused.")>]
        BlockingRate: BlockingRateSection option
        [<Field("The lowest value, in cores or as a share from 0 to 1.", Lowest = 0.0, Highest = 1e6)>]
        Lowest: float
        [<Field("The highest value, in cores or as a share from 0 to 1.", Lowest = 0.0, Highest = 1e6)>]
        Highest: float
        [<Field("How many values there are from the lowest to the highest, evenly spaced.",
                Lowest = 2.0,
                Highest = 1000.0)>]
        Levels: int
    }

type SystemSection =
    {
        [<Field("What users call.", LeastItems = 1)>]
        Services: ServiceSection[]
        [<Field("Where the services run, by name.", Kind = TextKind.Name, LeastItems = 1)>]
        Nodes: string[]
        [<Field("What can be changed, on which grid.", LeastItems = 1)>]
        Controls: ControlSection[]
        [<Field("A move that would leave the grid is no action (mask), or it stays at the edge (clip).",
                Words = "mask clip",
                Default = "\"mask\"")>]
        Edges: string
        [<Field("The value of every control in the first cycle, by name.", Keys = TextKind.Control)>]
        Start: Map<string, float>
    }

type ServiceGoalSection =
    {
        [<Field("The service.", Kind = TextKind.Service)>]
        Name: string
        [<Field("Bound of its mean response time, in seconds.", Above = 0.0, Highest = 86400.0)>]
        SloSeconds: float
        [<Field("The share of its requests that it may lose, for controllers: more is a missed objective. Experiments do not count it.",
                Above = 0.0,
                Highest = 1.0,
                Default = "0.05")>]
        LossObjective: float
    }

type RewardSection =
    {
        [<Field("Groups of controls; each group is a factor 1 - sum of values / available.", Kind = TextKind.Control)>]
        Saves: string[][]
        [<Field("What is available to each group, in cores or as a share; default: the sum of its highest values.",
                Above = 0.0,
                Highest = 1e9)>]
        Available: float[] option
        [<Field("The state whose controls are charged.", Words = "current-state next-state", Default = "\"next-state\"")>]
        CostAt: string
        [<Field("Decimals to which response times and rewards are rounded; default: not at all.",
                Lowest = 0.0,
                Highest = 15.0)>]
        Decimals: int option
    }

type GoalSection =
    {
        [<Field("The bound of every service.", LeastItems = 1)>]
        Services: ServiceGoalSection[]
        [<Field("What is saved while all bounds are kept.")>]
        Reward: RewardSection
        [<Field("The weight of the next cycle's reward.", Above = 0.0, Below = 1.0)>]
        Discount: float
    }

/// An object without fields.
[<Sealed>]
type NothingSection() = class end

type GreedySection =
    {
        [<Field("Charge per core or whole share that an action moves.", Lowest = 0.0, Highest = 1e6, Default = "0.001")>]
        MoveCharge: float
    }

type PolicyFileSection =
    {
        [<Field("Relative to the scenario's folder.")>]
        File: string
    }

type ThresholdSection =
    {
        [<Field("Mean CPU seconds of a request of each service, in their order.", Above = 0.0, Highest = 86400.0)>]
        CpuSecondsPerRequest: float[]
        [<Field("The CPU use that is aimed at, as a share: 0.8 is 80 %.", Above = 0.0, Highest = 1.0, Default = "0.8")>]
        TargetUtilisation: float
        [<Field("The share by which the use may be off.", Lowest = 0.0, Highest = 1.0, Default = "0.1")>]
        Tolerance: float
        [<Field("Highest load of the stabilisation window over the load now.",
                Lowest = 1.0,
                Highest = 1e6,
                Default = "1")>]
        PeakLoad: float
    }

type NetworkPolicySection =
    {
        [<Field("A trained policy, relative to the scenario's folder.")>]
        File: string
        [<Field("The likeliest action, or one drawn.", Words = "likeliest sampled", Default = "\"likeliest\"")>]
        Decision: string
    }

[<ExactlyOne("optimal random static greedy tabular rules threshold network")>]
type BasePolicySection =
    {
        [<Field("The exact optimum of the system before the change.")>]
        Optimal: NothingSection option
        [<Field("Every admissible action with the same probability.")>]
        Random: NothingSection option
        [<Field("Nothing is ever moved.")>]
        Static: NothingSection option
        [<Field("The best immediate reward on the system before the change.")>]
        Greedy: GreedySection option
        [<Field("An action number per configuration, as a JSON array.")>]
        Tabular: PolicyFileSection option
        [<Field("Rules by hand, as JSON.")>]
        Rules: PolicyFileSection option
        [<Field("What an autoscaler does that goes by CPU use.")>]
        Threshold: ThresholdSection option
        [<Field("A trained network.")>]
        Network: NetworkPolicySection option
    }

type EstimationSection =
    {
        [<Field("Trees of the random forest.", Lowest = 1.0, Highest = 10000.0, Default = "120")>]
        Trees: int
        [<Field("Samples in a leaf, at the least.", Lowest = 1.0, Highest = 1e6, Default = "1")>]
        MinSamplesLeaf: int
        [<Field("Trees grown anew in each refit; default: half of them.", Lowest = 1.0, Highest = 10000.0)>]
        RegrownTrees: int option
        [<Field("Samples after which the model is refitted.", Lowest = 1.0, Highest = 1e9, Default = "1")>]
        RefitEvery: int
        [<Field("Which samples the model is fitted to.", Kind = TextKind.Forgetting, Default = "\"relevance:30\"")>]
        Forgetting: string
        [<Field("Which bound of the response times is planned with.",
                Kind = TextKind.ResponseTimeBound,
                Default = "\"optimistic:0.6\"")>]
        Outlook: string
        [<Field("Loads nearer than this are one load for the model, in req/s.",
                Above = 0.0,
                Highest = 1e9,
                Default = "5")>]
        LoadStep: float
        [<Field("Samples without which there is no model.", Lowest = 1.0, Highest = 1e9, Default = "30")>]
        MinimumSamples: int
    }

type ColumnSection =
    {
        [<Field("As in the header.")>]
        Column: string
        [<Field("req/s, s, ms, cores, millicores, fraction or %, with a factor before it or none, as in 5 req/s.")>]
        Unit: string
    }

type StatisticsColumnsSection =
    {
        [<Field("Standard deviation of response times.")>]
        StandardDeviation: ColumnSection
        [<Field("90th percentile of response times.")>]
        P90: ColumnSection
        [<Field("99th percentile of response times.")>]
        P99: ColumnSection
        [<Field("Mean response time on each node.")>]
        NodeMeans: ColumnSection[]
        [<Field("Standard deviation of response times on each node.")>]
        NodeStandardDeviations: ColumnSection[]
        [<Field("Requests dropped, in req/s.")>]
        Dropped: ColumnSection
    }

type ServiceColumnsSection =
    {
        [<Field("The load that the recording was configured for; default: the offered load itself says it.")>]
        LoadLevel: ColumnSection option
        [<Field("Offered load.")>]
        OfferedLoad: ColumnSection
        [<Field("Carried load.")>]
        CarriedLoad: ColumnSection
        [<Field("Mean response time.")>]
        MeanResponseTime: ColumnSection
        [<Field("The finer statistics; default: none.")>]
        Statistics: StatisticsColumnsSection option
    }

type ColumnsSection =
    {
        [<Field("One per control, in their order.")>]
        Controls: ColumnSection[]
        [<Field("One per service, in their order.")>]
        Services: ServiceColumnsSection[]
        [<Field("When an interval ended. Unit: ISO 8601, or s, ms, us or ns since 1970. Default: the trace has no times.")>]
        Time: ColumnSection option
    }

type HistorySection =
    {
        [<Field("A recorded trace (CSV), relative to the scenario's folder.")>]
        Trace: string
        [<Field("What its columns mean; default: names and units of the testbed.")>]
        Columns: ColumnsSection option
    }

type BoundsSection =
    {
        [<Field("A value of the control's grid.", Lowest = 0.0, Highest = 1e6)>]
        Lowest: float
        [<Field("A value of the control's grid.", Lowest = 0.0, Highest = 1e6)>]
        Highest: float
    }

type GuardSection =
    {
        [<Field("Values that the controller does not leave, by control; default: the whole grid.",
                Keys = TextKind.Control,
                Default = "{}")>]
        Bounds: Map<string, BoundsSection>
        [<Field("No action within so many seconds of the last change, whose metrics are not learned from; default: the lag of response times is estimated, and they are learned for the configuration that they belong to.",
                Lowest = 0.0,
                Highest = 86400.0)>]
        SettlingSeconds: float option
        [<Field("A control moves at most so many times within stabilisationSeconds; default: no limit.",
                Lowest = 1.0,
                Highest = 1e6)>]
        MaximumChanges: int option
        [<Field("The window of maximumChanges, in seconds.", Above = 0.0, Highest = 86400.0)>]
        StabilisationSeconds: float option
        [<Field("Where the base policy acts in place of a plan, no control is moved back within so many intervals of a move.",
                Lowest = 0.0,
                Highest = 1e6,
                Default = "5")>]
        ReversalIntervals: int
        [<Field("Metrics older than this are not acted on; default: three intervals.", Above = 0.0, Highest = 259200.0)>]
        MaximumAgeSeconds: float option
        [<Field("While the mean absolute error of the last predictions, over the mean response time, is above this, the base policy acts; default: no limit.",
                Above = 0.0,
                Highest = 1e6)>]
        MaximumError: float option
        [<Field("With a model of fewer samples the base policy acts.", Lowest = 0.0, Highest = 1e9, Default = "0")>]
        MinimumSamples: int
    }

type ExplorationSection =
    {
        [<Field("Which levels a control may be moved to: those between levels of controller.history that requests were answered at, and none of 0 cores; or all of its grid. Without controller.history: all but those of 0 cores.",
                Words = "recorded all",
                Default = "\"recorded\"")>]
        Levels: string
        [<Field("The share of the cycles in which a node may be probed that has no requests, where controller.estimation.forgetting is factors; 0: never.",
                Lowest = 0.0,
                Highest = 1.0,
                Default = "0.01")>]
        Share: float
        [<Field("By what share of its bound a service may be expected to miss it during a probe.",
                Lowest = 0.0,
                Highest = 1000.0,
                Default = "0.5")>]
        MaximumMiss: float
    }

type PlausibleSection =
    {
        [<Field("The longest mean response time that is believed, in seconds; default: the larger of 3600 and 1000 times the largest bound of a service.",
                Above = 0.0,
                Highest = 1e9)>]
        ResponseTimeSeconds: float option
        [<Field("The highest load that is believed, in req/s; default: the larger of 1e6 and 1000 times the largest load of the scenario.",
                Above = 0.0,
                Highest = 1e12)>]
        RequestsPerSecond: float option
    }

type ControllerSection =
    {
        [<Field("Lookahead horizon of rollout.", Lowest = 1.0, Highest = 1000.0, Default = "3")>]
        Lookahead: int
        [<Field("What the end of a plan is worth: what the base policy makes of it, or the best of that, of holding still, and of going straight to the best configuration and staying.",
                Words = "base better-of",
                Default = "\"base\"")>]
        Leaves: string
        [<Field("The policy that the operator already has and rollout improves.", Default = "{ \"optimal\": {} }")>]
        BasePolicy: BasePolicySection
        [<Field("How the system model is estimated and planned with.", Default = "{}")>]
        Estimation: EstimationSection
        [<Field("A recording of the system as it is now; default: experiment.traces.before.")>]
        History: HistorySection option
        [<Field("Which configurations that were never measured may be tried, and how often a node is probed.",
                Default = "{}")>]
        Exploration: ExplorationSection
        [<Field("What a controller may do, whatever it has planned.", Default = "{}")>]
        Guard: GuardSection
        [<Field("Bounds above which a measurement is not believed, and put into quarantine.", Default = "{}")>]
        Plausible: PlausibleSection
        [<Field("What is done while a service is offered requests and answers none of them: the configuration of most capacity inside the bounds is approached, it is held, or the base policy acts. No capacity is taken away meanwhile.",
                Words = "most hold base",
                Default = "\"most\"")>]
        Outage: string
        [<Field("Seconds that an outage lasts before outage is done; default: three intervals.",
                Lowest = 0.0,
                Highest = 86400.0)>]
        OutageSeconds: float option
        [<Field("A jump in time of more intervals is doubted.", Lowest = 1.0, Highest = 1e9, Default = "720")>]
        MaximumGapIntervals: int
    }

type SimulatedServiceSection =
    {
        [<Field("Mean CPU seconds of one core of nominal speed per request.", Above = 0.0, Highest = 86400.0)>]
        ServiceTimeSeconds: float
        [<Field("How CPU seconds are distributed.", Words = "deterministic exponential lognormal")>]
        Distribution: string
        [<Field("Variance over squared mean; needed for lognormal alone.", Above = 0.0, Highest = 1e6)>]
        SquaredVariation: float option
    }

type SimulatedNodeSection =
    {
        [<Field("CPU seconds of work that one core does in a second.", Above = 0.0, Highest = 1e6, Default = "1")>]
        Speed: float
        [<Field("A further factor on the speed for 1, 2, .. cores.", Above = 0.0, Highest = 1e6, Default = "[]")>]
        SpeedByCores: float[]
        [<Field("Cores, where no control sets them.", Above = 0.0, Highest = 1e6, Default = "1")>]
        Cores: float
        [<Field("Latency in seconds, each way.", Lowest = 0.0, Highest = 86400.0, Default = "0")>]
        LatencySeconds: float
        [<Field("Mean of the exponential part on top of the latency, each way.",
                Lowest = 0.0,
                Highest = 86400.0,
                Default = "0")>]
        JitterSeconds: float
        [<Field("Requests worked on at once, beyond which requests are dropped; default: no limit.",
                Lowest = 1.0,
                Highest = 1e9)>]
        Capacity: int option
    }

type RecordingSection =
    {
        [<Field("Length of a monitoring interval of the simulation, in seconds.", Above = 0.0, Highest = 86400.0)>]
        IntervalSeconds: float
        [<Field("Unmeasured seconds at the start of each configuration.", Lowest = 0.0, Highest = 86400.0)>]
        SettlingSeconds: float
        [<Field("Monitoring intervals per load level and configuration.", Lowest = 1.0, Highest = 1e6)>]
        Intervals: int
        [<Field("Each gives one offered load per service, in req/s.", Above = 0.0, Highest = 1e9, LeastItems = 1)>]
        LoadLevels: float[][]
        [<Field("The load that 1 stands for in the columns expected_l1, .., in req/s.", Above = 0.0, Highest = 1e9)>]
        LoadUnit: float
        [<Field("Of the recording's chance.")>]
        Seed: int
    }

type StepsSection =
    {
        [<Field("One of them is drawn every so many cycles, in req/s.", Above = 0.0, Highest = 1e9, LeastItems = 1)>]
        Rates: float[]
        [<Field("In cycles.", Lowest = 1.0, Highest = 1e9)>]
        Every: int
    }

type SineSection =
    {
        [<Field("In req/s.", Above = 0.0, Highest = 1e9)>]
        Mean: float
        [<Field("In req/s.", Above = 0.0, Highest = 1e9)>]
        Amplitude: float
        [<Field("In cycles.", Above = 0.0, Highest = 1e9)>]
        Period: float
        [<Field("In radians.", Lowest = -1e6, Highest = 1e6, Default = "0")>]
        Phase: float
    }

type LoadFileSection =
    {
        [<Field("A CSV file with a load per cycle, and from the first again at the end; relative to the scenario's folder.")>]
        Path: string
        [<Field("As in the header.")>]
        Column: string
        [<Field("Such as req/s.")>]
        Unit: string
    }

/// The rate of Poisson arrivals in each control cycle.
[<ExactlyOne("requestsPerSecond steps sine file")>]
type LoadSection =
    {
        [<Field("Always the same, in req/s.", Above = 0.0, Highest = 1e9)>]
        RequestsPerSecond: float option
        [<Field("Steps between some rates, drawn by chance.")>]
        Steps: StepsSection option
        [<Field("mean + amplitude sin(2 pi t / period + phase).")>]
        Sine: SineSection option
        [<Field("As recorded.")>]
        File: LoadFileSection option
    }

type SimulationSection =
    {
        [<Field("One per service, in their order.")>]
        Services: SimulatedServiceSection[]
        [<Field("One per node, in their order.")>]
        Nodes: SimulatedNodeSection[]
        [<Field("Offered load of each service, in their order; default: experiment.loads.")>]
        Loads: LoadSection[] option
        [<Field("How traces of the mesh are recorded; its intervals are those of the simulation.")>]
        Recording: RecordingSection
    }

type ServiceQueriesSection =
    {
        [<Field("In req/s.", Kind = TextKind.Query)>]
        OfferedLoad: string
        [<Field("In req/s.", Kind = TextKind.Query)>]
        CarriedLoad: string
        [<Field("In seconds; NaN or no sample where nothing was served.", Kind = TextKind.Query)>]
        MeanResponseTime: string
    }

type PrometheusSection =
    {
        [<Field("Such as http://127.0.0.1:9090, without user, query or fragment.")>]
        Url: string
        [<Field("A PromQL query for every control, by name; it gives one sample, in cores or as a share.",
                Kind = TextKind.Query,
                Keys = TextKind.Control)>]
        Controls: Map<string, string>
        [<Field("One per service, in their order.")>]
        Services: ServiceQueriesSection[]
        [<Field("For the answers to all queries of an interval.", Lowest = 0.01, Highest = 300.0, Default = "2")>]
        TimeoutSeconds: float
        [<Field("Relative to the scenario's folder; default: no token is sent.")>]
        BearerTokenFile: string option
    }

type TestbedServiceSection =
    {
        [<Field("What a node does to answer a request: it multiplies random matrices, or it looks rows up in a SQLite database.",
                Words = "compute information")>]
        Kind: string
        [<Field("Mean CPU time of a request, in milliseconds.", Above = 0.0, Highest = 60000.0)>]
        WorkMilliseconds: float
        [<Field("Variance over squared mean of the CPU time, which is lognormal; 0: always the mean.",
                Lowest = 0.0,
                Highest = 100.0,
                Default = "1")>]
        SquaredVariation: float
    }

type TestbedNodeSection =
    {
        [<Field("Cores, where no control sets them.", Lowest = 0.0, Highest = 1e6, Default = "1")>]
        Cores: float
        [<Field("Factor on the CPU time of every request.", Above = 0.0, Highest = 1e6, Default = "1")>]
        Slowdown: float
        [<Field("Where it listens; 0: any free port.", Lowest = 0.0, Highest = 65535.0, Default = "0")>]
        Port: int
    }

type TestbedRecordingSection =
    {
        [<Field("Monitoring intervals per load level and configuration.", Lowest = 1.0, Highest = 1e6, Default = "3")>]
        Intervals: int
        [<Field("Each gives one offered load per service, in req/s; default: those of experiment.loads.",
                Above = 0.0,
                Highest = 1e9,
                LeastItems = 1)>]
        LoadLevels: float[][] option
        [<Field("Of the recording's order and chance.", Default = "1")>]
        Seed: int
    }

type TestbedSection =
    {
        [<Field("Unmeasured seconds before each monitoring interval.", Lowest = 0.0, Highest = 86400.0, Default = "2")>]
        SettlingSeconds: float
        [<Field("The share of a CPU that a core of the controls stands for; a node uses one CPU at most.",
                Above = 0.0,
                Highest = 1.0,
                Default = "0.1")>]
        CoreShare: float
        [<Field("One per service, in their order.")>]
        Services: TestbedServiceSection[]
        [<Field("One per node, in their order; default: one core each, any free port.", Default = "[]")>]
        Nodes: TestbedNodeSection[]
        [<Field("What routes and refuses requests: a process of our own, or the system's HAProxy, whose routing weights are at most 1.",
                Words = "embedded haproxy",
                Default = "\"embedded\"")>]
        Front: string
        [<Field("Where the front listens; 0: any free port.", Lowest = 0.0, Highest = 65535.0, Default = "0")>]
        FrontPort: int
        [<Field("How `opar testbed record` records.", Default = "{}")>]
        Recording: TestbedRecordingSection
    }

type LiveSection =
    {
        [<Field("Length of a monitoring interval, in seconds.", Lowest = 0.001, Highest = 1e6, Default = "5")>]
        IntervalSeconds: float
        [<Field("The Prometheus server that measures the system.")>]
        Prometheus: PrometheusSection option
        [<Field("A real system on this machine, of processes that `opar testbed` starts.")>]
        Testbed: TestbedSection option
    }

/// What is left out stays as it was.
type NodeChangeSection =
    {
        [<Field("The node.", Kind = TextKind.Node)>]
        Node: string
        [<Field("CPU seconds of work that one core does in a second.", Above = 0.0, Highest = 1e6)>]
        Speed: float option
        [<Field("A further factor on the speed for 1, 2, .. cores.", Above = 0.0, Highest = 1e6)>]
        SpeedByCores: float[] option
        [<Field("Cores, where no control sets them.", Above = 0.0, Highest = 1e6)>]
        Cores: float option
        [<Field("Latency in seconds, each way.", Lowest = 0.0, Highest = 86400.0)>]
        LatencySeconds: float option
        [<Field("Mean of the exponential part on top of the latency, each way.", Lowest = 0.0, Highest = 86400.0)>]
        JitterSeconds: float option
        [<Field("Requests worked on at once, beyond which requests are dropped.", Lowest = 1.0, Highest = 1e9)>]
        Capacity: int option
    }

type ServiceChangeSection =
    {
        [<Field("The service.", Kind = TextKind.Service)>]
        Service: string
        [<Field("Mean CPU seconds of one core of nominal speed per request; they are distributed as before.",
                Above = 0.0,
                Highest = 86400.0)>]
        ServiceTimeSeconds: float
    }

type LoadChangeSection =
    {
        [<Field("The service.", Kind = TextKind.Service)>]
        Service: string
        [<Field("Its offered load from then on.")>]
        Load: LoadSection
    }

type RampSection =
    {
        [<Field("Cycles until the change is complete.", Lowest = 2.0, Highest = 1e6)>]
        Cycles: int
        [<Field("Equal steps on the way, the first at once; default: one per cycle.", Lowest = 2.0, Highest = 1e4)>]
        Steps: int option
    }

type NodeFactorSection =
    {
        [<Field("The node.", Kind = TextKind.Node)>]
        Node: string
        [<Field("The factor, over the node as it was built.", Above = 0.0, Highest = 1e6)>]
        Factor: float
    }

type ServiceFactorSection =
    {
        [<Field("The service.", Kind = TextKind.Service)>]
        Service: string
        [<Field("The factor, over the service as it was built.", Above = 0.0, Highest = 1e6)>]
        Factor: float
    }

[<ExactlyOne("slowdown work gone back")>]
type TestbedChangeSection =
    {
        [<Field("A node takes longer by a factor.")>]
        Slowdown: NodeFactorSection option
        [<Field("A service's requests take longer by a factor.")>]
        Work: ServiceFactorSection option
        [<Field("A node ends.", Kind = TextKind.Node)>]
        Gone: string option
        [<Field("A node that had ended is started again.", Kind = TextKind.Node)>]
        Back: string option
    }

/// What the system becomes, on top of the changes before it.
type ChangeSection =
    {
        [<Field("What the system is called from then on, in reports; default: change and its number.",
                Kind = TextKind.Name)>]
        Name: string option
        [<Field("The system changes before this cycle; the cycles of changes ascend.", Lowest = 0.0, Highest = 1e9)>]
        AtCycle: int
        [<Field("Numbers move there in steps; default: all at once.")>]
        Ramp: RampSection option
        [<Field("Nodes of the simulated mesh that become other ones.", Default = "[]")>]
        Nodes: NodeChangeSection[]
        [<Field("Services of the simulated mesh whose requests become other ones.", Default = "[]")>]
        Services: ServiceChangeSection[]
        [<Field("Offered loads that become other ones.", Default = "[]")>]
        Loads: LoadChangeSection[]
        [<Field("A recording of the system from then on, a trace (CSV) relative to the scenario's folder, with the columns of experiment.traces.")>]
        Trace: string option
        [<Field("What happens to the processes of live.testbed.", Default = "[]")>]
        Testbed: TestbedChangeSection[]
    }

type ComparedSection =
    {
        [<Field("Lookahead horizons of the rollout policies; default: controller.lookahead.",
                Lowest = 1.0,
                Highest = 1000.0,
                LeastItems = 1)>]
        Horizons: int[] option
        [<Field("Further base policies, each with rollout on it.", Default = "[]")>]
        BasePolicies: BasePolicySection[]
        [<Field("Whether rollout is compared with choosing one control after another, where base policies are compared.",
                Default = "true")>]
        Multiagent: bool
        [<Field("Policies of the literature that go by configurations and rewards.",
                Words = "told-retraining m-ucb discounted-thompson sliding-window-ucb forgetting-gp",
                Default = "[]")>]
        Baselines: string[]
        [<Field("Further ways to forget.", Kind = TextKind.Forgetting, Default = "[]")>]
        Forgetting: string[]
        [<Field("Compare also with policies retrained on the whole recording of the system after its one change.",
                Default = "false")>]
        Retrain: bool
    }

type PlanningStudySection =
    {
        [<Field("Lookahead horizons of the rollout policies.", Lowest = 1.0, Highest = 1000.0, LeastItems = 1)>]
        Horizons: int[]
        [<Field("States in which the time of a decision is measured.", Lowest = 1.0, Highest = 1e6, Default = "30")>]
        TimedStates: int
        [<Field("Seconds that a decision is repeated for in each of them.",
                Lowest = 0.0,
                Highest = 1.0,
                Default = "0.005")>]
        TimedSeconds: float
    }

type TracesSection =
    {
        [<Field("The system before any change, a trace (CSV) relative to the scenario's folder.")>]
        Before: string
        [<Field("What their columns mean; default: names and units of the testbed.")>]
        Columns: ColumnsSection option
    }

type ExperimentSection =
    {
        [<Field("What the experiment asks, in a sentence.",
                Default = "\"How much does rollout improve the base policy?\"")>]
        Question: string
        [<Field("Control cycles of a run.", Lowest = 1.0, Highest = 1e9, Default = "60")>]
        Cycles: int
        [<Field("Repetitions with different random seeds.", Lowest = 1.0, Highest = 1e6, Default = "5")>]
        Seeds: int
        [<Field("Offered load of each service, in their order; default: simulation.loads.")>]
        Loads: LoadSection[] option
        [<Field("The system answers with rows of its traces, at the nearest load they were recorded at, or it is the simulated mesh, at any load; default: traces where there are any, also of all changes of nodes and services.",
                Words = "traces simulation")>]
        Environment: string option
        [<Field("What the system becomes in the course of the experiment.", MostItems = 10000, Default = "[]")>]
        Changes: ChangeSection[]
        [<Field("What is compared with what.", Default = "{}")>]
        Compared: ComparedSection
        [<Field("Simulated intervals of every configuration whose mean reward is what the configuration is worth; of a simulated mesh alone.",
                Lowest = 1.0,
                Highest = 1e6,
                Default = "200")>]
        ReferenceIntervals: int
        [<Field("A study of planning on the known system, besides.")>]
        PlanningStudy: PlanningStudySection option
        [<Field("Recordings of the system; default: controller.history, which does not change.")>]
        Traces: TracesSection option
    }

type ScenarioSection =
    {
        [<Field("The JSON Schema of this file, for editors.")>]
        [<JsonPropertyName("$schema")>]
        Schema: string option
        [<Field("The scenario's name, also of what is written about it.", Kind = TextKind.Name)>]
        Name: string
        [<Field("A headline; default: the name.")>]
        Title: string option
        [<Field("The version of this format.", Lowest = 2.0, Highest = 2.0)>]
        FormatVersion: int
        [<Field("What is managed.")>]
        System: SystemSection
        [<Field("What is wanted of it.")>]
        Goal: GoalSection
        [<Field("How it is controlled.", Default = "{}")>]
        Controller: ControllerSection
        [<Field("The system as a simulated mesh.")>]
        Simulation: SimulationSection option
        [<Field("The real system.", Default = "{}")>]
        Live: LiveSection
        [<Field("What `opar run` compares.", Default = "{}")>]
        Experiment: ExperimentSection
    }

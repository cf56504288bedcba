namespace OnlinePolicyAdaptation.Experiments

open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open System.Text.Json.Serialization
open System.Text.Json.Serialization.Metadata
open OnlinePolicyAdaptation.Domain

/// The shape of scenario.json, field by field. Fields that are `option` may be left out; any other field is required,
/// and a field that is not here is an error. Services and nodes are numbered from 1.
module ScenarioFile =

    /// How an offered load changes over the monitoring intervals, of which each control cycle has one. Exactly one of: steps
    /// and every; mean, amplitude, period and phase; file, column and unit.
    type Load =
        {
            /// Loads in req/s, one of which is drawn every so many intervals.
            Steps: float[] option
            Every: int option
            /// Poisson arrivals whose rate is mean + amplitude sin(2 pi t / period + phase): req/s, req/s, intervals and
            /// radians; the default phase is 0.
            Mean: float option
            Amplitude: float option
            Period: float option
            Phase: float option
            /// A CSV file with a load per interval, in a column with a unit such as "req/s", and from the first again at the
            /// end; relative to the scenario's folder.
            File: string option
            Column: string option
            Unit: string option
        }

    type Service =
        {
            Name: string
            /// Bound of the mean response time.
            SloSeconds: float
            /// Offered load, where it is constant; exactly one of this and `load`.
            RequestsPerSecond: float option
            /// Offered load, where it changes.
            Load: Load option
        }

    type RoutingWeight = { Service: int; Node: int }
    type CpuCores = { Nodes: int[] }
    type BlockingRate = { Service: int }

    /// A control sets exactly one of the three.
    type Control =
        {
            Name: string
            RoutingWeight: RoutingWeight option
            CpuCores: CpuCores option
            BlockingRate: BlockingRate option
            Lowest: float
            Highest: float
            Levels: int
        }

    type Reward =
        {
            /// Groups of control names; each group is a factor 1 - sum of values / available.
            Saves: string[][]
            /// What is available to each group, in cores or as a share; default: the sum of its highest values.
            Available: float[] option
            /// "current-state" or "next-state" (default): the state whose controls are charged.
            CostAt: string option
            /// Decimals to which response times and rewards are rounded; default: not at all.
            Decimals: int option
        }

    type Estimation =
        {
            /// Default 120.
            Trees: int option
            /// Default 1.
            MinSamplesLeaf: int option
            /// Trees grown anew in each cycle; default half of them.
            RegrownTrees: int option
            /// Samples after which the model is refitted; default 1.
            RefitEvery: int option
            /// never, window:1500, newest:3 or relevance:30; default relevance:30.
            Forgetting: string option
            /// expected, optimistic:0.7 or cautious:0.7; default optimistic:0.6.
            Outlook: string option
            /// In req/s; default 5.
            LoadStep: float option
            /// Default 30.
            MinimumSamples: int option
        }

    type Column = { Column: string; Unit: string }

    type StatisticsColumns =
        {
            StandardDeviation: Column
            P90: Column
            P99: Column
            NodeMeans: Column[]
            NodeStandardDeviations: Column[]
            Dropped: Column
        }

    type ServiceColumns =
        {
            LoadLevel: Column option
            OfferedLoad: Column
            CarriedLoad: Column
            MeanResponseTime: Column
            Statistics: StatisticsColumns option
        }

    type Columns =
        {
            /// One per control, in their order.
            Controls: Column[]
            /// One per service, in their order.
            Services: ServiceColumns[]
            /// When an interval ended. Unit: ISO 8601, or s, ms, us or ns since 1970. Default: the trace has no times.
            Time: Column option
        }

    type Trace =
        {
            /// The system before any change, relative to the scenario's folder.
            Before: string
            /// The system after its change; left out where it does not change.
            After: string option
            /// Default: the names and units of the testbed.
            Columns: Columns option
        }

    /// What a field is not said to be for, it may not stand for.
    type BasePolicy =
        {
            /// "optimal" (default: the exact optimum of the system before the change), "random", "static", "greedy",
            /// "tabular", "rules", "threshold" or "network".
            Kind: string
            /// tabular, rules, network: relative to the scenario's folder.
            File: string option
            /// network: "likeliest" (default) or "sampled".
            Decision: string option
            /// greedy: charge per core or whole share that an action moves; default 0.001.
            MoveCharge: float option
            /// threshold: of each service.
            CpuSecondsPerRequest: float[] option
            /// threshold: default 0.8.
            TargetUtilisation: float option
            /// threshold: default 0.1.
            Tolerance: float option
            /// threshold: highest load of the stabilisation window over the load now; default 1.
            PeakLoad: float option
        }

    type PlanningStudy =
        {
            /// Lookahead horizons of the rollout policies that are compared.
            Lookahead: int[]
            /// States in which the time of a decision is measured; default 30.
            TimedStates: int option
            /// Seconds that a decision is repeated for in each of them; default 0.005.
            TimedSeconds: float option
        }

    type Experiment =
        {
            Cycles: int
            /// "traces" (default): the system answers with rows of its traces, at the nearest load they were recorded at.
            /// "simulation": it is the simulated mesh, at any load; the traces are what is known of it.
            Environment: string option
            /// The system changes before this cycle; default: after the last one.
            ChangeAt: int option
            Seeds: int
            /// Lookahead horizons of the rollout policies that are compared.
            Lookahead: int[]
            /// Ways to forget that are compared with the estimation's, written alike.
            AlsoForgetting: string[] option
            /// Base policies that are compared with the scenario's, each with rollout on it.
            AlsoBasePolicies: BasePolicy[] option
            /// Compare also with policies retrained on the whole recording of the system after the change; default false.
            Retrain: bool option
            /// Besides, values and computing times of planning on the known system, at its one load.
            PlanningStudy: PlanningStudy option
        }

    type Bounds = { Lowest: float; Highest: float }

    /// What holds where a live system is controlled.
    type Controller =
        {
            /// Length of a monitoring interval; default 5.
            IntervalSeconds: float option
            /// No action within so many seconds of the last change of the configuration, whose metrics are not learned
            /// from; default 0.
            SettlingSeconds: float option
            /// A control moves at most so many times ..
            MaximumChanges: int option
            /// .. within so many seconds; default: no limit.
            StabilisationSeconds: float option
            /// Metrics older than this are not acted on; default: three intervals.
            MaximumAgeSeconds: float option
            /// While the mean absolute error of the last 50 predictions, over the mean response time, is above this, the
            /// base policy acts; default: no limit.
            MaximumError: float option
            /// With a model of fewer samples the base policy acts; default 0.
            MinimumSamples: int option
            /// Values that the controller does not leave, by control; default: the whole grid.
            Bounds: Map<string, Bounds> option
        }

    type SimulatedService =
        {
            /// Mean CPU seconds of one core of nominal speed per request.
            ServiceTimeSeconds: float
            /// "deterministic", "exponential" or "lognormal".
            Distribution: string
            /// Variance over squared mean, for lognormal.
            SquaredVariation: float option
        }

    type SimulatedNode =
        {
            /// CPU seconds of work that one core does in a second; default 1.
            Speed: float option
            /// A further factor on the speed for 1, 2, .. cores; default: none.
            SpeedByCores: float[] option
            /// Where no control sets them; default 1.
            Cores: float option
            /// Each way; default 0.
            LatencySeconds: float option
            /// Mean of the exponential part on top of the latency, each way; default 0.
            JitterSeconds: float option
            /// Requests worked on at once, beyond which requests are dropped; default: no limit.
            Capacity: int option
        }

    type Recording =
        {
            IntervalSeconds: float
            /// Unmeasured at the start of each configuration.
            SettlingSeconds: float
            /// Monitoring intervals per load level and configuration.
            Intervals: int
            /// Each gives one offered load per service, in req/s.
            LoadLevels: float[][]
            /// The load that 1 stands for in the columns expected_l1, .., in req/s.
            LoadUnit: float
            Seed: int
        }

    type Simulation =
        {
            /// One per service, in their order.
            Services: SimulatedService[]
            /// One per node, in their order.
            Nodes: SimulatedNode[]
            /// Left out where the system does not change.
            NodesAfterChange: SimulatedNode[] option
            Recording: Recording
        }

    /// PromQL queries that give one sample each.
    type ServiceQueries =
        {
            /// In req/s.
            OfferedLoad: string
            /// In req/s.
            CarriedLoad: string
            /// In seconds; NaN or no sample where nothing was served.
            MeanResponseTime: string
        }

    type Prometheus =
        {
            /// Such as "http://127.0.0.1:9090".
            Url: string
            /// A PromQL query for every control, by name; it gives one sample, in cores or as a fraction.
            Controls: Map<string, string>
            /// One per service, in their order.
            Services: ServiceQueries[]
            /// For the answers to all queries of an interval; default 2.
            TimeoutSeconds: float option
            /// Relative to the scenario's folder; default: no token is sent.
            BearerTokenFile: string option
        }

    type Scenario =
        {
            Name: string
            Title: string
            Question: string
            Services: Service[]
            Nodes: string[]
            Controls: Control[]
            /// "mask" (default) or "clip": a move that would leave the grid is no action, or it stays at the edge.
            Edges: string option
            Reward: Reward
            Discount: float
            /// Value of every control in the first cycle, by name.
            Start: Map<string, float>
            Estimation: Estimation option
            /// The policy that the operator already has and rollout improves.
            BasePolicy: BasePolicy option
            Experiment: Experiment
            /// Rules for controlling a live system.
            Controller: Controller option
            /// Recorded traces of the system; not needed where response times are given as a table.
            Trace: Trace option
            /// The system as a simulated mesh; needed to record traces of it.
            Simulation: Simulation option
            /// A Prometheus server that measures the real system; needed to control it by what it measures.
            Prometheus: Prometheus option
        }

    let private isOption (t: System.Type) =
        t.IsGenericType && t.GetGenericTypeDefinition() = typedefof<option<_>>

    let private optionsMayBeMissing (info: JsonTypeInfo) =
        for property in info.Properties do
            if isOption property.PropertyType then
                property.IsRequired <- false

    let private jsonOptions =
        let resolver = DefaultJsonTypeInfoResolver()
        resolver.Modifiers.Add optionsMayBeMissing

        JsonSerializerOptions(
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            RespectRequiredConstructorParameters = true,
            RespectNullableAnnotations = true,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            ReadCommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
            TypeInfoResolver = resolver
        )

    let private field (e: JsonException) =
        match e.Path with
        | null
        | "$" -> ""
        | field -> $" {field.TrimStart('$', '.')}:"

    let private withLine path (e: JsonException) =
        if e.LineNumber.HasValue then
            $"{path}:{e.LineNumber.Value + 1L}:{field e}"
        else
            $"{path}:{field e}"

    let private withoutLine path (e: JsonException) = $"{path}:{field e}"

    /// `place` says where a fault is.
    let private deserialize (place: JsonException -> string) (text: string) : Result<Scenario, string> =
        try
            match JsonSerializer.Deserialize<Scenario>(text, jsonOptions) |> box with
            | null -> Error "null; expected a scenario"
            | scenario -> Ok(unbox<Scenario> scenario)
        with :? JsonException as e ->
            let message = e.Message.Split(" Path: ")[0]
            Error $"{place e} {message}"

    let private text path =
        if File.Exists path then
            Ok(File.ReadAllText path)
        else
            Error $"{path}: no such file; expected the folder of a scenario, with a scenario.json in it"

    /// Reads scenario.json; a fault is reported with file, line and field.
    let read path =
        text path |> Result.bind (deserialize (withLine path))

    /// Puts a value in place of the field that a path such as `estimation.trees` names; its parents are there.
    let private set path (scenario: JsonNode) (field: string, value: JsonNode) =
        let names = field.Split '.'

        let parent =
            (Some scenario, Seq.take (names.Length - 1) names)
            ||> Seq.fold (fun node name ->
                match node with
                | Some(:? JsonObject as node) -> node[name] |> Option.ofObj
                | _ -> None)

        match parent with
        | Some(:? JsonObject as parent) ->
            parent[Array.last names] <- value.DeepClone()
            Ok scenario
        | _ -> Error $"{path}: there is no field {field}"

    /// Reads scenario.json with some fields replaced, by their paths.
    let readWith path (fields: (string * JsonNode) list) =
        let options =
            JsonDocumentOptions(CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)

        text path
        |> Result.bind (fun text ->
            try
                match JsonNode.Parse(text, System.Nullable(), options) with
                | null -> Error $"{path}: null; expected a scenario"
                | node -> Ok node
            with :? JsonException as e ->
                Error $"{withLine path e} {e.Message}")
        |> Result.bind (fun scenario ->
            (Ok scenario, fields)
            ||> List.fold (fun changed field -> changed |> Result.bind (fun node -> set path node field)))
        |> Result.bind (fun scenario -> deserialize (withoutLine path) (scenario.ToJsonString()))

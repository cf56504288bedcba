namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels

/// The state as a checkpoint keeps it.
type ProbingJson =
    {
        Seen: int[]
        Since: int[]
        Looks: int[]
        Budget: ProbeBudgetJson
    }

/// A node that may have to be looked at.
[<Struct>]
type WatchedNode =
    {
        /// The cycle in which it last had requests enough.
        Seen: int
        /// The cycle of the last look, or in which a change was noticed since.
        Since: int
        /// How often it was looked at since a change was noticed.
        Looks: int
    }

/// What probing remembers.
type ProbingState =
    {
        Nodes: WatchedNode[]
        Budget: ProbeBudget
    }

/// A step that looks at a node, and what it is expected to cost, as a share of what the present interval earns.
[<Struct>]
type private Look =
    {
        Node: int
        Action: ControlAction
        Cost: float
    }

/// What no requests go to is not measured, and may have become better unseen. Where the plan keeps the configuration, such a node is
/// looked at now and then: one step of one control towards it, for one cycle; then planning goes on from what was seen. Only a look
/// that costs nothing goes on, step by step, and counts as one.
/// (M. Nygard, Release It!, 2007: a circuit breaker's half-open state.)
///
/// The wait for a look is in proportion to what it is expected to cost, grows with each look, and starts anew once a change is
/// noticed. A node that has half of an even share of a service's requests is seen: it is looked at more closely only where that
/// costs nothing. A look has to pay: if the node were much faster, some configuration would have to earn more than the present
/// one. No look where requests are lost.
[<RequireQualifiedAccess>]
module Probing =

    /// Cycles until a look that costs all that an interval earns, and how they grow with each look.
    let private costly, private costlyGrowth = 22.0, 1.3

    /// Cycles until a look that costs nothing, and how they grow.
    let private cheap, private cheapGrowth = 2.0, 1.5

    /// No node is left alone for longer, in cycles.
    let private longest = 200.0

    /// A look that costs no more than this, as a reward, costs nothing.
    let private free = 0.01

    /// The factor of a node that is much faster, as a point of the grid: 0.41.
    let private muchFaster = 2

    /// Such a node is hoped to be used as well as may be: so many standard deviations below what configurations are expected to take.
    let private optimism = 1.0

    /// What must be gained: this share of what an interval earns, and as a reward at least this.
    let private gain, private leastGain = 0.1, 0.02

    /// Of an even share of requests, that with which a node is seen.
    let private seen = 0.5

    /// A look gives the node at least this share of requests.
    let private leastShare = 0.1

    let private unwatched cycle =
        {
            Seen = cycle
            Since = cycle
            Looks = 0
        }

    let start nodes =
        {
            Nodes = Array.create nodes (unwatched 0)
            Budget = ProbeBudget.full
        }

    /// The largest share of a service's requests that each node gets.
    let private shares (surface: ResponseSurface) configuration =
        let largest = Array.zeroCreate<float> surface.Nodes

        for service in 0 .. surface.Layout.Services - 1 do
            surface.Shares(configuration, service)
            |> Array.iteri (fun node share -> largest[node] <- max largest[node] share)

        largest

    /// Which nodes are looked at now, and whether a change starts all distances anew.
    let private watch cycle (shares: float[]) hasChanged (state: ProbingState) =
        if hasChanged then
            { state with
                Nodes = Array.create state.Nodes.Length (unwatched cycle)
            }
        else
            { state with
                Nodes =
                    Array.map2
                        (fun (node: WatchedNode) share ->
                            if share * float state.Nodes.Length >= seen then
                                { node with Seen = cycle }
                            else
                                node)
                        state.Nodes
                        shares
            }

    /// What staying in each configuration is expected to earn in an interval.
    let private earnings
        (settings: ControllerSettings)
        (model: FactoredResponseTimes)
        configurations
        (loads: EquatableArray<RequestRate>)
        =
        let arrivals = Array.zeroCreate<float>(Array.length configurations)
        model.ExpectedArrivals(settings.Reward, ReadOnlySpan configurations, loads.AsSpan(), Span arrivals)

        Array.map2
            (fun configuration arrival ->
                if Double.IsNaN arrival then
                    settings.Reward.Departure configuration
                else
                    arrival)
            configurations
            arrivals

    /// Whether no service is expected to miss its bound by more than a probe may.
    let private isBearable
        (settings: ControllerSettings)
        (model: FactoredResponseTimes)
        (loads: EquatableArray<RequestRate>)
        configuration
        =
        let seconds = Array.zeroCreate<float> loads.Count
        model.Predict(configuration, loads.AsSpan(), Span seconds)

        Seq.forall2
            (fun (objective: ServiceLevelObjective) seconds ->
                seconds <= (1.0 + settings.Guard.Probes.MaximumMiss) * objective.Bound.Seconds)
            settings.Reward.Objectives
            seconds

    /// Single steps of single controls, without those that refuse requests.
    let private steps (grid: ControlGrid) mask =
        [|
            for control in 0 .. grid.Controls.Count - 1 do
                match grid.Controls[control].Target with
                | :? ControlTarget.BlockingRate -> ()
                | _ ->
                    for move in [ -1; 1 ] do
                        let action =
                            ControlAction(
                                Seq.init grid.Controls.Count (fun other -> if other = control then move else 0)
                                |> EquatableArray.ToEquatableArray
                            )

                        if action.IsAllowedBy mask then
                            action
        |]

    /// Whether a node was looked at in the cycle before.
    let private isLookedAt cycle (node: WatchedNode) =
        node.Looks > 0 && node.Since = cycle - 1

    /// Whether the time has come to look at a node, at such a cost as a share of what an interval earns. A look goes on as long as
    /// it costs nothing.
    let private isDue cycle isKeeping cost (node: WatchedNode) =
        let wait first growth =
            min longest (first * Math.Pow(growth, float node.Looks))

        if isLookedAt cycle node then
            cost <= 0.0
        else
            isKeeping
            && float (cycle - node.Since) >= wait cheap cheapGrowth
            && (cost <= 0.0
                || float (cycle - max node.Seen node.Since)
                   >= wait costly costlyGrowth * min 1.0 cost)

    /// The cheapest look at each node whose time has come; the first of equal ones.
    let private looks
        (settings: ControllerSettings)
        (model: FactoredResponseTimes)
        cycle
        (planned: Planned)
        (here: float[])
        (state: ProbingState)
        =
        let monitored = planned.Estimated.Monitored
        let configuration = monitored.Metrics.Configuration

        let mask =
            Admissible.mask settings monitored.MovesLeft monitored.Outage configuration

        let candidates =
            steps settings.Grid mask
            |> Array.map (fun action -> struct (action, settings.Grid.Move(configuration, action)))
            |> Array.filter (fun (struct (_, next)) -> isBearable settings model monitored.Loads next)

        let next = candidates |> Array.map (fun (struct (_, next)) -> next)

        let earned =
            earnings
                settings
                model
                (Array.append [| settings.Grid.Move(configuration, planned.Action) |] next)
                monitored.Loads

        let cost i =
            let cost = earned[0] - earned[1 + i]

            if cost <= free then
                0.0
            else
                cost / max leastGain (abs earned[0])

        let shares = next |> Array.map (shares model.Surface)

        [
            for node in 0 .. state.Nodes.Length - 1 do
                let towards =
                    [
                        for i in 0 .. next.Length - 1 do
                            if shares[i][node] >= leastShare && shares[i][node] > here[node] + 1e-9 then
                                let struct (action, _) = candidates[i]

                                {
                                    Node = node
                                    Action = action
                                    Cost = cost i
                                }
                    ]

                if not towards.IsEmpty then
                    let look = towards |> List.minBy _.Cost

                    if isDue cycle planned.Action.IsKeep look.Cost state.Nodes[node] then
                        look
        ]

    /// The configurations that may be entered.
    let private reachable (settings: ControllerSettings) =
        let within (configuration: Configuration) (levels: struct (int * int)[]) =
            Seq.forall2
                (fun level (struct (lowest, highest)) -> level >= lowest && level <= highest)
                configuration.Levels
                levels

        [|
            for state in 0 .. settings.Grid.ConfigurationCount - 1 do
                let configuration = settings.Grid.ConfigurationAt state

                if
                    within configuration settings.Guard.Bounds
                    && within configuration settings.Guard.Explored
                then
                    configuration
        |]

    /// Whether the best configuration would be better than the present one if a node were much faster.
    let private isPromising settings (model: FactoredResponseTimes) (monitored: Monitored) node =
        let earned =
            earnings
                settings
                (model.Assuming(node, muchFaster).WithOptimism optimism)
                (Array.append [| monitored.Metrics.Configuration |] (reachable settings))
                monitored.Loads

        Array.max earned - earned[0] >= max leastGain (gain * abs earned[0])

    /// The model that tells nodes apart, where a probe may be thought of at all.
    let private model (settings: ControllerSettings) cycle (state: ProbingState) (planned: Planned) =
        let monitored = planned.Estimated.Monitored

        let isLosing =
            monitored.Outage.IsSome
            || monitored.Answers
               |> Array.exists (fun answers -> answers.Answers <> Answers.Kept)

        match planned.Estimated.Model with
        | Ok {
                 ResponseTimes = :? FactoredResponseTimes as model
             } when
            settings.Mode = Mode.Act
            && planned.QFactor.IsSome
            && (planned.Action.IsKeep || Array.exists (isLookedAt cycle) state.Nodes)
            && monitored.Unusable.IsNone
            && not isLosing
            ->
            ValueSome model
        | _ -> ValueNone

    let private probe (settings: ControllerSettings) cycle shares (state: ProbingState) (planned: Planned) =
        match model settings cycle state planned with
        | ValueSome model when ProbeBudget.isLeft settings.Guard.Probes.Share cycle state.Budget ->
            let monitored = planned.Estimated.Monitored

            match looks settings model cycle planned shares state with
            | [] -> ValueNone
            | due ->
                // One in each cycle, since the thought takes as long as a plan.
                let look = due[cycle % due.Length]

                if isPromising settings model monitored look.Node then
                    ValueSome look
                else
                    ValueNone
        | _ -> ValueNone

    /// What is remembered once a node is to be looked at.
    let private probed (settings: ControllerSettings) cycle node (state: ProbingState) =
        { state with
            Budget = ProbeBudget.after settings.Guard.Probes.Share cycle state.Budget
            Nodes =
                state.Nodes
                |> Array.mapi (fun other watched ->
                    if other = node then
                        { watched with
                            Since = cycle
                            Looks =
                                if isLookedAt cycle watched then
                                    watched.Looks
                                else
                                    watched.Looks + 1
                        }
                    else
                        watched)
        }

    let private interval (settings: ControllerSettings) (state: ProbingState) (taken: Taken) (planned: Planned) =
        match planned.Estimated.Model with
        | Ok {
                 ResponseTimes = :? FactoredResponseTimes as model
             } when settings.Guard.Probes.Share > 0.0 ->
            let shares = shares model.Surface planned.Estimated.Monitored.Metrics.Configuration
            let watched = watch taken.Cycle shares planned.Estimated.Change.IsSome state

            match taken.Replayed with
            | ValueSome { Probe = ValueSome node } ->
                struct (probed settings taken.Cycle node watched, { planned with Probe = ValueSome node })
            | ValueSome _ -> struct (watched, planned)
            | ValueNone ->
                match probe settings taken.Cycle shares watched planned with
                | ValueNone -> struct (watched, planned)
                | ValueSome look ->
                    struct (probed settings taken.Cycle look.Node watched,
                            { planned with
                                Action = look.Action
                                Probe = ValueSome look.Node
                            })
        | _ -> struct (state, planned)

    let private codec nodes =
        let write (state: ProbingState) : ProbingJson =
            {
                Seen = state.Nodes |> Array.map _.Seen
                Since = state.Nodes |> Array.map _.Since
                Looks = state.Nodes |> Array.map _.Looks
                Budget = ProbeBudgetJson.ofBudget state.Budget
            }

        let read (json: ProbingJson) =
            let counts = [ json.Seen.Length; json.Since.Length; json.Looks.Length ]

            if counts |> List.exists ((<>) nodes) then
                Error $"seen, since, looks: of {counts} nodes; expected {nodes}"
            elif not (ProbeBudgetJson.isSound json.Budget) then
                Error $"budget: {json.Budget.Left} probes left; expected 0 to {ProbeBudget.burst}"
            else
                Ok
                    {
                        Nodes =
                            Array.init nodes (fun node ->
                                {
                                    Seen = json.Seen[node]
                                    Since = json.Since[node]
                                    Looks = json.Looks[node]
                                }
                                : WatchedNode)
                        Budget = ProbeBudgetJson.toBudget json.Budget
                    }

        StateJson.codec write read

    let stage (settings: ControllerSettings) =
        let nodes = max 1 settings.Grid.Nodes

        { Stage.create "probe" (start nodes) (Element.step (interval settings)) with
            Codec = ValueSome(codec nodes)
        }

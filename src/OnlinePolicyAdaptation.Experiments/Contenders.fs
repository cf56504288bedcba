/// What an experiment compares, and which base policies it has.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Contenders

open OnlinePolicyAdaptation.Scenarios

/// The base policies of an experiment, the scenario's first, each under its kind, numbered where a kind comes again.
let basePolicies (scenario: Scenario) =
    let policies =
        scenario.Controller.BasePolicy :: scenario.Experiment.AlsoBasePolicies
        |> List.distinct

    policies
    |> List.mapi (fun i policy ->
        let kind = BasePolicySpecification.kind policy

        match
            policies
            |> List.take i
            |> List.filter (fun p -> BasePolicySpecification.kind p = kind)
        with
        | [] -> kind, policy
        | same -> $"{kind}-{same.Length + 1}", policy)

/// Whether an experiment compares base policies.
let comparesBasePolicies scenario = (basePolicies scenario).Length > 1

/// Why a base policy cannot be improved one control after another, if so.
let private jointOnly (scenario: Scenario) policy =
    if not scenario.Experiment.ComparesMultiagent then
        Some "it is not asked for (experiment.compared.multiagent)"
    elif scenario.System.Grid.Controls.Count = 1 then
        Some "with one control it is the same as choosing all controls together"
    elif BasePolicySpecification.draws policy then
        Some "it draws its actions, and the controls still to be chosen need one action to stand for them"
    else
        None

/// Base policies of a comparison that are not improved one control after another, by their name, and why.
let withoutMultiagent (scenario: Scenario) =
    [
        if comparesBasePolicies scenario then
            for name, policy in basePolicies scenario do
                match jointOnly scenario policy with
                | Some reason -> name, reason
                | None -> ()
    ]

/// What a scenario compares, in the order of reports.
let ofScenario (scenario: Scenario) retrains =
    let horizons = scenario.Experiment.Horizons |> List.distinct

    [
        Contender.Base
        yield! horizons |> List.map Contender.Rollout
        if
            comparesBasePolicies scenario
            && (jointOnly scenario scenario.Controller.BasePolicy).IsNone
        then
            yield! horizons |> List.map Contender.Multiagent
        if not horizons.IsEmpty then
            for forgetting in scenario.Experiment.AlsoForgetting |> List.distinct do
                if forgetting <> scenario.Controller.Estimation.Forgetting then
                    Contender.RolloutForgetting(List.max horizons, forgetting)
        for name, policy in basePolicies scenario |> List.tail do
            Contender.Further(name, BasePolicyUse.Unchanged)

            for horizon in horizons do
                Contender.Further(name, BasePolicyUse.Rollout horizon)

            if (jointOnly scenario policy).IsNone then
                for horizon in horizons do
                    Contender.Further(name, BasePolicyUse.Multiagent horizon)
        if retrains then
            Contender.Retrained false
            Contender.Retrained true
        yield! scenario.Experiment.Baselines |> List.distinct |> List.map Contender.Baseline
        Contender.Optimum
    ]

/// The base policy that a contender uses or improves, and its name; none of those that come from the system alone.
let basePolicyOf (scenario: Scenario) contender =
    match contender with
    | Contender.Retrained _
    | Contender.Baseline _
    | Contender.Optimum -> None
    | Contender.Further(name, _) -> basePolicies scenario |> List.tryFind (fun (other, _) -> other = name)
    | Contender.Base
    | Contender.Rollout _
    | Contender.Multiagent _
    | Contender.RolloutForgetting _ -> basePolicies scenario |> List.tryHead

namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What a contender earns under loads that are alike.
type ContenderReward =
    {
        Contender: Contender
        /// Per cycle, over the seeds that met these loads.
        Reward: ConfidenceInterval
    }

/// The rewards under loads that are alike.
type LoadReward =
    {
        /// One per service, in req/s. Of patterns that name no loads, a multiple of half the load step.
        Loads: float list
        /// Whether the system was recorded at this load before the change.
        IsRecorded: bool
        /// Share of the cycles.
        Share: float
        Rewards: ContenderReward list
    }

/// What policies earn at each load, where the load of a scenario changes.
[<RequireQualifiedAccess>]
module LoadSummary =

    /// Cycles with the same of this are summarised together.
    let private alike (scenario: Scenario) (loads: EquatableArray<RequestRate>) =
        let step = scenario.Controller.Estimation.LoadStep / 2.0

        [
            for offered, load in Seq.zip scenario.Experiment.OfferedLoads loads do
                match OfferedLoad.named offered with
                | [] -> step * Math.Round(load.PerSecond / step)
                | _ -> load.PerSecond
        ]

    let private reward (observations: Observation[]) =
        observations
        |> Array.groupBy _.Seed
        |> Array.choose (fun (_, ofSeed) ->
            match ofSeed |> Array.choose (_.Timed.Record.Reward >> ValueOption.toOption) with
            | [||] -> None
            | rewards -> Some(Array.average rewards))

    /// Of one phase, loads ascending.
    let ofPhase (result: ExperimentResult) phase =
        let observations = result.Observations |> Array.filter (fun o -> o.Phase = phase)

        let recorded = RecordedLoads.levels result.Traces.Before

        let isRecorded (loads: float list) =
            recorded
            |> Array.exists (fun level ->
                Seq.forall2
                    (fun load known -> RecordedLoads.isAlike result.Scenario (RequestRate load) known)
                    loads
                    level)

        observations
        |> Array.groupBy (fun o -> alike result.Scenario o.Loads)
        |> Array.sortBy fst
        |> Array.map (fun (loads, ofLoad) ->
            {
                Loads = loads
                IsRecorded = isRecorded loads
                Share = float ofLoad.Length / float observations.Length
                Rewards =
                    [
                        for contender in result.Contenders do
                            match ofLoad |> Array.filter (fun o -> o.Contender = contender) |> reward with
                            | [||] -> ()
                            | rewards ->
                                {
                                    Contender = contender
                                    Reward = ConfidenceInterval.ofSamples rewards
                                }
                    ]
            })
        |> List.ofArray

namespace OnlinePolicyAdaptation.Experiments

open System
open OnlinePolicyAdaptation.Scenarios

/// What the cycles of an experiment are measured by.
type Yardstick =
    {
        /// What configurations are worth in each system, by its number.
        Systems: ExpectedRewards[]
        /// The expected reward of the configuration in force, in the system in force; none where it was not recorded.
        Expected: Observation -> float voption
        /// What the best configuration of the system in force earns at the load of the cycle.
        Best: Observation -> float
        /// What is to be reached in the cycle: the same, or what the optimum earns in the same seed where the load changes,
        /// since nobody is in another configuration at once.
        Goal: Observation -> float
        /// Whether the changes so far matter at the load.
        Matters: Observation -> bool
    }

    /// The expected reward of the configuration in force; where it was not recorded, less than any.
    member this.Earned o =
        this.Expected o |> ValueOption.defaultValue Double.NegativeInfinity

[<RequireQualifiedAccess>]
module Yardstick =

    let ofResult (result: ExperimentResult) =
        let systems =
            result.Traces.Systems |> Array.map (ExpectedRewards.ofTrace result.Scenario)

        let expected (o: Observation) =
            systems[o.System].Of(o.Loads, result.Scenario.System.Grid.IndexOf o.Timed.Record.Metrics.Configuration)

        let optimum =
            lazy
                (result.Observations
                 |> Seq.filter (fun o -> o.Contender = Contender.Optimum)
                 |> Seq.map (fun o ->
                     struct (o.Seed, o.Timed.Record.Cycle),
                     expected o |> ValueOption.defaultValue Double.NegativeInfinity)
                 |> readOnlyDict)

        let best (o: Observation) = systems[o.System].Goal o.Loads

        let matters = systems |> Array.map (Adaptation.matters systems[0])

        {
            Systems = systems
            Expected = expected
            Best = best
            Goal =
                match Scenario.loadLevels result.Scenario with
                | [ _ ] -> best
                | _ -> fun o -> optimum.Value[struct (o.Seed, o.Timed.Record.Cycle)]
            Matters = fun o -> matters[o.System] o.Loads
        }

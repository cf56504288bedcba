/// Whether recorded response times are in the unit that is declared for them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.RecordedUnits

open System
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp

/// So many times its bound, or its bound so many times, a median response time is rather in another unit: 1,000 lie between ms
/// and s.
let private suspicious = 300.0

let private median (numbers: float[]) =
    let sorted = Array.sort numbers
    sorted[sorted.Length / 2]

let private doubtsOf (scenario: Scenario) (recorded: RecordedTrace) =
    let trace = TestbedTrace.Read(recorded.Path, scenario.System.Grid, recorded.Columns)

    [
        for service in 0 .. scenario.System.Topology.Services.Count - 1 do
            let seconds =
                trace.Rows
                |> Seq.choose (fun row -> Option.ofNullable row.Services[service].MeanResponseTime)
                |> Seq.map _.Seconds
                |> Seq.filter (fun seconds -> seconds > 0.0)
                |> Seq.toArray

            if seconds.Length > 0 then
                let bound = scenario.Goal.Reward.Objectives[service].Bound.Seconds
                let usual = median seconds
                let times = max (usual / bound) (bound / usual)

                if times > suspicious then
                    let side = if usual < bound then "below" else "above"
                    let column = recorded.Columns.Services[service].MeanResponseTime

                    $"{recorded.Path}: column {column.Name}: response times of {usual:g3} s, {times:F0} times {side} the bound of {bound} s of {scenario.System.Topology.Services[service]}; is '{column.Unit}' its unit?"
    ]

/// A sentence for each service whose recorded response times are far off its bound. Traces that cannot be read raise no doubt:
/// whoever needs them says what is wrong.
let doubts (scenario: Scenario) : string list =
    let ofExperiment =
        [ scenario.Experiment.TraceBefore; scenario.Experiment.TraceAfter ]
        |> List.choose id
        |> List.map (fun path ->
            {
                Path = path
                Columns = scenario.Experiment.Columns
            })

    Option.toList scenario.Controller.History @ ofExperiment
    |> List.distinct
    |> List.collect (fun recorded ->
        try
            doubtsOf scenario recorded
        with :? BadInputException ->
            [])

namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open System.IO
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The offered load of one service over the control cycles: the rate of its Poisson arrivals. Each cycle has one
/// monitoring interval.
[<RequireQualifiedAccess>]
type OfferedLoad =
    | Constant of RequestRate
    /// One rate per cycle, and from the first again at the end.
    | Recorded of path: string * rates: EquatableArray<RequestRate>
    /// Every so many cycles one of the rates is drawn, each as likely.
    | RandomSteps of rates: EquatableArray<RequestRate> * every: int
    /// mean + amplitude sin(2 pi t / period + phase), and 0 where that is negative; the period in cycles.
    | Sine of mean: RequestRate * amplitude: RequestRate * period: float * phase: float

[<RequireQualifiedAccess>]
module OfferedLoad =

    let private recorded place path column unit =
        try
            use file = TraceFile.Open path
            let field = file.Field(TraceColumn(column, unit))

            let rates =
                [
                    while file.Read() do
                        RequestRate(field.Number())
                ]

            if rates.IsEmpty then
                Check.fail (ScenarioFault.at place "no row" "a row per cycle")
            else
                Ok(OfferedLoad.Recorded(path, EquatableArray.ToEquatableArray rates))
        with
        | :? BadInputException as e -> Check.fail (ScenarioFault.because place e.Message)
        | :? IOException
        | :? UnauthorizedAccessException as e -> Check.fail (ScenarioFault.because place e.Message)

    /// What `path` of a scenario file in `directory` says.
    let internal ofSection (directory: string) path (section: LoadSection) : Check.Checked<OfferedLoad> =
        match section with
        | { RequestsPerSecond = Some rate } -> Ok(OfferedLoad.Constant(RequestRate rate))
        | { Steps = Some steps } ->
            Ok(
                OfferedLoad.RandomSteps(
                    steps.Rates |> Seq.map RequestRate |> EquatableArray.ToEquatableArray,
                    steps.Every
                )
            )
        | { Sine = Some sine } ->
            Ok(OfferedLoad.Sine(RequestRate sine.Mean, RequestRate sine.Amplitude, sine.Period, sine.Phase))
        | { File = Some file } -> recorded $"{path}.file" (Path.Combine(directory, file.Path)) file.Column file.Unit
        | _ -> Check.fail (ScenarioFault.because path "expected a load")

    /// The loads of all services, in their order.
    let internal ofSections directory path services (sections: LoadSection[]) =
        validation {
            let! _ = Check.count path services sections "one per service"

            and! loads =
                sections |> Seq.mapi (fun i -> ofSection directory $"{path}[{i}]") |> Check.all

            return loads
        }

    /// The highest load there is.
    let highest load =
        match load with
        | OfferedLoad.Constant rate -> rate.PerSecond
        | OfferedLoad.Recorded(_, rates)
        | OfferedLoad.RandomSteps(rates, _) -> rates |> Seq.map _.PerSecond |> Seq.fold max 0.0
        | OfferedLoad.Sine(mean, amplitude, _, _) -> mean.PerSecond + amplitude.PerSecond

    /// At least as many loads as `levels` would give, told without listing them.
    let mostLevels (loadStep: float) load =
        match load with
        | OfferedLoad.Constant _ -> 1.0
        | OfferedLoad.RandomSteps(rates, _)
        | OfferedLoad.Recorded(_, rates) -> float rates.Count
        | OfferedLoad.Sine(_, amplitude, _, _) -> 2.0 * amplitude.PerSecond / loadStep + 2.0

    /// The loads that the pattern says by number, which a recorded system has to have been recorded at. Of a file or a
    /// sine, none: these take all values, and a recorded system answers with the nearest load it was recorded at.
    let named load =
        match load with
        | OfferedLoad.Constant rate -> [ rate ]
        | OfferedLoad.RandomSteps(rates, _) -> List.ofSeq rates
        | OfferedLoad.Recorded _
        | OfferedLoad.Sine _ -> []

    /// The loads that stand for the pattern where it is planned for or trained on, ascending: those it names, or else
    /// the multiples of `loadStep`, at least one step, that it comes near.
    let levels (loadStep: float) load =
        let multiples (rates: float seq) =
            rates
            |> Seq.map (fun rate -> RequestRate(loadStep * max 1.0 (Math.Round(rate / loadStep))))

        match load with
        | OfferedLoad.Constant _
        | OfferedLoad.RandomSteps _ -> Seq.ofList (named load)
        | OfferedLoad.Recorded(_, rates) -> rates |> Seq.map _.PerSecond |> multiples
        | OfferedLoad.Sine(mean, amplitude, _, _) ->
            let highest = mean.PerSecond + amplitude.PerSecond
            let lowest = mean.PerSecond - amplitude.PerSecond

            multiples (
                seq {
                    yield! [ lowest..loadStep..highest ]
                    highest
                }
            )
        |> Seq.distinct
        |> Seq.sortBy _.PerSecond
        |> List.ofSeq

    /// The pattern in seconds.
    let patternOf (secondsPerCycle: float) (key: RandomKey) load : LoadPattern =
        match load with
        | OfferedLoad.Constant rate -> LoadPattern.Constant rate
        | OfferedLoad.Recorded(_, rates) -> LoadPattern.Recorded(rates, secondsPerCycle)
        | OfferedLoad.RandomSteps(rates, every) -> LoadPattern.RandomSteps(rates, secondsPerCycle * float every, key)
        | OfferedLoad.Sine(mean, amplitude, period, phase) ->
            LoadPattern.Sine(mean, amplitude, secondsPerCycle * period, phase)

    let describe load =
        match load with
        | OfferedLoad.Constant rate -> $"{Numbers.rate rate} req/s"
        | OfferedLoad.Recorded(path, rates) -> $"as in {path}, {rates.Count} cycles"
        | OfferedLoad.RandomSteps(rates, every) ->
            let rates = rates |> Seq.map Numbers.rate |> String.concat ", "
            $"one of {rates} req/s, drawn every {every} cycles"
        | OfferedLoad.Sine(mean, amplitude, period, phase) ->
            $"{Numbers.rate mean} ± {Numbers.rate amplitude} req/s, a sine of {period} cycles from phase {phase}"

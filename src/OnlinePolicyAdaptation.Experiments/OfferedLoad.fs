namespace OnlinePolicyAdaptation.Experiments

open System
open System.IO
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

    let private positive place value =
        Validation.require place value "a finite number above 0" (Double.IsFinite value && value > 0.0)
        value

    let private recorded place path column unit =
        try
            use file = TraceFile.Open path
            let field = file.Field(TraceColumn(column, unit))

            let rates =
                [
                    while file.Read() do
                        RequestRate(field.Number())
                ]

            Validation.require place path "a row per monitoring interval" (not rates.IsEmpty)
            OfferedLoad.Recorded(path, EquatableArray.ToEquatableArray rates)
        with :? BadInputException as e ->
            Validation.fail place e.Message

    let private steps place rates every =
        Validation.require $"{place}.steps" "[]" "at least one rate" (Array.length rates > 0)
        Validation.require $"{place}.every" every "at least 1 monitoring interval" (every >= 1)
        let rates = rates |> Seq.map (positive $"{place}.steps" >> RequestRate)
        OfferedLoad.RandomSteps(EquatableArray.ToEquatableArray rates, every)

    let private sine place mean amplitude period phase =
        let amplitude = positive $"{place}.amplitude" amplitude
        let mean = positive $"{place}.mean" mean
        Validation.require $"{place}.phase" phase "a finite number of radians" (Double.IsFinite phase)
        OfferedLoad.Sine(RequestRate mean, RequestRate amplitude, positive $"{place}.period" period, phase)

    let private pattern directory place (file: ScenarioFile.Load) =
        match file with
        | {
              Steps = Some rates
              Every = Some every
              Mean = None
              Amplitude = None
              Period = None
              Phase = None
              File = None
              Column = None
              Unit = None
          } -> steps place rates every
        | {
              Steps = None
              Every = None
              Mean = Some mean
              Amplitude = Some amplitude
              Period = Some period
              File = None
              Column = None
              Unit = None
          } -> sine place mean amplitude period (Option.defaultValue 0.0 file.Phase)
        | {
              Steps = None
              Every = None
              Mean = None
              Amplitude = None
              Period = None
              Phase = None
              File = Some name
              Column = Some column
              Unit = Some unit
          } -> recorded place (Path.Combine(directory, name)) column unit
        | _ ->
            Validation.fail
                place
                "expected steps and every, or mean, amplitude, period and perhaps phase, or file, column and unit"

    /// What a scenario file in `directory` says of a service, checked.
    let internal build directory index (service: ScenarioFile.Service) =
        match service.RequestsPerSecond, service.Load with
        | Some rate, None -> OfferedLoad.Constant(RequestRate(positive $"services[{index}].requestsPerSecond" rate))
        | None, Some load -> pattern directory $"services[{index}].load" load
        | _ -> Validation.fail $"services[{index}]" "expected either requestsPerSecond or load"

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
        let number (rate: RequestRate) =
            rate.PerSecond.ToString Globalization.CultureInfo.InvariantCulture

        match load with
        | OfferedLoad.Constant rate -> $"{number rate} req/s"
        | OfferedLoad.Recorded(path, rates) -> $"as in {path}, {rates.Count} cycles"
        | OfferedLoad.RandomSteps(rates, every) ->
            let rates = rates |> Seq.map number |> String.concat ", "
            $"one of {rates} req/s, drawn every {every} cycles"
        | OfferedLoad.Sine(mean, amplitude, period, phase) ->
            $"{number mean} ± {number amplitude} req/s, a sine of {period} cycles from phase {phase}"

namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Collections.Generic
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// An interval, as the estimate of the lag remembers it.
type LagEntry =
    {
        Cycle: int
        Configuration: Configuration
        /// Quantised.
        OfferedLoads: EquatableArray<RequestRate>
        /// Mean response time of every service, NaN where it is not known; none where none is.
        Seconds: float[] voption
        /// Intervals since configuration and loads have last changed.
        Age: int
    }

/// How well each candidate lag agrees with what a service has shown.
[<RequireQualifiedAccess>]
module LagEvidence =

    /// The longest lag that is told, in intervals.
    let longest = 8

    /// What a prediction can lose at most, so that no single response time decides.
    let private largestLoss = 3.0

    /// What is lost where there is nothing to predict by.
    let private unknownLoss = 1.5

    /// Losses above this count against a lag whatever others lose.
    let private tolerableLoss = 1.0

    /// Evidence against a lag does not count beyond this, so that it can be believed later.
    let private mostAgainst = 20.0

    /// Response times that agree to this share agree.
    let private smallestDeviation = 0.05

    let private unknownDeviation = 0.1

    /// Services that are asked, so that the cost does not grow with a mesh.
    let private mostAsked = 16

    /// From a mean absolute, or median absolute, deviation to a standard deviation.
    let private ofMedian = 1.4826

    /// For each entry the place in the list of the one in force so many intervals before; the first where none was.
    let inForce (entries: LagEntry[]) lag =
        let places = Array.zeroCreate<int> entries.Length
        let mutable place = 0

        for i in 0 .. entries.Length - 1 do
            while place < i && entries[place + 1].Cycle <= entries[i].Cycle - lag do
                place <- place + 1

            places[i] <- place

        places

    /// A prediction of the logarithm of a response time; by no measurements: there is none.
    [<Struct>]
    type private LagPrediction =
        {
            Mean: float
            By: int
            Deviation: float
        }

        /// What the deviation of a prediction from a measurement has in variance, in variances of a measurement.
        member this.Spread = sqrt (1.0 + 1.0 / float this.By)

    let private nothing = { Mean = 0.0; By = 0; Deviation = 0.0 }

    /// Of a configuration the last measurements predict the next.
    let private newest = 3

    /// What a recording counts, in measurements.
    let private enough = 5

    let private median (values: float list) =
        match values with
        | [ value ] -> value
        | [ one; other ] -> (one + other) / 2.0
        | values -> Statistics.Median values

    /// What was recorded of a service in a configuration under a load.
    let private recordedOf (samples: WeightedSample list) service =
        let samples = CellStatistics.measured samples service

        if samples.IsEmpty then
            nothing
        else
            let equal = samples |> List.map (fun sample -> { sample with Weight = 1.0 })

            {
                Mean = CellStatistics.meanLog equal service
                By = enough
                Deviation = CellStatistics.deviation equal service
            }

    /// The intervals of a service: logarithms of its response times, NaN where there is none, and for each interval the number
    /// of its configuration and loads, by which what was recorded of these is found.
    [<NoComparison; NoEquality>]
    type private Course =
        {
            Entries: LagEntry[]
            Numbers: int[]
            Recorded: LagPrediction[]
            Logs: float[]
        }

    let private isMeasured course i = not (Double.IsNaN course.Logs[i])

    /// What a lag predicts, before each interval.
    let private predictions (course: Course) lag =
        let shown = Dictionary<int, float list>()

        inForce course.Entries lag
        |> Array.mapi (fun i place ->
            let number = course.Numbers[place]

            let earlier =
                match shown.TryGetValue number with
                | true, values -> values
                | false, _ -> []

            if isMeasured course i then
                shown[number] <- List.truncate newest (course.Logs[i] :: earlier)

            match earlier with
            | [] -> course.Recorded[number]
            | values ->
                {
                    Mean = median values
                    By = values.Length
                    Deviation = course.Recorded[number].Deviation
                })

    /// What the last response times predict, whatever the configuration.
    let private byLast (course: Course) count =
        let mutable last = []

        course.Logs
        |> Array.map (fun value ->
            let earlier = last

            if not (Double.IsNaN value) then
                last <- List.truncate count (value :: last)

            match earlier with
            | [] -> nothing
            | values ->
                {
                    Mean = median values
                    By = values.Length
                    Deviation = 0.0
                })

    /// The usual deviation from predictions: the larger of that of all and that soon after changes; none where too few say.
    let private deviation (course: Course) (predictions: LagPrediction[]) =
        let usual isCounted =
            let sizes =
                [|
                    for i in 0 .. predictions.Length - 1 do
                        if isMeasured course i && predictions[i].By > 0 && isCounted i then
                            abs (course.Logs[i] - predictions[i].Mean) / predictions[i].Spread
                |]

            if sizes.Length < 4 then
                nan
            else
                ofMedian * Statistics.Median sizes

        match usual (fun _ -> true), usual (fun i -> course.Entries[i].Age < longest) with
        | all, soon when Double.IsNaN soon -> all
        | all, soon -> max all soon

    /// The loss of a prediction: that of a t distribution of 3 degrees of freedom, bounded.
    let private loss course deviation i (prediction: LagPrediction) =
        if not (isMeasured course i) then
            0.0
        elif prediction.By = 0 then
            unknownLoss
        else
            let size =
                (course.Logs[i] - prediction.Mean)
                / (max deviation prediction.Deviation * prediction.Spread)

            min largestLoss (2.0 * log (1.0 + size * size / 3.0))

    /// How much less a lag has lost than a rival, whose last losses, so many, do not count.
    let private lead (losses: float[]) (rival: float[]) uncounted =
        let mutable lead = 0.0

        for i in 0 .. losses.Length - 1 do
            let lost = if i < losses.Length - uncounted then rival[i] else 0.0
            lead <- max -mostAgainst (lead + lost - losses[i] - max 0.0 (losses[i] - tolerableLoss))

        lead

    /// What a lag has over the present one by the response times of a service.
    [<Struct>]
    type Lead =
        {
            /// Over the present lag.
            OverPresent: float
            /// Over the last response times: what moves change.
            OverLast: float
        }

    /// The leads of the candidates by one service.
    let private leads (course: Course) present =
        let predicted = Array.init (longest + 1) (predictions course)

        let usual =
            predicted
            |> Array.map (deviation course)
            |> Array.filter (Double.IsNaN >> not)
            |> fun deviations ->
                if deviations.Length = 0 then
                    unknownDeviation
                else
                    Array.min deviations

        let deviation = max smallestDeviation usual
        let losses = predicted |> Array.map (Array.mapi (loss course deviation))

        let lasts =
            [ 1; 5 ]
            |> List.map (fun count ->
                byLast course count
                |> Array.mapi (fun i prediction -> if i = 0 then 0.0 else loss course deviation i prediction))

        Array.init (longest + 1) (fun lag ->
            {
                OverPresent = lead losses[lag] losses[present] (max 0 (lag - present))
                OverLast = lasts |> List.map (fun last -> lead losses[lag] last 0) |> List.min
            })

    /// By service the leads of the candidates, from lag 0; of many services only some are asked, evenly spread. `recorded` is what was known before the first interval.
    let ofServices (recorded: SampleWindow) present (entries: LagEntry[]) =
        let services =
            entries
            |> Array.tryPick (fun entry -> entry.Seconds |> ValueOption.map Array.length |> ValueOption.toOption)
            |> Option.defaultValue 0

        let asked = min mostAsked services

        let places = Dictionary<struct (Configuration * EquatableArray<RequestRate>), int>()

        let cells = List<WeightedSample list>()

        let numbers =
            entries
            |> Array.map (fun entry ->
                let place = struct (entry.Configuration, entry.OfferedLoads)

                match places.TryGetValue place with
                | true, number -> number
                | false, _ ->
                    places[place] <- cells.Count

                    cells.Add(
                        match SampleWindow.tryCell entry.Configuration entry.OfferedLoads recorded with
                        | ValueSome cell -> cell.Samples
                        | ValueNone -> []
                    )

                    cells.Count - 1)

        Array.init asked (fun i ->
            let service = i * services / asked

            leads
                {
                    Entries = entries
                    Numbers = numbers
                    Recorded = [| for samples in cells -> recordedOf samples service |]
                    Logs =
                        entries
                        |> Array.map (fun entry ->
                            match entry.Seconds with
                            | ValueSome seconds -> CellStatistics.logarithm seconds[service]
                            | ValueNone -> nan)
                }
                present)

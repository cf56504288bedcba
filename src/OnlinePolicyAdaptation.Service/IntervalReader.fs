namespace OnlinePolicyAdaptation.Service

open System
open System.Text
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Says a fault; never leaves `IntervalReader.Read`.
exception private Unusable of FaultKind * string

/// Text of an element that is shown in a reason: no more of it than people read.
[<RequireQualifiedAccess>]
module private ShownText =

    let beginning (bytes: ReadOnlySpan<byte>) =
        if bytes.Length <= 40 then
            Encoding.UTF8.GetString bytes
        else
            Encoding.UTF8.GetString(bytes.Slice(0, 40)) + "..."

/// Fields of an object whose values are numbers. A number that is null, or not there, is none.
type private NumberFields(names: string list) =
    let names = Array.ofList names
    let utf8 = names |> Array.map Encoding.UTF8.GetBytes
    let values = Array.zeroCreate<float voption> names.Length
    let isThere = Array.zeroCreate<bool> names.Length

    member _.Clear() =
        Array.Clear values
        Array.Clear isThere

    /// The number of the name that the reader stands on; -1: it is none of them.
    member _.Find(reader: byref<Utf8JsonReader>) =
        let mutable i = utf8.Length - 1

        while i >= 0 && not (reader.ValueTextEquals(ReadOnlySpan utf8[i])) do
            i <- i - 1

        i

    member _.Name i = names[i]
    member _.IsThere i = isThere[i]

    member _.Value
        with get i = values[i]
        and set i value =
            isThere[i] <- true
            values[i] <- value

/// The fields of a service, and of a service at a node but for the last.
[<RequireQualifiedAccess>]
module private Field =

    [<Literal>]
    let Count = 0

    [<Literal>]
    let StandardDeviation = 1

    [<Literal>]
    let P50 = 2

    [<Literal>]
    let P90 = 3

    [<Literal>]
    let P95 = 4

    [<Literal>]
    let P99 = 5

    [<Literal>]
    let FailedLoad = 6

    [<Literal>]
    let MeanResponseTime = 7

    [<Literal>]
    let CarriedLoad = 8

    [<Literal>]
    let OfferedLoad = 9

    [<Literal>]
    let BlockedLoad = 10

    let ofNode =
        [
            "count"
            "standardDeviation"
            "p50"
            "p90"
            "p95"
            "p99"
            "failedLoad"
            "meanResponseTime"
            "carriedLoad"
            "offeredLoad"
        ]

    let ofService = ofNode @ [ "blockedLoad" ]

/// Reads intervals, one line of JSON each; the format is described in SCHEMA.md. Not for several threads at once.
type IntervalReader(system: SystemDescription) =
    let names (all: string seq) =
        all |> Seq.map Encoding.UTF8.GetBytes |> Seq.toArray

    let controls = system.Grid.Controls |> Seq.toArray
    let controlNames = names (controls |> Seq.map _.Name)
    let serviceNames = names system.Topology.Services
    let levels = Array.zeroCreate<int> controls.Length
    let notThere = -1
    let nullGiven = -2
    let nodeNames = names system.Topology.Nodes
    let services = Array.zeroCreate<ServiceMetrics | null> serviceNames.Length
    let atNodes = Array.zeroCreate<ServiceAtNode | null> nodeNames.Length
    let nodes = Array.zeroCreate<NodeMetrics> nodeNames.Length
    let areNodesThere = Array.zeroCreate<bool> nodeNames.Length
    let ofService = NumberFields Field.ofService
    let ofServiceAtNode = NumberFields Field.ofNode
    let ofNode = NumberFields [ "utilisation" ]
    let ofInterval = NumberFields [ "lengthSeconds" ]

    // Places of faults, put together once.
    let servicePlaces = [| for name in system.Topology.Services -> $"services.{name}" |]
    let nodePlaces = [| for name in system.Topology.Nodes -> $"nodes.{name}" |]

    let atNodePlaces =
        [|
            for service in servicePlaces -> [| for node in nodePlaces -> $"{service}.{node}" |]
        |]

    /// What differences of measurements may be off by.
    let noise = 1e-9

    // A byte literal would be a new array each time.
    let timeName = "time"B
    let controlsName = "controls"B
    let servicesName = "services"B
    let nodesName = "nodes"B

    let fault kind reason = raise (Unusable(kind, reason))

    /// The value that the reader stands on, as it is shown to people.
    let shown (reader: byref<Utf8JsonReader>) =
        match reader.TokenType with
        | JsonTokenType.StartObject -> "an object"
        | JsonTokenType.StartArray -> "an array"
        | JsonTokenType.String -> "'" + ShownText.beginning reader.ValueSpan + "'"
        | _ -> ShownText.beginning reader.ValueSpan

    let placeOf (section: string) (field: string) =
        if section = "" then field else $"{section}.{field}"

    let expectObject (reader: byref<Utf8JsonReader>) (place: string) =
        if not (reader.Read()) || reader.TokenType <> JsonTokenType.StartObject then
            let text = shown &reader
            fault FaultKind.BadValue $"{place}: {text}; expected an object"

    /// The number of the name the reader stands on.
    let index (reader: byref<Utf8JsonReader>) (names: byte[][]) place =
        let mutable i = 0

        while i < names.Length && not (reader.ValueTextEquals(ReadOnlySpan names[i])) do
            i <- i + 1

        if i = names.Length then
            let expected = names |> Seq.map Encoding.UTF8.GetString |> String.concat ", "
            fault FaultKind.UnknownName $"{place}.{reader.GetString()}: unknown; expected {expected}"

        i

    /// A finite number after a name; none for null. Its place is put together from its parts once it is at fault.
    let finite (reader: byref<Utf8JsonReader>) (section: string) (field: string) =
        reader.Read() |> ignore

        match reader.TokenType with
        | JsonTokenType.Null -> ValueNone
        | JsonTokenType.Number ->
            let value = reader.GetDouble()

            if not (Double.IsFinite value) then
                let text = shown &reader
                fault FaultKind.BadValue $"{placeOf section field}: {text}; expected a finite number"

            ValueSome value
        | _ ->
            let text = shown &reader
            fault FaultKind.BadValue $"{placeOf section field}: {text}; expected a number"

    /// A number as `finite`, of at least 0: less by the noise of a subtraction is 0.
    let number (reader: byref<Utf8JsonReader>) section field =
        match finite &reader section field with
        | ValueSome value when value < 0.0 ->
            if value < -noise then
                let text = shown &reader

                fault FaultKind.BadValue $"{placeOf section field}: {text}; expected a finite number of at least 0"

            ValueSome 0.0
        | value -> value

    let required (section: string) (field: string) value =
        match value with
        | ValueSome value -> value
        | ValueNone -> fault FaultKind.BadValue $"{placeOf section field} is missing; expected a number"

    /// What was there is there again: which one counts, nobody knows.
    let once isThere (section: string) (field: string) =
        if isThere then
            fault FaultKind.BadValue $"{placeOf section field} is there twice; expected it once"

    let readNumber (reader: byref<Utf8JsonReader>) (fields: NumberFields) field place =
        once (fields.IsThere field) place (fields.Name field)
        fields.Value(field) <- number &reader place (fields.Name field)

    let level (reader: byref<Utf8JsonReader>) (control: Control) =
        match finite &reader "controls" control.Name with
        | ValueNone -> nullGiven
        | ValueSome value ->
            let level = control.Level value

            if not level.HasValue then
                let text = shown &reader

                fault
                    FaultKind.ImpossibleConfiguration
                    $"controls.{control.Name}: {text}; expected a value of the grid {control}"

            level.Value

    let readControls (reader: byref<Utf8JsonReader>) =
        expectObject &reader "controls"
        Array.Fill(levels, notThere)

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            let control = index &reader controlNames "controls"
            once (levels[control] <> notThere) "controls" controls[control].Name
            levels[control] <- level &reader controls[control]

        for i in 0 .. levels.Length - 1 do
            if levels[i] < 0 then
                fault FaultKind.BadValue $"controls.{controls[i].Name} is missing; expected a number"

    let rate value =
        match value with
        | ValueSome value -> Nullable(RequestRate value)
        | ValueNone -> Nullable()

    let time value =
        match value with
        | ValueSome value -> Nullable(ResponseTime value)
        | ValueNone -> Nullable()

    let count place value =
        match value with
        | ValueNone -> Nullable()
        | ValueSome value when value <= 1e15 && Math.Floor value = value -> Nullable(int64 value)
        | ValueSome value -> fault FaultKind.BadValue $"{place}.count: {value}; expected a whole number, at most 1e15"

    let statistics (fields: NumberFields) place : ResponseTimeStatistics | null =
        let mutable isThere = false

        for field in Field.Count .. Field.P99 do
            let value = fields.Value field
            isThere <- isThere || value.IsSome

        if isThere then
            ResponseTimeStatistics(
                Count = count place (fields.Value Field.Count),
                StandardDeviation = ValueOption.toNullable (fields.Value Field.StandardDeviation),
                P50 = time (fields.Value Field.P50),
                P90 = time (fields.Value Field.P90),
                P95 = time (fields.Value Field.P95),
                P99 = time (fields.Value Field.P99)
            )
        else
            null

    let readAtNode (reader: byref<Utf8JsonReader>) place =
        let fields = ofServiceAtNode
        expectObject &reader place
        fields.Clear()

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            match fields.Find &reader with
            | -1 -> reader.Skip()
            | field -> readNumber &reader fields field place

        ServiceAtNode(
            OfferedLoad = rate (fields.Value Field.OfferedLoad),
            CarriedLoad = rate (fields.Value Field.CarriedLoad),
            FailedLoad = rate (fields.Value Field.FailedLoad),
            MeanResponseTime = time (fields.Value Field.MeanResponseTime),
            Statistics = statistics fields place
        )

    /// By node; those that are not there are without measurements. Empty where none is there.
    let readAtNodes (reader: byref<Utf8JsonReader>) service =
        let place = $"{servicePlaces[service]}.nodes"
        expectObject &reader place
        Array.Clear atNodes
        let mutable isThere = false

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            let node = index &reader nodeNames place
            once (not (isNull atNodes[node])) place system.Topology.Nodes[node]
            let nodePlace = atNodePlaces[service][node]
            atNodes[node] <- readAtNode &reader nodePlace
            isThere <- true

        if isThere then
            atNodes
            |> Seq.map (fun node -> node |> Option.ofObj |> Option.defaultWith ServiceAtNode)
            |> EquatableArray.ToEquatableArray
        else
            EquatableArray()

    let readService (reader: byref<Utf8JsonReader>) service =
        let place = servicePlaces[service]
        let fields = ofService
        expectObject &reader place
        fields.Clear()
        let mutable byNode = ValueNone

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            match fields.Find &reader with
            | -1 when reader.ValueTextEquals(ReadOnlySpan nodesName) ->
                once byNode.IsSome place "nodes"
                byNode <- ValueSome(readAtNodes &reader service)
            | -1 -> reader.Skip()
            | field -> readNumber &reader fields field place

        let needed field =
            required place (fields.Name field) (fields.Value field)

        let offered = needed Field.OfferedLoad
        let carried = needed Field.CarriedLoad

        let served =
            if carried = 0.0 then
                Nullable()
            else
                Nullable(ResponseTime(needed Field.MeanResponseTime))

        services[service] <-
            ServiceMetrics(
                RequestRate offered,
                RequestRate carried,
                served,
                BlockedLoad = rate (fields.Value Field.BlockedLoad),
                FailedLoad = rate (fields.Value Field.FailedLoad),
                Statistics = statistics fields place,
                Nodes = ValueOption.defaultValue (EquatableArray()) byNode
            )

    let readServices (reader: byref<Utf8JsonReader>) =
        expectObject &reader "services"
        Array.Clear services

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            let service = index &reader serviceNames "services"
            once (not (isNull services[service])) "services" system.Topology.Services[service]
            readService &reader service

        match Array.IndexOf(services, null) with
        | -1 -> ()
        | missing -> fault FaultKind.BadValue $"{servicePlaces[missing]} is missing; expected what was measured of it"

    let readNode (reader: byref<Utf8JsonReader>) node =
        let place = nodePlaces[node]
        expectObject &reader place
        ofNode.Clear()

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            match ofNode.Find &reader with
            | -1 -> reader.Skip()
            | field -> readNumber &reader ofNode field place

        nodes[node] <- NodeMetrics(ValueOption.toNullable (ofNode.Value 0))

    /// Those that are not there are without measurements. Empty where none is there.
    let readNodes (reader: byref<Utf8JsonReader>) =
        expectObject &reader "nodes"
        Array.Clear nodes
        Array.Clear areNodesThere

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            let node = index &reader nodeNames "nodes"
            once areNodesThere[node] "nodes" system.Topology.Nodes[node]
            areNodesThere[node] <- true
            readNode &reader node

        if Array.contains true areNodesThere then
            EquatableArray.Create(ReadOnlySpan nodes)
        else
            EquatableArray()

    let readTime (reader: byref<Utf8JsonReader>) =
        let mutable time = DateTimeOffset.MinValue
        reader.Read() |> ignore

        if reader.TokenType <> JsonTokenType.String then
            let text = shown &reader
            fault FaultKind.BadValue $"time: {text}; {TimeText.expected}"
        // What the reader takes without an offset would be of the machine's own zone.
        elif
            not reader.ValueIsEscaped
            && TimeText.hasOffset reader.ValueSpan
            && reader.TryGetDateTimeOffset(&time)
        then
            time.ToUniversalTime()
        else
            match TimeText.read (string (reader.GetString())) with
            | Ok time -> time
            | Error reason ->
                let text = shown &reader
                fault FaultKind.BadValue $"time: {text}; {reason}"

    let read (line: ReadOnlySpan<byte>) =
        let mutable reader = Utf8JsonReader(line)

        if not (reader.Read()) || reader.TokenType <> JsonTokenType.StartObject then
            fault FaultKind.Unparsable "expected an object"

        let mutable time = ValueNone
        let mutable hasControls = false
        let mutable hasServices = false
        let mutable byNode = ValueNone
        ofInterval.Clear()

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            if reader.ValueTextEquals(ReadOnlySpan timeName) then
                once time.IsSome "" "time"
                time <- ValueSome(readTime &reader)
            elif reader.ValueTextEquals(ReadOnlySpan controlsName) then
                once hasControls "" "controls"
                readControls &reader
                hasControls <- true
            elif reader.ValueTextEquals(ReadOnlySpan servicesName) then
                once hasServices "" "services"
                readServices &reader
                hasServices <- true
            elif reader.ValueTextEquals(ReadOnlySpan nodesName) then
                once byNode.IsSome "" "nodes"
                byNode <- ValueSome(readNodes &reader)
            else
                match ofInterval.Find &reader with
                | -1 -> reader.Skip()
                | field -> readNumber &reader ofInterval field ""

        // What follows the object is read, so that it is refused.
        reader.Read() |> ignore

        match time, ofInterval.Value 0 with
        | ValueNone, _ -> fault FaultKind.BadValue "time is missing; expected the end of the interval"
        | ValueSome _, _ when not hasControls -> fault FaultKind.BadValue "controls is missing; expected an object"
        | ValueSome _, _ when not hasServices -> fault FaultKind.BadValue "services is missing; expected an object"
        | ValueSome _, ValueSome 0.0 -> fault FaultKind.BadValue "lengthSeconds: 0; expected seconds, above 0"
        | ValueSome time, length ->
            Interval(
                time,
                Configuration(EquatableArray.Create(ReadOnlySpan levels)),
                EquatableArray.ToEquatableArray(services |> Seq.choose Option.ofObj),
                LengthSeconds = ValueOption.toNullable length,
                Nodes = ValueOption.defaultValue (EquatableArray()) byNode
            )

    /// The interval in a line of UTF-8 JSON, or what is wrong with it.
    member _.Read(line: ReadOnlySpan<byte>) =
        try
            Ok(read line)
        with
        | Unusable(kind, reason) -> Error { Kind = kind; Reason = reason }
        | :? JsonException as e ->
            let place = e.BytePositionInLine.GetValueOrDefault()

            Error
                {
                    Kind = FaultKind.Unparsable
                    Reason = $"not JSON at byte {place}: expected an interval, one line of JSON"
                }
        // Strings that are not UTF-8, numbers without a value.
        | :? InvalidOperationException
        | :? FormatException as e ->
            Error
                {
                    Kind = FaultKind.Unparsable
                    Reason = e.Message
                }

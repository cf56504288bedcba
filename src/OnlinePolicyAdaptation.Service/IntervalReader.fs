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
    let services = Array.zeroCreate<ServiceMetrics | null> serviceNames.Length

    /// What differences of measurements may be off by.
    let noise = 1e-9

    // A byte literal would be a new array each time.
    let offeredLoadName = "offeredLoad"B
    let carriedLoadName = "carriedLoad"B
    let meanResponseTimeName = "meanResponseTime"B
    let timeName = "time"B
    let controlsName = "controls"B
    let servicesName = "services"B

    let fault kind reason = raise (Unusable(kind, reason))

    /// The value that the reader stands on, as it is shown to people.
    let shown (reader: byref<Utf8JsonReader>) =
        match reader.TokenType with
        | JsonTokenType.StartObject -> "an object"
        | JsonTokenType.StartArray -> "an array"
        | JsonTokenType.String -> "'" + ShownText.beginning reader.ValueSpan + "'"
        | _ -> ShownText.beginning reader.ValueSpan

    let expectObject (reader: byref<Utf8JsonReader>) (section: string) (owner: string) =
        if not (reader.Read()) || reader.TokenType <> JsonTokenType.StartObject then
            let text = shown &reader
            fault FaultKind.BadValue $"{section}{owner}: {text}; expected an object"

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
    let finite (reader: byref<Utf8JsonReader>) (section: string) (owner: string) (field: string) =
        reader.Read() |> ignore

        match reader.TokenType with
        | JsonTokenType.Null -> ValueNone
        | JsonTokenType.Number ->
            let value = reader.GetDouble()

            if not (Double.IsFinite value) then
                let text = shown &reader
                fault FaultKind.BadValue $"{section}{owner}{field}: {text}; expected a finite number"

            ValueSome value
        | _ ->
            let text = shown &reader
            fault FaultKind.BadValue $"{section}{owner}{field}: {text}; expected a number"

    /// A number as `finite`, of at least 0: less by the noise of a subtraction is 0.
    let number (reader: byref<Utf8JsonReader>) section owner field =
        match finite &reader section owner field with
        | ValueSome value when value < 0.0 ->
            if value < -noise then
                let text = shown &reader
                fault FaultKind.BadValue $"{section}{owner}{field}: {text}; expected a finite number of at least 0"

            ValueSome 0.0
        | value -> value

    let required (section: string) (owner: string) (field: string) value =
        match value with
        | ValueSome value -> value
        | ValueNone -> fault FaultKind.BadValue $"{section}{owner}{field} is missing; expected a number"

    /// What was there is there again: which one counts, nobody knows.
    let once isThere (section: string) (owner: string) (field: string) =
        if isThere then
            fault FaultKind.BadValue $"{section}{owner}{field} is there twice; expected it once"

    let level (reader: byref<Utf8JsonReader>) (control: Control) =
        match finite &reader "controls." control.Name "" with
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
        expectObject &reader "controls" ""
        Array.Fill(levels, notThere)

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            let control = index &reader controlNames "controls"
            once (levels[control] <> notThere) "controls." controls[control].Name ""
            levels[control] <- level &reader controls[control]

        for i in 0 .. levels.Length - 1 do
            if levels[i] < 0 then
                fault FaultKind.BadValue $"controls.{controls[i].Name} is missing; expected a number"

    let readService (reader: byref<Utf8JsonReader>) service =
        let name = system.Topology.Services[service]
        expectObject &reader "services." name
        let mutable offered = ValueNone
        let mutable carried = ValueNone
        let mutable mean = ValueNone
        // A null is there too.
        let mutable hasOffered = false
        let mutable hasCarried = false
        let mutable hasMean = false

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            if reader.ValueTextEquals(ReadOnlySpan offeredLoadName) then
                once hasOffered "services." name ".offeredLoad"
                hasOffered <- true
                offered <- number &reader "services." name ".offeredLoad"
            elif reader.ValueTextEquals(ReadOnlySpan carriedLoadName) then
                once hasCarried "services." name ".carriedLoad"
                hasCarried <- true
                carried <- number &reader "services." name ".carriedLoad"
            elif reader.ValueTextEquals(ReadOnlySpan meanResponseTimeName) then
                once hasMean "services." name ".meanResponseTime"
                hasMean <- true
                mean <- number &reader "services." name ".meanResponseTime"
            else
                reader.Skip()

        let offered = required "services." name ".offeredLoad" offered
        let carried = required "services." name ".carriedLoad" carried

        let served =
            if carried = 0.0 then
                Nullable()
            else
                Nullable(ResponseTime(required "services." name ".meanResponseTime" mean))

        services[service] <- ServiceMetrics(RequestRate offered, RequestRate carried, served)

    let readServices (reader: byref<Utf8JsonReader>) =
        expectObject &reader "services" ""
        Array.Clear services

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            let service = index &reader serviceNames "services"
            once (not (isNull services[service])) "services." system.Topology.Services[service] ""
            readService &reader service

        match Array.IndexOf(services, null) with
        | -1 -> ()
        | missing ->
            fault
                FaultKind.BadValue
                $"services.{system.Topology.Services[missing]} is missing; expected what was measured of it"

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

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            if reader.ValueTextEquals(ReadOnlySpan timeName) then
                once time.IsSome "" "" "time"
                time <- ValueSome(readTime &reader)
            elif reader.ValueTextEquals(ReadOnlySpan controlsName) then
                once hasControls "" "" "controls"
                readControls &reader
                hasControls <- true
            elif reader.ValueTextEquals(ReadOnlySpan servicesName) then
                once hasServices "" "" "services"
                readServices &reader
                hasServices <- true
            else
                reader.Skip()

        // What follows the object is read, so that it is refused.
        reader.Read() |> ignore

        match time with
        | ValueNone -> fault FaultKind.BadValue "time is missing; expected the end of the interval"
        | ValueSome _ when not hasControls -> fault FaultKind.BadValue "controls is missing; expected an object"
        | ValueSome _ when not hasServices -> fault FaultKind.BadValue "services is missing; expected an object"
        | ValueSome time ->
            {
                Time = time
                Configuration = Configuration(EquatableArray.ToEquatableArray levels)
                Services = EquatableArray.ToEquatableArray(services |> Seq.choose Option.ofObj)
            }

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

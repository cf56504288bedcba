namespace OnlinePolicyAdaptation.Service

open System
open System.Buffers
open System.Text
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Says a fault; never leaves `IntervalReader.Read`.
exception private Unusable of FaultKind * string

/// Times as text, as in RFC 3339.
[<RequireQualifiedAccess>]
module private TimeText =

    let expected = "expected a time as in RFC 3339, such as 2026-01-31T12:00:05Z"

    let private dateLength = "2026-01-31".Length

    /// Whether a text of a time says how far it is from UTC.
    let hasOffset (text: ReadOnlySpan<byte>) =
        text.Length > dateLength
        && (text[text.Length - 1] = 'Z'B
            || text.Slice(dateLength).IndexOfAny('+'B, '-'B) >= 0)

    /// Upper case and with a T, as RFC 3339 lets people choose.
    let private normal (text: string) =
        let upper = text.Trim().ToUpperInvariant()

        if upper.Length > dateLength && upper[dateLength] = ' ' then
            upper.Remove(dateLength, 1).Insert(dateLength, "T")
        else
            upper

    /// The moment in UTC. Here is time for what is seldom written: lower case, a space for the T.
    let read (text: string) =
        let bytes = Encoding.UTF8.GetBytes(normal text)
        let quoted = Array.concat [ "\""B; bytes; "\""B ]

        try
            let mutable reader = Utf8JsonReader(ReadOnlySpan quoted)
            let mutable time = DateTimeOffset.MinValue

            if not (reader.Read()) || not (reader.TryGetDateTimeOffset(&time)) then
                Error expected
            elif hasOffset (ReadOnlySpan bytes) then
                Ok(time.ToUniversalTime())
            else
                Error "it has no offset from UTC; expected one at its end, such as Z or +01:00"
        with :? JsonException ->
            Error expected

/// Text of an element that is shown in a reason: no more of it than people read.
[<RequireQualifiedAccess>]
module private ShownText =

    let beginning (bytes: ReadOnlySpan<byte>) =
        if bytes.Length <= 40 then
            Encoding.UTF8.GetString bytes
        else
            Encoding.UTF8.GetString(bytes.Slice(0, 40)) + "..."

/// Reads intervals, one line of JSON each; the format is described in SCHEMA.md. Not for several threads at once.
type IntervalReader(vocabulary: Vocabulary) =
    let names (all: string seq) =
        all |> Seq.map Encoding.UTF8.GetBytes |> Seq.toArray

    let controls = vocabulary.Grid.Controls |> Seq.toArray
    let controlNames = names (controls |> Seq.map _.Name)
    let serviceNames = names vocabulary.Topology.Services
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

    /// A field is there twice: it is not known which one counts.
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
        let name = vocabulary.Topology.Services[service]
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
            once (not (isNull services[service])) "services." vocabulary.Topology.Services[service] ""
            readService &reader service

        match Array.IndexOf(services, null) with
        | -1 -> ()
        | missing ->
            fault
                FaultKind.BadValue
                $"services.{vocabulary.Topology.Services[missing]} is missing; expected what was measured of it"

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

/// Intervals as lines of JSON, as they are kept and as a source may send them.
[<RequireQualifiedAccess>]
module IntervalJson =

    /// A number that JSON has no word for is written as null.
    let internal writeNumber (writer: Utf8JsonWriter) (name: string) (value: float) =
        if Double.IsFinite value then
            writer.WriteNumber(name, value)
        else
            writer.WriteNull name

    let private writeServices
        (writer: Utf8JsonWriter)
        (vocabulary: Vocabulary)
        (services: EquatableArray<ServiceMetrics>)
        =
        writer.WriteStartObject "services"

        for i in 0 .. services.Count - 1 do
            let measured = services[i]
            writer.WriteStartObject(vocabulary.Topology.Services[i])
            writeNumber writer "offeredLoad" measured.OfferedLoad.PerSecond
            writeNumber writer "carriedLoad" measured.CarriedLoad.PerSecond

            if measured.MeanResponseTime.HasValue then
                writeNumber writer "meanResponseTime" measured.MeanResponseTime.Value.Seconds

            writer.WriteEndObject()

        writer.WriteEndObject()

    /// Values of the controls at these levels, by name.
    let internal writeControls
        (writer: Utf8JsonWriter)
        (name: string)
        (grid: ControlGrid)
        (configuration: Configuration)
        =
        writer.WriteStartObject name

        for i in 0 .. grid.Controls.Count - 1 do
            writeNumber writer grid.Controls[i].Name (grid.Controls[i].Value configuration.Levels[i])

        writer.WriteEndObject()

    /// UTF-8 without a line end.
    let write (vocabulary: Vocabulary) (interval: Interval) =
        let buffer = ArrayBufferWriter<byte> 256
        use writer = new Utf8JsonWriter(buffer)
        writer.WriteStartObject()
        writer.WriteString("time", interval.Time.UtcDateTime)
        writeControls writer "controls" vocabulary.Grid interval.Configuration
        writeServices writer vocabulary interval.Services
        writer.WriteEndObject()
        writer.Flush()
        buffer.WrittenSpan.ToArray()

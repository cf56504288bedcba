namespace OnlinePolicyAdaptation.Service

open System
open System.Buffers
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Intervals as lines of JSON, as they are kept and as a source may send them.
[<RequireQualifiedAccess>]
module IntervalJson =

    /// A number that JSON has no word for is written as null.
    let internal writeNumber (writer: Utf8JsonWriter) (name: string) (value: float) =
        if Double.IsFinite value then
            writer.WriteNumber(name, value)
        else
            writer.WriteNull name

    let private writeValue (writer: Utf8JsonWriter) (name: string) (value: Nullable<float>) =
        if value.HasValue then
            writeNumber writer name value.Value

    let private writeRate (writer: Utf8JsonWriter) (name: string) (rate: Nullable<RequestRate>) =
        if rate.HasValue then
            writeNumber writer name rate.Value.PerSecond

    let private writeTime (writer: Utf8JsonWriter) (name: string) (time: Nullable<ResponseTime>) =
        if time.HasValue then
            writeNumber writer name time.Value.Seconds

    let private writeStatistics (writer: Utf8JsonWriter) (statistics: ResponseTimeStatistics | null) =
        match statistics with
        | null -> ()
        | statistics ->
            if statistics.Count.HasValue then
                writer.WriteNumber("count", statistics.Count.Value)

            writeValue writer "standardDeviation" statistics.StandardDeviation
            writeTime writer "p50" statistics.P50
            writeTime writer "p90" statistics.P90
            writeTime writer "p95" statistics.P95
            writeTime writer "p99" statistics.P99

    let private writeAtNode (writer: Utf8JsonWriter) (measured: ServiceAtNode) =
        writeRate writer "offeredLoad" measured.OfferedLoad
        writeRate writer "carriedLoad" measured.CarriedLoad
        writeRate writer "failedLoad" measured.FailedLoad
        writeTime writer "meanResponseTime" measured.MeanResponseTime
        writeStatistics writer measured.Statistics

    let private writeService (writer: Utf8JsonWriter) (measured: ServiceMetrics) =
        writeNumber writer "offeredLoad" measured.OfferedLoad.PerSecond
        writeNumber writer "carriedLoad" measured.CarriedLoad.PerSecond
        writeTime writer "meanResponseTime" measured.MeanResponseTime
        writeRate writer "blockedLoad" measured.BlockedLoad
        writeRate writer "failedLoad" measured.FailedLoad
        writeStatistics writer measured.Statistics

    /// An object by names, left out where there is nothing in it.
    let private writeNodes (writer: Utf8JsonWriter) (names: EquatableArray<string>) (nodes: EquatableArray<'a>) write =
        if nodes.Count > 0 then
            writer.WriteStartObject "nodes"

            for i in 0 .. nodes.Count - 1 do
                writer.WriteStartObject names[i]
                write writer nodes[i]
                writer.WriteEndObject()

            writer.WriteEndObject()

    let private writeServices (writer: Utf8JsonWriter) (topology: Topology) (services: EquatableArray<ServiceMetrics>) =
        writer.WriteStartObject "services"

        for i in 0 .. services.Count - 1 do
            writer.WriteStartObject topology.Services[i]
            writeService writer services[i]
            writeNodes writer topology.Nodes services[i].Nodes writeAtNode
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
    let write (system: SystemDescription) (interval: Interval) =
        let buffer = ArrayBufferWriter<byte> 256
        use writer = new Utf8JsonWriter(buffer)
        writer.WriteStartObject()
        writer.WriteString("time", interval.Time.UtcDateTime)
        writeValue writer "lengthSeconds" interval.LengthSeconds
        writeControls writer "controls" system.Grid interval.Configuration
        writeServices writer system.Topology interval.Services

        writeNodes writer system.Topology.Nodes interval.Nodes (fun writer node ->
            writeValue writer "utilisation" node.Utilisation)

        writer.WriteEndObject()
        writer.Flush()
        buffer.WrittenSpan.ToArray()

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

    let private writeServices
        (writer: Utf8JsonWriter)
        (system: SystemDescription)
        (services: EquatableArray<ServiceMetrics>)
        =
        writer.WriteStartObject "services"

        for i in 0 .. services.Count - 1 do
            let measured = services[i]
            writer.WriteStartObject(system.Topology.Services[i])
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
    let write (system: SystemDescription) (interval: Interval) =
        let buffer = ArrayBufferWriter<byte> 256
        use writer = new Utf8JsonWriter(buffer)
        writer.WriteStartObject()
        writer.WriteString("time", interval.Time.UtcDateTime)
        writeControls writer "controls" system.Grid interval.Configuration
        writeServices writer system interval.Services
        writer.WriteEndObject()
        writer.Flush()
        buffer.WrittenSpan.ToArray()

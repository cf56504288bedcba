/// Structured logs: a JSON object per line on standard error, where they do not mix with decisions on standard output.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.Logs

open Microsoft.Extensions.DependencyInjection
open Microsoft.Extensions.Logging
open Microsoft.Extensions.Logging.Console

/// Logs everything from `Information` on, of ASP.NET Core and alike only what is wrong. Times are UTC. Where nobody reads
/// standard error, lines are dropped: logs hold nothing up. Disposing it writes what is still to be written.
let toStandardError () : ILoggerFactory =
    LoggerFactory.Create(fun builder ->
        builder
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddJsonConsole(fun options ->
                options.UseUtcTimestamp <- true
                options.TimestampFormat <- "yyyy-MM-dd'T'HH:mm:ss.fff'Z'")
        |> ignore

        builder.Services.Configure<ConsoleLoggerOptions>(fun (options: ConsoleLoggerOptions) ->
            options.LogToStandardErrorThreshold <- LogLevel.Trace
            options.QueueFullMode <- ConsoleLoggerQueueFullMode.DropWrite)
        |> ignore)

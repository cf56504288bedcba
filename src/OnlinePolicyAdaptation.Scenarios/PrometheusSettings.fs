namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open System.IO
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Network

/// What a Prometheus server is asked about one service, in PromQL.
type PrometheusQueries =
    {
        /// In req/s.
        OfferedLoad: string
        /// In req/s.
        CarriedLoad: string
        /// In seconds; NaN or no sample where nothing was served.
        MeanResponseTime: string
    }

/// A Prometheus server that measures the managed system, and what it is asked. Each query gives one sample.
type PrometheusSettings =
    {
        /// Where its API starts: `api/v1/query` is below it. Ends with a slash.
        Url: Uri
        /// One query per control in the grid's order, in cores or as a fraction.
        Controls: string list
        /// One entry per service, in the topology's order.
        Services: PrometheusQueries list
        /// For all answers of an interval; 10 ms to 5 minutes.
        Timeout: TimeSpan
        /// A file with the bearer token that the server asks for.
        BearerTokenFile: string option
    }

[<RequireQualifiedAccess>]
module PrometheusSettings =

    let private path = "live.prometheus"

    let private url (text: string) =
        match Uri.TryCreate(text, UriKind.Absolute) with
        | true, NonNull uri when
            (uri.Scheme = Uri.UriSchemeHttp || uri.Scheme = Uri.UriSchemeHttps)
            && uri.UserInfo = ""
            && uri.Query = ""
            && uri.Fragment = ""
            ->
            Ok(Uri(uri.AbsoluteUri.TrimEnd '/' + "/"))
        | _ ->
            Check.fail (
                ScenarioFault.at
                    $"{path}.url"
                    $"'{Redacted.Address text}'"
                    "an address such as http://127.0.0.1:9090, without user, query or fragment"
            )

    let private controls (grid: ControlGrid) (queries: Map<string, string>) =
        [
            for control in grid.Controls ->
                match queries.TryFind control.Name with
                | Some text -> Ok text
                | None -> Check.fail (ScenarioFault.at $"{path}.controls.{control.Name}" "missing" "a PromQL query")
        ]
        |> Check.all

    /// What a scenario file in `directory` says, checked.
    let internal build (directory: string) (grid: ControlGrid) services (section: PrometheusSection) =
        validation {
            let! url = url section.Url
            and! controls = controls grid section.Controls
            and! _ = Check.count $"{path}.services" services section.Services "one per service"

            return
                {
                    Url = url
                    Controls = controls
                    Services =
                        [
                            for queries in section.Services ->
                                {
                                    OfferedLoad = queries.OfferedLoad
                                    CarriedLoad = queries.CarriedLoad
                                    MeanResponseTime = queries.MeanResponseTime
                                }
                        ]
                    Timeout = Check.seconds section.TimeoutSeconds
                    BearerTokenFile =
                        section.BearerTokenFile
                        |> Option.map (fun name -> Path.Combine(directory, name))
                }
        }

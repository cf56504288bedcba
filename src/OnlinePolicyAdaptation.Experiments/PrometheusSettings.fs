namespace OnlinePolicyAdaptation.Experiments

open System
open System.IO
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

    let private query place (text: string) =
        Validation.require place $"'{text}'" "a PromQL query" (not (String.IsNullOrWhiteSpace text))
        text

    let private url (text: string) =
        match Uri.TryCreate(text, UriKind.Absolute) with
        | true, NonNull uri when
            (uri.Scheme = Uri.UriSchemeHttp || uri.Scheme = Uri.UriSchemeHttps)
            && uri.UserInfo = ""
            && uri.Query = ""
            && uri.Fragment = ""
            ->
            Uri(uri.AbsoluteUri.TrimEnd '/' + "/")
        | _ ->
            Validation.fail
                "prometheus.url"
                $"'{text}'; expected an address such as http://127.0.0.1:9090, without user, query or fragment"

    let private controls (grid: ControlGrid) (queries: Map<string, string>) =
        let names = grid.Controls |> Seq.map _.Name |> List.ofSeq

        for name in Seq.except names queries.Keys do
            let known = String.concat ", " names
            Validation.fail "prometheus.controls" $"'{name}' is not a control; expected {known}"

        [
            for name in names ->
                match queries.TryFind name with
                | Some text -> query $"prometheus.controls.{name}" text
                | None -> Validation.fail "prometheus.controls" $"control {name} is missing"
        ]

    let private service index (queries: ScenarioFile.ServiceQueries) =
        let place = $"prometheus.services[{index}]"

        {
            OfferedLoad = query $"{place}.offeredLoad" queries.OfferedLoad
            CarriedLoad = query $"{place}.carriedLoad" queries.CarriedLoad
            MeanResponseTime = query $"{place}.meanResponseTime" queries.MeanResponseTime
        }

    /// What a scenario file in `directory` says, checked.
    let internal check (directory: string) (grid: ControlGrid) services (file: ScenarioFile.Prometheus) =
        let timeout = file.TimeoutSeconds |> Option.defaultValue 2.0

        Validation.require
            "prometheus.timeoutSeconds"
            timeout
            "a number from 0.01 to 300"
            (timeout >= 0.01 && timeout <= 300.0)

        Validation.require
            "prometheus.services"
            file.Services.Length
            $"{services} entries, one per service"
            (file.Services.Length = services)

        {
            Url = url file.Url
            Controls = controls grid file.Controls
            Services = file.Services |> Seq.mapi service |> List.ofSeq
            Timeout = TimeSpan.FromSeconds timeout
            BearerTokenFile = file.BearerTokenFile |> Option.map (fun name -> Path.Combine(directory, name))
        }

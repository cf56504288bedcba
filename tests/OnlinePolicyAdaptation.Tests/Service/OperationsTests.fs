module OnlinePolicyAdaptation.Tests.Service.Operations

open System
open System.Diagnostics
open System.IO
open System.Net
open System.Net.Http
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private get (url: Uri) (path: string) =
    task {
        use client = Http.client ()
        use! response = client.GetAsync(Uri(url, path))
        let! body = response.Content.ReadAsStringAsync()
        return response.StatusCode, body
    }

/// The page of measures after everything was recorded once.
let private page () : Task<string> =
    task {
        let measures = Measures [ "web"; "search" ]
        measures.Offered Outcome.Accepted
        measures.Offered(Outcome.Quarantined "what it said")
        measures.Decided(DecidedBy.BasePolicy, TimeSpan.FromMicroseconds 30.0)
        measures.Decided(DecidedBy.Rollout, TimeSpan.FromMilliseconds 3.0)
        measures.Refitted(TimeSpan.FromMilliseconds 16.0, 300)
        measures.ModelError 0.25
        measures.ModelAge 3
        measures.ChangeDetected()
        measures.FellBack(CycleError.TooFewSamples(3, 30))
        measures.FellBack(CycleError.IncompleteMetrics 0)
        measures.FellBack(CycleError.StageFailed("adapt", "why"))
        measures.StageTook("adapt", TimeSpan.FromMilliseconds 2.0)

        measures.RuleFired
            {
                Rule = "settling"
                Control = ValueNone
                Measured = ValueNone
            }

        measures.Quarantined FaultKind.Unparsable
        measures.QueueDepth 5
        measures.ObjectiveMissed 1
        measures.Bound(0, 0.5)
        measures.ResponseTime(0, 0.25)
        measures.InForce("p11", 0.6)
        measures.Reward -0.5
        measures.Delivery Fate.Superseded
        measures.SourceFailed()
        measures.DecidingFailed()
        measures.JournalWritable false
        measures.LastInterval(DateTimeOffset.UnixEpoch.AddSeconds 1.5)
        measures.TurnedAway TurnedAway.Idle
        use stream = new MemoryStream()
        do! measures.Write(stream, Threading.CancellationToken.None)
        return Text.Encoding.UTF8.GetString(stream.ToArray())
    }

let private promtool =
    [ "/usr/bin/promtool"; "/usr/local/bin/promtool" ] |> List.tryFind File.Exists

[<Tests>]
let tests =
    testList
        "Service.Operations"
        [
            testTask "a process that answers is healthy, and ready when the controller is" {
                let mutable readiness = ref (Readiness.NotReady "the journal is not open")

                let settings =
                    { ServedController.settings () with
                        Readiness = fun () -> readiness.Value
                    }

                do!
                    ServedController.run settings (fun url ->
                        task {
                            let! before = get url "readyz"

                            Expect.equal
                                before
                                (HttpStatusCode.ServiceUnavailable, "the journal is not open\n")
                                "not ready"

                            let! health = get url "healthz"
                            Expect.equal health (HttpStatusCode.OK, "alive\n") "healthy all the same"
                            readiness.Value <- Readiness.Ready
                            let! after = get url "readyz"
                            Expect.equal after (HttpStatusCode.OK, "ready\n") "ready"
                        })
            }

            testTask "the operators' pages need no token" {
                do!
                    ServedController.run
                        (ServedController.withToken "secret" (ServedController.settings ()))
                        (fun url ->
                            task {
                                for path in [ "healthz"; "readyz"; "metrics" ] do
                                    let! status, _ = get url path
                                    Expect.equal status HttpStatusCode.OK path
                            })
            }

            testTask "the operators' pages answer HEAD as GET, without a body" {
                let settings =
                    { ServedController.settings () with
                        Readiness = fun () -> Readiness.NotReady "journal: full"
                    }

                do!
                    ServedController.run settings (fun url ->
                        task {
                            for path, expected in
                                [
                                    "healthz", HttpStatusCode.OK
                                    "readyz", HttpStatusCode.ServiceUnavailable
                                    "metrics", HttpStatusCode.OK
                                ] do
                                use client = Http.client ()
                                use request = new HttpRequestMessage(HttpMethod.Head, Uri(url, path))
                                use! response = client.SendAsync request
                                Expect.equal response.StatusCode expected path
                                let! body = response.Content.ReadAsStringAsync()
                                Expect.equal body "" path
                        })
            }

            testTask "the page of metrics is in the format of Prometheus" {
                do!
                    ServedController.run (ServedController.settings ()) (fun url ->
                        task {
                            use client = Http.client ()
                            use! response = client.GetAsync(Uri(url, "metrics"))
                            let! body = response.Content.ReadAsStringAsync()

                            Expect.equal
                                (response.Content.Headers.ContentType |> string)
                                "text/plain; version=0.0.4; charset=utf-8"
                                "type"

                            for zero in
                                [
                                    "opar_intervals_total{outcome=\"already_known\"} 0"
                                    "opar_decisions_total{by=\"hold\"} 0"
                                    "opar_slo_violations_total{service=\"web\"} 0"
                                    "opar_quarantined_total{kind=\"poisonous\"} 0"
                                    "opar_source_failures_total 0"
                                ] do
                                Expect.stringContains body zero "starts at 0"

                            for unknown in
                                [
                                    "opar_model_nmae_ratio 0"
                                    "opar_model_rows 0"
                                    "opar_journal_writable 0"
                                    "opar_reward 0"
                                    "opar_response_time_seconds{"
                                    "dotnet"
                                    "process_"
                                ] do
                                Expect.isFalse (body.Contains unknown) $"{unknown}: nothing is known of it"
                        })
            }

            testTask "what is recorded is told" {
                let! (page: string) = page ()
                Expect.equal (page.Split("opar_fallbacks_total{").Length - 1) 2 "incomplete metrics are no reason"

                for line in
                    [
                        "opar_intervals_total{outcome=\"accepted\"} 1"
                        "opar_intervals_total{outcome=\"quarantined\"} 1"
                        "opar_decisions_total{by=\"base\"} 1"
                        "opar_decisions_total{by=\"rollout\"} 1"
                        "opar_decision_latency_seconds_bucket{le=\"1e-05\"} 0"
                        "opar_decision_latency_seconds_bucket{le=\"5e-05\"} 1"
                        "opar_decision_latency_seconds_bucket{le=\"0.0025\"} 1"
                        "opar_decision_latency_seconds_bucket{le=\"1\"} 2"
                        "opar_refit_duration_seconds_sum 0.016"
                        "opar_model_nmae_ratio 0.25"
                        "opar_model_rows 300"
                        "opar_model_age_intervals 3"
                        "opar_detections_total 1"
                        "opar_fallbacks_total{reason=\"too_few_samples\"} 1"
                        "opar_guard_rules_fired_total{rule=\"settling\"} 1"
                        "opar_quarantined_total{kind=\"unparsable\"} 1"
                        "opar_queue_depth 5"
                        "opar_slo_violations_total{service=\"search\"} 1"
                        "opar_slo_violations_total{service=\"web\"} 0"
                        "opar_response_time_bound_seconds{service=\"web\"} 0.5"
                        "opar_response_time_seconds{service=\"web\"} 0.25"
                        "opar_control_in_force{control=\"p11\"} 0.6"
                        "opar_reward -0.5"
                        "opar_fallbacks_total{reason=\"stage_failed\"} 1"
                        "opar_stage_duration_seconds_sum{stage=\"adapt\"} 0.002"
                        "opar_deliveries_total{outcome=\"superseded\"} 1"
                        "opar_deliveries_total{outcome=\"delivered\"} 0"
                        "opar_source_failures_total 1"
                        "opar_decision_faults_total 1"
                        "opar_journal_writable 0"
                        "opar_last_interval_timestamp_seconds 1.5"
                        "opar_connections_turned_away_total{reason=\"idle\"} 1"
                    ] do
                    Expect.stringContains page (line + "\n") "line"
            }

            testTask "names follow the conventions of Prometheus" {
                match promtool with
                | None -> skiptest "needs prometheus"
                | Some promtool ->
                    let! (page: string) = page ()

                    let info =
                        ProcessStartInfo(
                            promtool,
                            [ "check"; "metrics" ],
                            RedirectStandardInput = true,
                            RedirectStandardOutput = true,
                            RedirectStandardError = true
                        )

                    match Process.Start info with
                    | null -> failtest "promtool did not start"
                    | check ->
                        do! check.StandardInput.WriteAsync(page: string)
                        check.StandardInput.Close()
                        let! complaints = check.StandardError.ReadToEndAsync()
                        do! check.WaitForExitAsync()
                        Expect.equal (check.ExitCode, complaints) (0, "") "no complaint"
            }
        ]

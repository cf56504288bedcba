/// The simulated mesh once more, slow and obvious: at every event the remaining work of every request is reduced.
/// It takes the requests from the same streams and must come to the same response times.
module OnlinePolicyAdaptation.Tests.Environments.SlowMesh

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Environments.Simulation

type private Job =
    {
        Service: int
        Node: int
        Origin: float
        mutable Work: float
    }

/// What happened in a stretch of time.
type Happening =
    | Arrived of service: int
    | Blocked of service: int
    | Dropped of service: int
    | Answered of service: int * node: int * responseTime: float

/// Values of the controls, found by going through them.
type private Setting(grid: ControlGrid, configuration: Configuration, parameters: MeshParameters) =
    let values =
        [
            for control, value in Seq.zip grid.Controls (grid.Values configuration) -> control.Target, value
        ]

    let find choose = List.tryPick choose values

    member _.Cores node =
        find (function
            | :? ControlTarget.CpuCores as cpu, cores when Seq.contains node cpu.Nodes -> Some cores
            | _ -> None)
        |> Option.defaultValue parameters.Nodes[node].Cores

    member _.BlockingRate service =
        find (function
            | :? ControlTarget.BlockingRate as blocking, rate when blocking.Service = service -> Some rate
            | _ -> None)
        |> Option.defaultValue 0.0

    member _.Shares service =
        let weight node =
            find (function
                | :? ControlTarget.RoutingWeight as routing, weight when
                    routing.Service = service && routing.Node = node
                    ->
                    Some weight
                | _ -> None)
            |> Option.toNullable

        let shares: float array = Array.zeroCreate parameters.Nodes.Count
        let weights = Array.init shares.Length weight
        RoutingShares.Compute(weights, shares)
        shares

    /// Work that each of the jobs at a node gets done in a second.
    member setting.Rate(node, jobs) =
        let cores = setting.Cores node
        let table = parameters.Nodes[node].SpeedByCores

        let factor =
            if table.Count = 0 then
                1.0
            else
                table[min (table.Count - 1) (max 0 (int (ceil cores) - 1))]

        parameters.Nodes[node].Speed * factor * min 1.0 (cores / float jobs)

type SlowMesh(parameters: MeshParameters, loads: LoadPattern list, grid, key: RandomKey, schedule: MonitoringSchedule) =
    let jobs = ResizeArray<Job>()
    let mutable now = 0.0

    let requests stretch seconds (loads: LoadPattern list) loadTime =
        [
            for service, load in List.indexed loads do
                let stream = RequestStream(parameters.ServiceTimes[service], key.Split service)
                stream.Begin(stretch, now, now + seconds, load, loadTime)

                while stream.Next.Arrival < now + seconds do
                    service, stream.Next
                    stream.Advance()
        ]
        |> List.sortBy (fun (_, request) -> request.Arrival)

    let at node =
        jobs |> Seq.filter (fun job -> job.Node = node) |> Seq.length

    let advance (setting: Setting) time =
        let rates = [ for job in jobs -> setting.Rate(job.Node, at job.Node) ]

        for job, rate in Seq.zip jobs rates do
            job.Work <- job.Work - rate * (time - now)

        now <- time

    /// Answers, one after another, the jobs that are done before a time.
    let rec departures (setting: Setting) until =
        [
            let ends =
                [
                    for job in jobs -> now + max 0.0 job.Work / setting.Rate(job.Node, at job.Node), job
                ]

            match List.sortBy fst ends with
            | (time, job) :: _ when time < until ->
                advance setting time
                jobs.Remove job |> ignore
                Answered(job.Service, job.Node, time - job.Origin)
                yield! departures setting until
            | _ -> ()
        ]

    let arrival (setting: Setting) (service, request: Request) =
        [
            Arrived service

            if request.Admission < setting.BlockingRate service then
                Blocked service
            else
                let ends = setting.Shares service |> Array.scan (+) 0.0 |> Array.tail

                let node =
                    ends
                    |> Array.tryFindIndex (fun ending -> request.Routing < ending)
                    |> Option.defaultValue (ends.Length - 1)

                let place = parameters.Nodes[node]

                if place.Capacity.HasValue && at node >= place.Capacity.Value then
                    Dropped service
                else
                    let latency = 2.0 * place.LatencySeconds + request.Jitter * place.JitterSeconds

                    jobs.Add
                        {
                            Service = service
                            Node = node
                            Origin = request.Arrival - latency
                            Work = request.Work
                        }
        ]

    let run setting stretch seconds loads loadTime =
        let ending = now + seconds

        [
            for service, request in requests stretch seconds loads loadTime do
                yield! departures setting request.Arrival
                advance setting request.Arrival
                yield! arrival setting (service, request)

            yield! departures setting ending
            advance setting ending
        ]

    /// What happens in an interval, after settling where asked for.
    member _.Observe(interval: int, configuration, settles) =
        let setting = Setting(grid, configuration, parameters)
        let loadTime = float interval * schedule.IntervalSeconds
        let stretch = 2UL * uint64 interval

        if settles && schedule.SettlingSeconds > 0.0 then
            let held =
                loads |> List.map (fun load -> Meshes.constant (load.RateAt loadTime).PerSecond)

            run setting stretch schedule.SettlingSeconds held loadTime |> ignore

        run setting (stretch + 1UL) schedule.IntervalSeconds loads loadTime

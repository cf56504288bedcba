namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// How many intervals old response times are, and the intervals that tell.
type MetricsLag =
    {
        /// The estimate; 0 where nothing says otherwise.
        Lag: int
        /// The oldest first. Of long stays in one configuration the middle is left out.
        Entries: LagEntry[]
        /// Whether nothing but middles of long stays was left out.
        IsWhole: bool
    }

/// Estimates by how many intervals response times lag behind the configuration that interval and response time are reported with.
///
/// Each candidate lag says which configuration a response time belongs to: the one in force so many intervals ago. So each
/// predicts it: by what that configuration has shown last, by the same lag; before it has shown anything, by what was recorded
/// of it. A lag is believed once its predictions are better than those of the lag believed so far on several moves, better than
/// those of the last response times alone (else moves change nothing that could tell), and not bad themselves.
///
/// A changed system surprises every candidate, each as often, a longer lag only later: a longer lag is therefore compared
/// with the shorter one's losses up to as many intervals ago as it is longer.
[<RequireQualifiedAccess>]
module MetricsLag =

    /// Intervals that are remembered.
    let private memory = 256

    /// For so many intervals the estimate may wait for one more cycle.
    let private entriesPerCycle = 16

    /// The beginning of a stay, which is remembered in any case.
    let private beginning = 2 * LagEvidence.longest

    /// A lag is believed where the one before has lost so much more, for one service; more services deceive more often.
    let private neededLead services = 8.0 + 2.0 * log (float services)

    /// And where predictions by the last response times have lost so much more.
    let private neededEffect = 4.0

    let start =
        {
            Lag = 0
            Entries = [||]
            IsWhole = true
        }

    /// The lag that intervals tell, where the present one is believed so far. `recorded` is what was known before the first.
    let estimate (recorded: SampleWindow) present (entries: LagEntry[]) =
        let services = LagEvidence.ofServices recorded present entries

        /// Services whose response times moves change.
        let telling =
            services
            |> Array.filter (Array.exists (fun lead -> lead.OverLast > neededEffect))

        /// The largest lead by one service, where the others together do not contradict it.
        let lead lag =
            if telling |> Array.sumBy (fun leads -> leads[lag].OverPresent) > 0.0 then
                telling
                |> Array.filter (fun leads -> leads[lag].OverLast > neededEffect)
                |> Array.map (fun leads -> leads[lag].OverPresent)
                |> Array.fold max 0.0
            else
                0.0

        let best =
            [ 0 .. LagEvidence.longest ] |> List.filter ((<>) present) |> List.maxBy lead

        if services.Length > 0 && lead best > neededLead services.Length then
            best
        else
            present

    /// Leaves out the middle of the oldest long stay; where there is none, the oldest interval.
    let private trimmed lag =
        if lag.Entries.Length <= memory then
            lag
        else
            match
                lag.Entries
                |> Array.pairwise
                |> Array.tryFindIndex (fun (entry, next) -> entry.Age >= beginning && next.Age > entry.Age)
            with
            | Some middle ->
                { lag with
                    Entries = Array.removeAt middle lag.Entries
                }
            | None ->
                { lag with
                    Entries = Array.removeAt 0 lag.Entries
                    IsWhole = false
                }

    /// An interval that follows the last one.
    let entry cycle configuration loads seconds (lag: MetricsLag) =
        {
            Cycle = cycle
            Configuration = configuration
            OfferedLoads = loads
            Seconds = seconds
            Age =
                match Array.tryLast lag.Entries with
                | Some last when last.Configuration = configuration && last.OfferedLoads = loads -> last.Age + 1
                | Some _ -> 0
                | None -> beginning
        }

    /// The estimate is made anew in every cycle at first, and more rarely the more intervals there are: each says less then, and costs
    /// more.
    let private isDue (entry: LagEntry) (lag: MetricsLag) =
        entry.Cycle % max 1 (lag.Entries.Length / entriesPerCycle) = 0

    /// Takes note of an interval; the estimate is made anew while the last change can tell something.
    let observe recorded (entry: LagEntry) (lag: MetricsLag) =
        let noted =
            trimmed
                { lag with
                    Entries = Array.append lag.Entries [| entry |]
                }

        if entry.Age <= beginning && entry.Age < noted.Entries.Length && isDue entry noted then
            { noted with
                Lag = estimate recorded lag.Lag noted.Entries
            }
        else
            noted

    /// After an interruption: the intervals before it no longer say which configuration was in force.
    let interrupted (lag: MetricsLag) =
        { lag with
            Entries = [||]
            IsWhole = lag.IsWhole && lag.Entries.Length = 0
        }

    /// The interval whose configuration and loads the last response time belongs to; some interval was noted.
    let origin (lag: MetricsLag) =
        let last = Array.last lag.Entries

        lag.Entries
        |> Array.tryFindBack (fun entry -> entry.Cycle <= last.Cycle - lag.Lag)
        |> Option.defaultValue lag.Entries[0]

    /// The interval whose configuration and loads each response time belongs to, by the estimate.
    let origins (lag: MetricsLag) =
        LagEvidence.inForce lag.Entries lag.Lag
        |> Array.map (fun place -> lag.Entries[place])

namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What a service lost in a cell.
[<Struct>]
type LostService =
    {
        /// The share of its requests; 0: none is known to be lost.
        Share: float
        /// The response time that stands for it, in seconds.
        Seconds: float
        /// The first cycle of those in which it was lost, one after another, up to the last one in this cell.
        Since: int
    }

/// A configuration under a load in which a service loses requests.
type LostCell =
    {
        Configuration: Configuration
        OfferedLoads: EquatableArray<RequestRate>
        /// One entry per service.
        Services: LostService[]
    }

/// Where requests are lost, as far as it is known. What was lost there stands in the place of response times that were measured,
/// until it is seen to be lost no more; then what was lost in other cells just before or after it is no longer believed either,
/// since all of it may have had one cause. So an outage of the whole system leaves nothing behind, and a configuration that
/// loses requests is not gone back to.
type LostCells =
    private
        {
            cells: Map<float list, LostCell>
            /// By service, the first and the last cycle of its last losses, one after another.
            run: Map<int, struct (int * int)>
        }

[<RequireQualifiedAccess>]
module LostCells =

    let none = { cells = Map.empty; run = Map.empty }

    let private nothing =
        {
            Share = 0.0
            Seconds = 0.0
            Since = 0
        }

    let private isLost (service: LostService) = service.Share > 0.0

    /// In an order that does not depend on when they lost requests.
    let cells lost = lost.cells.Values

    /// By service: the first and the last cycle of its last losses, one after another.
    let runs lost =
        [|
            for KeyValue(service, struct (first, last)) in lost.run -> struct (service, first, last)
        |]

    /// What learned of how much is lost is told from again only if it differs by this share of it.
    let private tolerance = 0.1

    /// Whether as much is lost, about, in the same cells.
    let isAlike lost other =
        let isAlike (one: LostService) (two: LostService) =
            isLost one = isLost two
            && abs (one.Seconds - two.Seconds) <= tolerance * one.Seconds

        lost.cells.Count = other.cells.Count
        && Seq.forall2
            (fun (KeyValue(place, one: LostCell)) (KeyValue(place', two: LostCell)) ->
                place = place' && Array.forall2 isAlike one.Services two.Services)
            lost.cells
            other.cells

    let private place (cell: LostCell) =
        SampleWindow.place cell.Configuration cell.OfferedLoads

    let ofCells (cells: LostCell seq) runs =
        {
            cells = Map.ofSeq (cells |> Seq.map (fun cell -> place cell, cell))
            run =
                Map.ofSeq (
                    runs
                    |> Seq.map (fun (struct (service, first, last)) -> service, struct (first, last))
                )
        }

    /// What a service lost in a cell, in seconds; none where it is not known to lose anything.
    let tryFind configuration loads service lost =
        match lost.cells.TryFind(SampleWindow.place configuration loads) with
        | Some cell when isLost cell.Services[service] -> ValueSome cell.Services[service].Seconds
        | _ -> ValueNone

    /// Without what fulfils a condition.
    let private without service (isOver: LostService -> bool) lost =
        let cells =
            lost.cells
            |> Map.map (fun _ cell ->
                if isLost cell.Services[service] && isOver cell.Services[service] then
                    { cell with
                        Services = Array.updateAt service nothing cell.Services
                    }
                else
                    cell)
            |> Map.filter (fun _ cell -> Array.exists isLost cell.Services)

        { lost with cells = cells }

    let private add cycle configuration loads services service share seconds lost =
        let since =
            match lost.run.TryFind service with
            | Some(first, last) when last = cycle - 1 -> first
            | _ -> cycle

        let key = SampleWindow.place configuration loads

        let cell =
            lost.cells.TryFind key
            |> Option.defaultValue
                {
                    Configuration = configuration
                    OfferedLoads = loads
                    Services = Array.create services nothing
                }

        let entry =
            {
                Share = share
                Seconds = seconds
                Since = since
            }

        {
            cells =
                lost.cells
                |> Map.add
                    key
                    { cell with
                        Services = Array.updateAt service entry cell.Services
                    }
            run = lost.run |> Map.add service struct (since, cycle)
        }

    /// Whether what is answered under these loads tells that a cell loses nothing: whatever the load, where nothing was answered
    /// in it, else under one that is as high.
    let private isTold (loads: EquatableArray<RequestRate>) (cell: LostCell) (service: LostService) =
        service.Share = 1.0
        || Seq.forall2
            (fun (now: RequestRate) (then': RequestRate) -> now.PerSecond >= then'.PerSecond)
            loads
            cell.OfferedLoads

    let private withdraw (configuration: Configuration) loads service (history: RequestHistory) lost =
        let over =
            lost.cells.Values
            |> Seq.filter (fun cell -> cell.Configuration = configuration)
            |> Seq.map (fun cell -> struct (cell, cell.Services[service]))
            |> Seq.filter (fun (struct (cell, entry)) ->
                isLost entry && isTold loads cell entry && Losses.isOver entry.Share history)
            |> Seq.map (fun (struct (_, entry)) -> entry.Since)
            |> Seq.toArray

        if over.Length = 0 then
            lost
        else
            without service (fun entry -> Array.contains entry.Since over) lost

    /// Takes note of what became of the requests in a cycle under a configuration and loads in whole load steps.
    let observe cycle configuration loads (all: ServiceAnswers[]) (lost: LostCells) =
        (lost, Array.indexed all)
        ||> Array.fold (fun lost (service, answers) ->
            let add share =
                match answers.Modelled with
                | ValueSome seconds -> add cycle configuration loads all.Length service share seconds lost
                | ValueNone -> lost

            match answers.Answers with
            | Answers.Lost share -> add share
            | Answers.Nothing _ -> add 1.0
            | Answers.Kept -> withdraw configuration loads service answers.History lost)

/// The decision problems of the golden vectors, built from its response times.
module OnlinePolicyAdaptation.Tests.Fixtures.GoldenModels

open System.IO
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

let orFail result =
    match result with
    | Ok value -> value
    | Error message -> invalidOp message

let discount gamma = Discount.create gamma |> orFail

/// The columns of a CSV file by name.
let private readColumns (path: string) =
    let rows = File.ReadAllLines path |> Array.map _.Split(',')

    rows[0]
    |> Array.mapi (fun i name -> name, rows[1..] |> Array.map (fun row -> float row[i]))
    |> Map.ofArray

let private objectives seconds =
    seconds
    |> Seq.map (fun s -> ServiceLevelObjective(ResponseTime s))
    |> EquatableArray.ToEquatableArray

let private loads perSecond =
    perSecond |> Seq.map RequestRate |> EquatableArray.ToEquatableArray

let private cores name node highest =
    Control(name, ControlTarget.CpuCores(EquatableArray.ToEquatableArray [ node ]), 1.0, float highest, highest)

let private weight name service levels =
    Control(name, ControlTarget.RoutingWeight(service, 0), 0.0, 1.0, levels)

/// A mesh with its response times at one load.
[<NoComparison; NoEquality>]
type Mesh =
    {
        Dynamics: NetworkDynamics
        Loads: EquatableArray<RequestRate>
    }

let tabulate mesh =
    NetworkModel.tabulate mesh.Dynamics mesh.Loads |> orFail

/// Scenario 1: two services on two nodes, with these numbers of CPU and weight levels.
let twoServicesOf cpuLevels weightLevels (seconds: float[]) =
    let controls =
        [
            cores "c1" 0 cpuLevels
            cores "c2" 1 cpuLevels
            weight "p1" 0 weightLevels
            weight "p2" 1 weightLevels
        ]

    let grid = ControlGrid(EquatableArray.ToEquatableArray controls, GridEdge.Clip)

    let reward =
        RewardFunction(
            grid,
            objectives [ 0.95; 0.115 ],
            [ [ 0; 1 ]; [ 2 ]; [ 3 ] ] |> Seq.map Seq.ofList,
            CostAt.CurrentState,
            System.Nullable(),
            [ 10.0; 1.0; 1.0 ]
        )

    {
        Dynamics = NetworkDynamics(grid, reward, ResponseTimeTable(grid, 2, seconds))
        Loads = loads [ 4.0; 15.0 ]
    }

let twoServices cpuLevels weightLevels path =
    let columns = readColumns path

    Array.map2 (fun d1 d2 -> [| d1; d2 |]) columns["d1"] columns["d2"]
    |> Array.concat
    |> twoServicesOf cpuLevels weightLevels

/// The 36 states of dp_delay_table.csv.
let small = twoServices 2 3

/// The 900 states of scenario1_delay_table.csv.
let scenario1 = twoServices 5 6

/// Scenario 2: one service; state (p, c). An action's digits are those of the grid: down, keep, up. `column` names the response times to take.
let scenario2 column path =
    let columns = readColumns path

    let grid =
        ControlGrid(EquatableArray.ToEquatableArray [ weight "p" 0 6; cores "c" 0 5 ], GridEdge.Clip)

    let reward =
        RewardFunction(grid, objectives [ 0.12 ], Seq.singleton (Seq.singleton 1), CostAt.NextState, 3)

    {
        Dynamics = NetworkDynamics(grid, reward, ResponseTimeTable(grid, 1, columns[column]))
        Loads = loads [ 5.0 ]
    }

/// Reference results, read by name.
type Golden(path: string) =
    let root = JsonDocument.Parse(File.ReadAllText path).RootElement

    member _.At([<System.ParamArray>] names: string[]) =
        (root, names) ||> Array.fold (fun element name -> element.GetProperty name)

let floats (element: JsonElement) =
    element.EnumerateArray() |> Seq.map _.GetDouble() |> Seq.toArray

let ints (element: JsonElement) =
    element.EnumerateArray() |> Seq.map _.GetInt32() |> Seq.toArray

let items (element: JsonElement) = element.EnumerateArray() |> Seq.toArray

namespace OnlinePolicyAdaptation.Benchmarks

open System
open BenchmarkDotNet.Attributes
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Planning

/// A mesh of any size, service i on nodes i and i + 1 of a ring: a routing weight per service and a CPU level per node.
/// The response time of a service comes from a forest of 120 random trees of depth 8 over five features: the routing
/// weights of the services that share its nodes, and the CPU of these nodes.
[<RequireQualifiedAccess>]
module ForestRing =

    let private trees = 120
    let private depth = 8
    let private inner = (1 <<< depth) - 1

    /// Complete trees in heap order: feature and threshold of the inner nodes, then the leaves' values.
    let private features, private thresholds, private leaves =
        let mutable sequence = RandomKey(1UL).Sequence()
        let draw count next = Array.init count (fun _ -> next ())

        draw (trees * inner) (fun () -> sequence.NextInt 5),
        draw (trees * inner) (fun () -> float (sequence.NextInt 5) + 0.5),
        draw (trees * (inner + 1)) (fun () -> sequence.NextDouble())

    let private predict (x: Span<float>) =
        let mutable total = 0.0

        for tree in 0 .. trees - 1 do
            let mutable node = 0

            for _ in 1..depth do
                let at = tree * inner + node
                node <- 2 * node + (if x[features[at]] <= thresholds[at] then 1 else 2)

            total <- total + leaves[tree * (inner + 1) + node - inner]

        total / float trees

    let model services =
        let scope i =
            let next = (i + 1) % services
            List.distinct [ (i + services - 1) % services; i; next; services + i; services + next ]

        let list (items: int list) =
            items |> Array.ofList :> System.Collections.Generic.IReadOnlyList<int>

        let layout =
            TermLayout(
                Array.init (2 * services) (fun i -> if i < services then 6 else 5),
                2,
                Array.init (2 * services) (fun term ->
                    if term < services then
                        struct (0, list (scope term))
                    else
                        struct (1, list [ term ]))
            )

        { new ILocalModel with
            member _.Layout = layout

            member _.Term(term, levels) =
                if term >= services then
                    float (1 + levels[term])
                else
                    let next = (term + 1) % services
                    let x = Span<float>(Array.zeroCreate 5)
                    x[0] <- float levels[(term + services - 1) % services]
                    x[1] <- float levels[term]
                    x[2] <- float levels[next]
                    x[3] <- float levels[services + term]
                    x[4] <- float levels[services + next]
                    max 0.0 (predict x - 0.5)

            member _.Reward(_, reached) =
                if reached[0] > 0.0 then
                    -reached[0]
                else
                    1.0 - reached[1] / float (5 * services)
        }

    let keep =
        { new ILocalPolicy with
            member _.Move(_, _) = 0
            member _.Dependents _ = ReadOnlySpan.Empty
        }

/// A multiagent one-step decision by the number of controls; the leaves follow the base policy for some more steps.
[<MemoryDiagnoser>]
type LocalRolloutBenchmarks() =
    let mutable model = ForestRing.model 2
    let mutable state: int[] = [||]

    [<Params(4, 20, 200, 2000)>]
    member val Controls = 4 with get, set

    [<Params(0, 5)>]
    member val Steps = 0 with get, set

    [<GlobalSetup>]
    member this.Setup() =
        model <- ForestRing.model (this.Controls / 2)
        state <- Array.create this.Controls 2

    [<Benchmark>]
    member this.Decision() =
        LocalMultiagentRollout.decide
            model
            ForestRing.keep
            TwoServices.discount
            (Array.init state.Length id)
            this.Steps
            (fun _ -> 0.0)
            state

module OnlinePolicyAdaptation.Tests.Experiments.Plan

open System
open System.IO
open System.Threading
open System.Text.Json
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests
open OnlinePolicyAdaptation.Tests.Fixtures.GoldenModels

let private tolerance = 1e-9

let private agree message (expected: float[]) (actual: float[]) =
    Expect.hasLength actual expected.Length message

    for i in 0 .. expected.Length - 1 do
        Expect.floatClose { absolute = tolerance; relative = 0.0 } actual[i] expected[i] $"{message}, entry {i}"

let private plan problem algorithm =
    Plan.run problem { Algorithm = algorithm; States = None } |> orFail

let private golden name body =
    GoldenFile.test name "dp_setting.json" (fun path ->
        let folder = Path.GetDirectoryName path |> string

        let problem =
            TwoServices.problem TwoServices.small (Path.Combine(folder, "dp_delay_table.csv"))

        body problem (Golden path))

let private full name (file: string) body =
    GoldenFile.test name file (fun path ->
        let folder = Path.GetDirectoryName path |> string
        let table = Path.Combine(folder, "scenario1_delay_table.csv")
        body (TwoServices.problem TwoServices.full table) (Golden path))

/// The action of every record is acceptable, and its value the one found.
let private sameDecisions (result: PlanResult) (records: JsonElement) =
    for record in items records do
        let decision = result.Decisions[record.GetProperty("state").GetInt32()]
        Expect.contains (ints (record.GetProperty "acceptable")) decision.Action $"state {decision.State}"
        agree $"state {decision.State}" [| record.GetProperty("value").GetDouble() |] [| decision.Value |]

let private ahead horizon basePolicy terminal =
    {
        Horizon = horizon
        Base = basePolicy
        Terminal = terminal
    }

let private given values = TerminalValues.Given("file", values)

let private sampling basePolicy steps trajectories : SampledSettings =
    {
        Base = basePolicy
        Terminal = TerminalValues.Exact
        Steps = steps
        Trajectories = trajectories
        Seed = 1UL
        Screening = None
        StandardErrors = None
        Threads = 2
    }

/// The Q-factors of both are the same but for a tolerance, where both have one.
let private sameQFactors message tolerance (expected: PlanResult) (actual: PlanResult) =
    for one, other in Array.zip expected.Decisions actual.Decisions do
        for q, found in Array.zip one.QFactors other.QFactors do
            match q, found with
            | ValueSome q, ValueSome found ->
                Expect.floatClose { absolute = tolerance; relative = 0.0 } found q $"{message}, state {one.State}"
            | _ -> Expect.equal found.IsSome q.IsSome $"{message}, state {one.State}: masked"

/// A problem of 36 states on the table of the fixture.
let private withProblem json test =
    Scratch.withFolder (fun folder ->
        let table = Path.Combine(folder, "table.csv")
        File.WriteAllLines(table, TwoServices.smallTable)
        test (TwoServices.problem json table))

/// Changing one line of the delay table makes reading it fail with a message that holds all of the parts.
let private refuses name (change: string list -> string list) (parts: string list) =
    testCase name (fun () ->
        Scratch.withFile "table.csv" (String.concat "\n" (change TwoServices.smallTable) + "\n") (fun path ->
            withProblem TwoServices.small (fun problem ->
                match DelayTable.read path problem.Scenario.System.Grid 2 with
                | Ok _ -> failtest "accepted"
                | Error message ->
                    for part in parts do
                        Expect.stringContains message part "names place and value")))

let private replaceLine index (line: string) lines =
    lines |> List.mapi (fun i old -> if i = index then line else old)

let private fails name json algorithm states (part: string) =
    testCase name (fun () ->
        withProblem json (fun problem ->
            match
                Plan.run
                    problem
                    {
                        Algorithm = algorithm
                        States = states
                    }
            with
            | Ok _ -> failtest "accepted"
            | Error message -> Expect.stringContains message part "says what is wrong"))

[<Tests>]
let tests =
    testList
        "Experiments.Plan"
        [
            golden "36 states: value iteration" (fun problem golden ->
                let result =
                    plan problem (PlanAlgorithm.ValueIteration(Sweeps.GaussSeidel, 0.05, SweepSettings.mostSweeps))

                agree "values" (floats (golden.At("vi", "V"))) result.Values)

            golden "36 states: policy iteration" (fun problem golden ->
                let result = plan problem PlanAlgorithm.PolicyIteration
                agree "values" (floats (golden.At "V_star_converged")) result.Values)

            for name, basePolicy in [ "V_greedy", PlannedBase.Greedy; "V_random", PlannedBase.Random ] do
                golden $"36 states: rollout has the exact {name} at the leaves" (fun problem golden ->
                    let result =
                        plan problem (PlanAlgorithm.Rollout(ahead 1 basePolicy TerminalValues.Exact))

                    agree "values" (floats (golden.At(name, "V_linear_solve"))) result.Values)

            golden "36 states: rollout of the greedy policy by its actions" (fun problem golden ->
                let actions = ints (golden.At "greedy_base_actions")

                let rollout basePolicy =
                    plan problem (PlanAlgorithm.Rollout(ahead 2 basePolicy TerminalValues.Exact))

                Expect.equal
                    (rollout (PlannedBase.Table("file", actions))).Decisions
                    (rollout PlannedBase.Greedy).Decisions
                    "the same policy")

            for horizon in 1..3 do
                golden $"36 states: lookahead, l = {horizon}" (fun problem golden ->
                    let terminal = given (floats (golden.At("V_greedy", "V")))

                    sameDecisions
                        (plan problem (PlanAlgorithm.Lookahead(ahead horizon PlannedBase.Greedy terminal)))
                        (golden.At("lookahead_Vbase_is_V_greedy_V", string horizon)))

            golden "36 states: multiagent rollout, l = 1" (fun problem golden ->
                let terminal = given (floats (golden.At("V_greedy", "V")))

                let result =
                    plan problem (PlanAlgorithm.Multiagent(ahead 1 PlannedBase.Greedy terminal))

                for record in items (golden.At("multiagent_base_greedy_Vbase_V_greedy_V", "1")) do
                    let decision = result.Decisions[record.GetProperty("state").GetInt32()]
                    Expect.equal decision.Action (record.GetProperty("action").GetInt32()) $"state {decision.State}"
                    agree "value" [| record.GetProperty("value").GetDouble() |] [| decision.Value |])

            full "900 states: value iteration" "mc_vi_values.json" (fun problem golden ->
                let result =
                    plan problem (PlanAlgorithm.ValueIteration(Sweeps.GaussSeidel, 0.01, SweepSettings.mostSweeps))

                agree "values" (floats (golden.At "V")) result.Values)

            full "900 states: one-step decisions" "mc_l1_even_states.json" (fun problem golden ->
                let terminal = given (floats (golden.At "V_base"))

                sameDecisions
                    (plan problem (PlanAlgorithm.Lookahead(ahead 1 PlannedBase.Greedy terminal)))
                    (golden.At "decisions"))

            test "the value of every decision is the Q-factor of its action" {
                withProblem TwoServices.small (fun problem ->
                    for horizon in 1..3 do
                        let settings = ahead horizon PlannedBase.Greedy TerminalValues.Exact

                        for algorithm in
                            [
                                PlanAlgorithm.Rollout settings
                                PlanAlgorithm.Multiagent settings
                                PlanAlgorithm.Newton PlannedBase.Greedy
                            ] do
                            for decision in (plan problem algorithm).Decisions do
                                match decision.QFactors[decision.Action] with
                                | ValueSome q -> agree $"state {decision.State}" [| decision.Value |] [| q |]
                                | ValueNone -> failtest $"state {decision.State}: the action is masked")
            }

            test "modified policy iteration ends at the values of policy iteration" {
                withProblem TwoServices.smallMasked (fun problem ->
                    let optimum = plan problem PlanAlgorithm.PolicyIteration

                    for evaluations in [ 0; 1; 10 ] do
                        let found =
                            plan
                                problem
                                (PlanAlgorithm.ModifiedPolicyIteration(evaluations, 1e-11, SweepSettings.mostSweeps))

                        agree $"{evaluations} evaluations" optimum.Values found.Values)
            }

            for discount in [ "0.5"; "0.9"; "0.99"; "0.999"; "0.99999"; "0.9999999"; "0.9999999999" ] do
                test $"exact solutions agree to theta and in their actions at discount {discount}" {
                    withProblem
                        (TwoServices.smallMasked.Replace("\"discount\": 0.9", $"\"discount\": {discount}"))
                        (fun problem ->
                            let gamma = float discount
                            let optimum = plan problem PlanAlgorithm.PolicyIteration

                            for theta in [ 1e-3; 1e-9 ] do
                                for algorithm in
                                    [
                                        PlanAlgorithm.ValueIteration(
                                            Sweeps.GaussSeidel,
                                            theta,
                                            SweepSettings.mostSweeps
                                        )
                                        PlanAlgorithm.ValueIteration(Sweeps.Jacobi, theta, SweepSettings.mostSweeps)
                                        PlanAlgorithm.ModifiedPolicyIteration(5, theta, SweepSettings.mostSweeps)
                                    ] do
                                    let found = plan problem algorithm

                                    for value, best in Array.zip found.Values optimum.Values do
                                        Expect.isLessThanOrEqual
                                            (abs (value - best))
                                            (theta / (1.0 - gamma) + 1e-15 * abs best)
                                            $"{algorithm}"

                                    if gamma > 0.99 then
                                        for decision, best in Array.zip found.Decisions optimum.Decisions do
                                            Expect.equal decision.Action best.Action $"{algorithm}, {best.State}")
                }

            fails
                "a theta that floats do not reach, with what they do"
                TwoServices.small
                (PlanAlgorithm.ValueIteration(Sweeps.Jacobi, 1e-30, SweepSettings.mostSweeps))
                None
                "get no nearer; theta = 1E-30 asks for 1e-29 at discount 0.9; expected theta of at least"

            fails
                "more sweeps than there may be, with how near they came"
                TwoServices.small
                (PlanAlgorithm.ModifiedPolicyIteration(0, 1e-9, 3))
                None
                "after 3 sweeps, as many as there may be, every value is within"

            fails
                "no sweeps"
                TwoServices.small
                (PlanAlgorithm.ValueIteration(Sweeps.Jacobi, 1e-9, 0))
                None
                "sweeps at most: 0; expected at least 1"

            test "sampled with the exact value at its ends, rollout is rollout: no chance, nothing cut off" {
                withProblem TwoServices.smallMasked (fun problem ->
                    let exact =
                        plan problem (PlanAlgorithm.Rollout(ahead 1 PlannedBase.Greedy TerminalValues.Exact))

                    for steps in [ 0; 3 ] do
                        sampling PlannedBase.Greedy steps 1
                        |> PlanAlgorithm.SampledRollout
                        |> plan problem
                        |> sameQFactors $"{steps} steps" 1e-9 exact

                    let multiagent =
                        plan problem (PlanAlgorithm.SampledMultiagent(sampling PlannedBase.Greedy 3 1))

                    // Ties are broken otherwise than by exact multiagent rollout, after which the paths may part.
                    for joint, one in Array.zip exact.Decisions multiagent.Decisions do
                        for q, found in Array.zip joint.QFactors one.QFactors do
                            match q, found with
                            | ValueSome q, ValueSome found -> agree $"state {one.State}" [| q |] [| found |]
                            | _ -> Expect.isTrue found.IsNone $"state {one.State}: not masked, or not tried"

                        let tried = one.QFactors |> Array.filter _.IsSome
                        Expect.isLessThanOrEqual tried.Length 9 "1 action, and 2 more for each of 4 controls"
                        Expect.equal (ValueSome one.Value) (Array.max tried) "the best of those tried")
            }

            test "sampled rollout of a policy that draws is right but for its standard error" {
                withProblem TwoServices.small (fun problem ->
                    let exact =
                        plan problem (PlanAlgorithm.Rollout(ahead 1 PlannedBase.Random TerminalValues.Exact))

                    let sampled =
                        plan problem (PlanAlgorithm.SampledRollout(sampling PlannedBase.Random 5 400))

                    let distances =
                        [
                            for one, other in Array.zip exact.Decisions sampled.Decisions do
                                for i in 0 .. one.QFactors.Length - 1 do
                                    match one.QFactors[i], other.QFactors[i], other.StandardErrors[i] with
                                    | ValueSome q, ValueSome mean, ValueSome error when error > 0.0 ->
                                        abs (mean - q) / error
                                    | _ -> ()
                        ]

                    Expect.isGreaterThan distances.Length 1000 "Q-factors with chance in them"
                    // 36 states x 81 actions under common keys: 5 standard errors leave next to none.
                    Expect.isLessThan (List.max distances) 5.0 "in standard errors")
            }

            test "a fortified decision leaves the base action only for a gain above its error" {
                withProblem TwoServices.small (fun problem ->
                    let sampled errors =
                        plan
                            problem
                            (PlanAlgorithm.SampledRollout
                                { sampling PlannedBase.Random 5 20 with
                                    StandardErrors = errors
                                })

                    let values (result: PlanResult) = result.Decisions |> Array.map _.Value

                    let best, bold, timid =
                        values (sampled None), values (sampled (Some 0.0)), values (sampled (Some 1e9))

                    Expect.equal
                        bold
                        best
                        "no error demanded: the largest Q-factor, or the base action's that equals it"

                    Expect.isGreaterThan
                        (Array.map2 (fun (best: float) timid -> if timid < best then 1 else 0) best timid
                         |> Array.sum)
                        30
                        "far more demanded than there is: the base action in nearly all of 36 states")
            }

            for name, algorithm in
                [
                    "value iteration in place",
                    PlanAlgorithm.ValueIteration(Sweeps.GaussSeidel, 1e-300, SweepSettings.mostSweeps)
                    "value iteration", PlanAlgorithm.ValueIteration(Sweeps.Jacobi, 1e-300, SweepSettings.mostSweeps)
                    "modified policy iteration",
                    PlanAlgorithm.ModifiedPolicyIteration(5, 1e-300, SweepSettings.mostSweeps)
                    "sampled rollout", PlanAlgorithm.SampledRollout(sampling PlannedBase.Random 10_000 10_000)
                    "sampled multiagent rollout",
                    PlanAlgorithm.SampledMultiagent(sampling PlannedBase.Random 10_000 10_000)
                ] do
                testCase $"{name} gives up when it is told to" (fun () ->
                    let endless =
                        TwoServices.small.Replace("\"discount\": 0.9", "\"discount\": 0.99999999")

                    withProblem endless (fun problem ->
                        // Told before it starts: sweeps end by themselves in less than a second.
                        use stop = new CancellationTokenSource()
                        stop.Cancel()

                        let problem =
                            { problem with
                                Model = FiniteModel.until stop.Token problem.Model
                            }

                        Expect.throwsT<OperationCanceledException>
                            (fun () ->
                                Plan.run
                                    problem
                                    {
                                        Algorithm = algorithm
                                        States = Some [| 0 |]
                                    }
                                |> ignore)
                            "given up"))

            test "the best of several policies at the leaves is nowhere below the base policy's value" {
                withProblem TwoServices.smallMasked (fun problem ->
                    let at terminal =
                        (plan problem (PlanAlgorithm.Rollout(ahead 1 PlannedBase.Random terminal))).Values

                    let greedy =
                        (plan problem (PlanAlgorithm.Rollout(ahead 1 PlannedBase.Greedy TerminalValues.Exact))).Values

                    let best = at TerminalValues.Best

                    for value, given in Array.zip best (Array.map2 max (at TerminalValues.Exact) greedy) do
                        Expect.isGreaterThanOrEqual value given "value")
            }

            test "a grid that masks its edges has no Q-factor for what would leave it, one that clips has all 81" {
                let known json =
                    let mutable counts = [||]

                    withProblem json (fun problem ->
                        counts <-
                            (plan problem PlanAlgorithm.PolicyIteration).Decisions
                            |> Array.map (_.QFactors >> Array.filter _.IsSome >> Array.length))

                    counts

                // Two levels leave two moves of three to a CPU control, three levels leave two at the ends.
                Expect.equal (Array.truncate 5 (known TwoServices.smallMasked)) [| 16; 24; 16; 24; 36 |] "masked"
                Expect.allEqual (known TwoServices.small) 81 "clipped"
            }

            test "states are decided in the order asked for, and have a Newton step each" {
                withProblem TwoServices.small (fun problem ->
                    match
                        Plan.run
                            problem
                            {
                                Algorithm = PlanAlgorithm.Newton PlannedBase.Greedy
                                States = Some [| 7; 3 |]
                            }
                    with
                    | Error message -> failtest message
                    | Ok result ->
                        Expect.equal (result.Decisions |> Array.map _.State) [| 7; 3 |] "decisions"
                        Expect.equal (result.NewtonSteps |> Array.map _.State) [| 7; 3 |] "Newton steps"

                        for step, decision in Array.zip result.NewtonSteps result.Decisions do
                            Expect.equal step.BackedUp decision.Value "T J at the base policy's value")
            }

            test "what is written reads back exactly, in the documented order" {
                Scratch.withFolder (fun folder ->
                    withProblem TwoServices.smallMasked (fun problem ->
                        let result = plan problem PlanAlgorithm.PolicyIteration
                        let path = Path.Combine(folder, "plan.json")
                        PlanFile.write path problem result
                        let file = Golden path
                        Expect.equal (floats (file.At "value")) result.Values "values"
                        Expect.equal (file.At("states").Item 5 |> floats) [| 1.0; 1.0; 0.5; 1.0 |] "states"
                        Expect.equal (file.At("actions").Item 1 |> floats) [| -1.0; -1.0; -0.5; 0.0 |] "actions"
                        let first = file.At("decisions").Item 0
                        Expect.equal (first.GetProperty("value").GetDouble()) result.Decisions[0].Value "decision"

                        Expect.equal
                            (first.GetProperty("qFactors").Item(0).ValueKind)
                            JsonValueKind.Null
                            "a masked action"))
            }

            fails "a state that is none" TwoServices.small PlanAlgorithm.PolicyIteration (Some [| 36 |]) "state 36"

            fails
                "a threshold of 0"
                TwoServices.small
                (PlanAlgorithm.ValueIteration(Sweeps.Jacobi, 0.0, SweepSettings.mostSweeps))
                None
                "theta: 0; expected a number above 0"

            for name, settings, part in
                [
                    "no trajectories", sampling PlannedBase.Greedy 3 0, "trajectories: 0; expected at least 1"
                    "more trajectories than fit in memory",
                    sampling PlannedBase.Greedy 3 1_000_000_000,
                    "trajectories: 1000000000; expected at most 3314017 for each of 81 actions"
                    "steps below 0", sampling PlannedBase.Greedy -1 3, "steps: -1; expected at least 0"
                    "a difference of 0 to screen for",
                    { sampling PlannedBase.Greedy 3 3 with
                        Screening =
                            Some
                                {
                                    FirstStage = 10
                                    ErrorProbability = 0.05
                                    Indifference = 0.0
                                }
                    },
                    "indifference: 0"
                ] do
                fails name TwoServices.small (PlanAlgorithm.SampledRollout settings) None part

            fails
                "evaluations below 0"
                TwoServices.small
                (PlanAlgorithm.ModifiedPolicyIteration(-1, 0.1, SweepSettings.mostSweeps))
                None
                "evaluations: -1"

            fails
                "a horizon of 0"
                TwoServices.small
                (PlanAlgorithm.Lookahead(ahead 0 PlannedBase.Greedy TerminalValues.Exact))
                None
                "lookahead: 0"

            fails
                "a policy with a masked action"
                TwoServices.smallMasked
                (PlanAlgorithm.Newton(PlannedBase.Table("p.json", Array.create 36 0)))
                None
                "p.json: state 0: action 0 is not admissible"

            fails
                "multiagent rollout of a policy without one action per state"
                TwoServices.small
                (PlanAlgorithm.Multiagent(ahead 1 PlannedBase.Random TerminalValues.Exact))
                None
                "multiagent rollout: the random policy"

            refuses
                "a delay table with a state twice"
                (replaceLine 3 "1,1,1,0,0.5,0.5,0.1")
                [ ":4: column state: '1'"; "line 3" ]
            refuses "a delay table without a state" (List.truncate 36) [ "table.csv: column state: 35"; "missing" ]
            refuses
                "a state off the grid"
                (replaceLine 2 "36,1,1,0,0,0.5,0.1")
                [ ":3: column state: '36'"; "at most 35" ]
            refuses "a state that is no number" (replaceLine 2 "x,1,1,0,0,0.5,0.1") [ ":3: column state: 'x'" ]
            refuses "half a state" (replaceLine 2 "1.5,1,1,0,0,0.5,0.1") [ ":3: column state: '1.5'"; "whole" ]
            refuses
                "controls of another state"
                (replaceLine 2 "1,1,2,0,0.5,0.5,0.1")
                [ ":3: column c2: '2'"; "1, its value" ]
            refuses "a negative response time" (replaceLine 2 "1,1,1,0,0.5,-1,0.1") [ ":3: column d1: '-1'" ]
            refuses "a missing column" (replaceLine 0 "state,c1,c2,p1,p2,d1,x") [ ":1: column 'd2' is missing" ]

            for name, text, part in
                [
                    "a short array", "[1, 2]", "2 entries; expected an action number for each of 36 states"
                    "an object", "{}", "expected an array"
                    "text that is not JSON", "[1,", "a.json:1: not readable as JSON"
                    "an entry that is no action", "[" + String.replicate 35 "0," + "1.5]", "state 35: 1.5"
                ] do
                test $"a policy file with {name} is refused" {
                    Scratch.withFile "a.json" text (fun path ->
                        match PlanFile.readActions path 36 with
                        | Ok _ -> failtest "accepted"
                        | Error message -> Expect.stringContains message part "says what is wrong")
                }
        ]

/// The exact optimum of a system, known only to someone who has measured all of it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.OptimalPolicy

open OnlinePolicyAdaptation.Planning

/// The optimal policy of the system with these response times, for whatever load the state has, taken to stay.
/// Each load is solved once, when it first occurs.
let create grid reward discount responseTimes =
    PolicyTables.ofModel grid reward responseTimes (fun model ->
        (DynamicProgramming.policyIteration model discount).Policy)

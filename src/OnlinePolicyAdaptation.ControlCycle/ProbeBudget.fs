namespace OnlinePolicyAdaptation.ControlCycle

/// What is left for probes: they go out in no more than a share of the cycles and a few, in any number of cycles one after
/// the other. (A token bucket.)
type ProbeBudget =
    {
        /// In probes, at a cycle; from 0 to `ProbeBudget.burst`.
        Left: float
        Cycle: int
    }

[<RequireQualifiedAccess>]
module ProbeBudget =

    /// Probes that may go out however short the time.
    let burst = 10.0

    let full = { Left = burst; Cycle = 0 }

    /// No probe ever.
    let never = { Share = 0.0; MaximumMiss = 0.0 }

    let private left share cycle budget =
        min burst (budget.Left + share * float (cycle - budget.Cycle))

    /// Whether a probe may go out in a cycle; at a share of 0 never.
    let isLeft share cycle budget =
        share > 0.0 && left share cycle budget >= 1.0

    /// What is left once a probe went out in a cycle.
    let after share cycle budget =
        {
            Left = max 0.0 (left share cycle budget - 1.0)
            Cycle = cycle
        }

/// The same in a checkpoint.
type ProbeBudgetJson = { Left: float; Cycle: int }

[<RequireQualifiedAccess>]
module ProbeBudgetJson =

    let ofBudget (budget: ProbeBudget) : ProbeBudgetJson =
        {
            Left = budget.Left
            Cycle = budget.Cycle
        }

    let toBudget (json: ProbeBudgetJson) : ProbeBudget =
        { Left = json.Left; Cycle = json.Cycle }

    let isSound (json: ProbeBudgetJson) =
        json.Left >= 0.0 && json.Left <= ProbeBudget.burst

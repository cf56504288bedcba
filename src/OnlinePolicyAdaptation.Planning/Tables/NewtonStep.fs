namespace OnlinePolicyAdaptation.Planning

/// A straight line y = Intercept + Slope x.
type StraightLine =
    {
        Slope: float
        Intercept: float
    }

    member this.At x = this.Intercept + this.Slope * x

/// What the picture of rollout as a Newton step shows at one state. Its axes are a value of the state now and the value
/// that a Bellman operator makes of it; on the diagonal the two agree.
///
/// The functions J are taken along the line from J_mu to J_pi, the value of the rollout policy. On it T_pi and T_mu are
/// straight; T is the maximum of all such lines, hence convex, and T_pi supports it from below at J_mu. Where T_pi meets
/// the diagonal is J_pi: the Newton step for J = T J from J_mu.
type NewtonStep =
    {
        State: int
        /// J_mu of the base policy.
        Base: float
        /// (T J_mu): where T_pi touches T.
        BackedUp: float
        /// J_pi of the rollout policy.
        Rollout: float
        /// J* of an optimal policy.
        Optimal: float
        /// T_pi along the line, for the rollout policy pi.
        RolloutOperator: StraightLine
        /// T_mu along the line.
        BaseOperator: StraightLine
        /// Points (J, T J) along the line, from below J_mu to beyond J_pi.
        Operator: struct (float * float)[]
    }

/// Rollout seen as Newton's method for Bellman's equation. (Bertsekas, Lessons from AlphaZero, 2022, chapter 3.)
[<RequireQualifiedAccess>]
module NewtonStep =

    /// Values this near to each other, as a share of the largest reward, differ by the rounding of rewards and discount.
    let private rounding = 1e-9

    /// The line through (x0, y0) and (x1, y1); through the first with the given slope where the two are no farther apart than
    /// their error.
    let private through (slope: float) error struct (x0: Extended, y0: Extended) struct (x1, y1) =
        let isVertical = abs (x1 - x0: Extended).High <= error

        let slope =
            if isVertical then
                slope
            else
                (y1 - y0: Extended).High / (x1 - x0).High

        {
            Slope = slope
            Intercept = (y0 - Extended.Scaled(slope, x0)).High
        }

    /// The data at a state, for the one-step rollout policy of a base policy, with `points` >= 2 points of T. Where the
    /// two policies have the same value in the state, but for rounding, the operators get the slope gamma: all values grow alike.
    let at (model: FiniteModel) (discount: Discount) (optimal: float[]) points (basePolicy: FinitePolicy) state =
        let gamma = discount.Value

        let evaluate policy =
            RewardProcess.ofPolicy model policy |> PolicyEvaluation.evaluate discount

        let ofBase = evaluate basePolicy
        let rollout = ExtendedBellman.greedy model gamma ofBase.Extended
        let ofRollout = evaluate rollout
        let baseValues = ofBase.Extended.Highs
        let rolloutValues = ofRollout.Extended.Highs

        let along t =
            Array.map2 (fun b r -> b + t * (r - b)) baseValues rolloutValues

        let operator t =
            let values = along t
            let struct (_, q) = Bellman.bestChoice model gamma values state
            struct (values[state], q)

        let error =
            ofBase.ErrorBound
            + ofRollout.ErrorBound
            + rounding * Sweeping.largestSize model.Rewards

        let line (policy: FinitePolicy) =
            let at (values: ExtendedValues) =
                struct (values[state], ExtendedBellman.qFactor model gamma values policy[state])

            through gamma error (at ofBase.Extended) (at ofRollout.Extended)

        let struct (_, backedUp) = Bellman.bestChoice model gamma baseValues state

        {
            State = state
            Base = baseValues[state]
            BackedUp = backedUp
            Rollout = rolloutValues[state]
            Optimal = optimal[state]
            RolloutOperator = line rollout
            BaseOperator = line basePolicy
            Operator = Array.init points (fun i -> operator (-0.25 + 1.5 * float i / float (points - 1)))
        }

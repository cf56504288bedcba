namespace OnlinePolicyAdaptation.Planning

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Actions that are composed of one choice per component.
[<NoComparison; NoEquality>]
type ComposedActions<'state, 'action> =
    {
        /// The choices admissible in a state, component by component.
        Mask: 'state -> ActionMask
        /// The choice of a component in an action.
        Choice: 'action -> int -> int
        /// The action with the choice of one component replaced.
        WithChoice: 'action -> int -> int -> 'action
    }

/// Multiagent rollout by simulation, for system models whose actions cannot be enumerated. A decision samples as many
/// Q-factors as the components have choices together.
[<RequireQualifiedAccess>]
module SampledMultiagentRollout =

    /// The moves of the controls of a grid.
    let ofGrid (grid: ControlGrid) =
        {
            Mask = fun (state: SystemState) -> grid.Mask state.Configuration
            Choice = fun (action: ControlAction) control -> action.Choice control
            WithChoice = fun action control choice -> action.With(control, choice)
        }

    /// The decision in a state: components in this order, each by the mean of the same trajectories; ties go to the
    /// choice one has. The candidates are the actions tried, in their order, the base action first.
    let decide
        (truncation: Truncation<'state, 'action>)
        (composed: ComposedActions<'state, 'action>)
        (order: int[])
        trajectories
        (key: RandomKey)
        state
        =
        SampledRollout.checkTrajectories trajectories

        let samplesOf action =
            Array.init trajectories (fun i ->
                TruncatedRollout.sampleQFactor truncation (key.Split(i: int)) state action)

        let mask = composed.Mask state
        let start = SampledRollout.baseAction truncation key state
        let baseSamples = samplesOf start

        let sampled action (samples: float[]) =
            {
                Action = action
                QFactor = SampleMean.ofSamples trajectories samples
                Gain = SampleMean.ofDifferences trajectories samples baseSamples
            }

        let first = sampled start baseSamples
        let tried = ResizeArray [ first ]
        let mutable best = first

        for i in order do
            let current = best.Action

            for choice in 0..63 do
                if mask.Allows(i, choice) && choice <> composed.Choice current i then
                    let action = composed.WithChoice current i choice
                    let candidate = sampled action (samplesOf action)
                    tried.Add candidate

                    if candidate.QFactor.Mean > best.QFactor.Mean then
                        best <- candidate

        {
            Best = best
            Base = first
            Candidates = tried.ToArray()
        }

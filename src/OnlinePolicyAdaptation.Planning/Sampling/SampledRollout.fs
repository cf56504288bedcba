namespace OnlinePolicyAdaptation.Planning

open System
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Mdp

/// How the Q-factors of a decision are sampled.
type Sampling =
    {
        /// Trajectories of each action, at most; at least 1.
        Trajectories: int
        /// When an action gets no more of them; nothing: every action gets all.
        Screening: Screening voption
        /// Threads at work; the result does not depend on it.
        Threads: int
    }

/// What was sampled of one action.
type SampledQFactor<'action> =
    {
        Action: 'action
        QFactor: SampleMean
        /// The Q-factor less that of the base action, from the samples that both have under the same keys.
        Gain: SampleMean
    }

/// A decision from sampled Q-factors.
type SampledDecision<'action> =
    {
        /// The action of largest sampled Q-factor among those not dropped; of several, the first admissible one.
        Best: SampledQFactor<'action>
        /// The action of the base policy.
        Base: SampledQFactor<'action>
        /// Every admissible action, in the model's order.
        Candidates: SampledQFactor<'action>[]
    }

/// Truncated rollout by simulation: every admissible action, then m steps of the base policy, then a terminal value,
/// averaged over trajectories. All actions are compared under the same keys. (Bertsekas, Rollout, Policy Iteration, and
/// Distributed Reinforcement Learning, 2020, chapter 2.)
[<RequireQualifiedAccess>]
module SampledRollout =

    /// Fills in sample i of these actions, for i in first .. last. Each sample is a pure function of its key.
    let private draw
        threads
        truncation
        (key: RandomKey)
        state
        (actions: 'action[])
        (chosen: int[])
        first
        last
        (samples: float[][])
        =
        let count = last - first + 1

        let sampleAt (index: int64) =
            let action = chosen[int (index / int64 count)]
            let i = first + int (index % int64 count)
            samples[action][i] <- TruncatedRollout.sampleQFactor truncation (key.Split(i: int)) state actions[action]

        if threads > 1 then
            let options = ParallelOptions(MaxDegreeOfParallelism = threads)

            try
                Parallel.For(0L, int64 chosen.Length * int64 count, options, sampleAt) |> ignore
            with :? AggregateException as e when
                e.Flatten().InnerExceptions
                |> Seq.forall (fun inner -> inner :? OperationCanceledException) ->
                // A model that is given up says so alike on any number of threads.
                raise (OperationCanceledException(e.Message, e))
        else
            for index in 0L .. int64 chosen.Length * int64 count - 1L do
                sampleAt index

    /// Samples every action for the first stage, then one trajectory after another of those not dropped. Returns these,
    /// and how many samples each action got.
    let private screened screening total draw (samples: float[][]) =
        let first = screening.FirstStage
        let all = Array.init samples.Length id
        draw all 0 (first - 1)
        let counts = Array.create samples.Length first
        let sums = samples |> Array.map (fun drawn -> Array.sum (Array.sub drawn 0 first))
        let dominated = Screening.rule screening samples

        let rec next count survivors =
            let left =
                survivors |> Array.filter (fun i -> not (dominated count sums i survivors))

            if left.Length = 1 || count = total then
                left
            else
                draw left count count

                for i in left do
                    sums[i] <- sums[i] + samples[i][count]
                    counts[i] <- count + 1

                next (count + 1) left

        struct (next first all, counts)

    let private sampled (actions: 'action[]) (samples: float[][]) (counts: int[]) baseIndex =
        Array.init actions.Length (fun i ->
            {
                Action = actions[i]
                QFactor = SampleMean.ofSamples counts[i] samples[i]
                Gain = SampleMean.ofDifferences (min counts[i] counts[baseIndex]) samples[i] samples[baseIndex]
            })

    let internal checkTrajectories trajectories =
        if trajectories < 1 then
            invalidArg (nameof trajectories) $"{trajectories} trajectories asked for; expected at least 1"

    /// The base policy's action in a state. It draws with a child of the key that no trajectory uses.
    let internal baseAction (truncation: Truncation<'state, 'action>) (key: RandomKey) state =
        truncation.BasePolicy state (key.Split -1)

    /// The decision in a state. Trajectory i of every action runs under child i of the key.
    let decide (truncation: Truncation<'state, 'action>) (sampling: Sampling) (key: RandomKey) (state: 'state) =
        let total = sampling.Trajectories
        checkTrajectories total
        let actions = Seq.toArray (truncation.Model.AdmissibleActions state)
        let preferred = baseAction truncation key state
        let baseIndex = actions |> Array.findIndex (fun action -> action = preferred)
        let samples = actions |> Array.map (fun _ -> Array.zeroCreate<float> total)
        let draw = draw sampling.Threads truncation key state actions

        let struct (survivors, counts) =
            match sampling.Screening with
            | ValueSome screening when actions.Length > 1 && total > screening.FirstStage ->
                screened screening total (fun chosen first last -> draw chosen first last samples) samples
            | _ ->
                let all = Array.init actions.Length id
                draw all 0 (total - 1) samples
                struct (all, Array.create actions.Length total)

        let candidates = sampled actions samples counts baseIndex

        {
            Best = survivors |> Array.map (fun i -> candidates[i]) |> Array.maxBy _.QFactor.Mean
            Base = candidates[baseIndex]
            Candidates = candidates
        }

    /// The fortified choice: the best action if its gain over the base action exceeds `errors` >= 0 standard errors of
    /// the gain, else the base action. (Bertsekas, 2020, section 2.4: fortified rollout.)
    let fortified errors (decision: SampledDecision<'action>) =
        let gain = decision.Best.Gain

        let needed = if errors > 0.0 then errors * gain.StandardError else 0.0

        if gain.Mean > needed then decision.Best else decision.Base

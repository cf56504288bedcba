namespace OnlinePolicyAdaptation.Planning

open System
open System.Collections.Generic
open OnlinePolicyAdaptation.Domain.Mdp

/// What follows an action under a local model and a local base policy: the configuration at each step and its terms.
/// Moving one component in the first step re-evaluates, step by step, the terms of the components whose levels come out
/// differently, and nothing else. It can be undone. Mutable: it stays inside the decision that made it.
[<NoComparison; NoEquality>]
type internal LocalTrajectory =
    private
        {
            model: ILocalModel
            policy: ILocalPolicy
            /// The levels at each step; step 0 is the state, step 1 what the action makes of it.
            levels: int[][]
            terms: TermSums[]
            /// The components that differ at the step being worked on, and at the next one.
            changed: ResizeArray<int>
            changedNext: ResizeArray<int>
            /// Components and terms already dealt with at a step carry its stamp.
            componentStamps: int[]
            termStamps: int[]
            mutable stamp: int
            oldLevels: Stack<struct (int * int * int)>
            oldTerms: Stack<struct (int * int * float)>
        }

[<RequireQualifiedAccess>]
module internal LocalTrajectory =

    let private clip (layout: TermLayout) i level =
        min (layout.LevelCount i - 1) (max 0 level)

    let private following (model: ILocalModel) (policy: ILocalPolicy) (levels: int[]) i =
        clip model.Layout i (levels[i] + policy.Move(i, ReadOnlySpan levels))

    /// The base policy from a state for 1 + `steps` steps. Work: all terms at every step.
    let start (model: ILocalModel) (policy: ILocalPolicy) steps (state: int[]) =
        let levels =
            (state, [| 0..steps |])
            ||> Array.scan (fun levels _ -> Array.init levels.Length (following model policy levels))

        {
            model = model
            policy = policy
            levels = levels
            terms = levels |> Array.map (TermSums.create model)
            changed = ResizeArray()
            changedNext = ResizeArray()
            componentStamps = Array.zeroCreate state.Length
            termStamps = Array.zeroCreate model.Layout.TermCount
            stamp = 0
            oldLevels = Stack()
            oldTerms = Stack()
        }

    /// The level of a component after the first step, less that before it.
    let moveOf (t: LocalTrajectory) i = t.levels[1][i] - t.levels[0][i]

    /// Whether a move keeps a component on the grid.
    let admits (t: LocalTrajectory) i move =
        let level = t.levels[0][i] + move
        level >= 0 && level < t.model.Layout.LevelCount i

    let private setLevel (t: LocalTrajectory) step i level =
        t.oldLevels.Push(struct (step, i, t.levels[step][i]))
        t.levels[step][i] <- level

    let private updateTerms (t: LocalTrajectory) step =
        t.stamp <- t.stamp + 1

        for i in t.changed do
            let touched = t.model.Layout.TermsOf i

            for k in 0 .. touched.Length - 1 do
                let term = touched[k]

                if t.termStamps[term] <> t.stamp then
                    t.termStamps[term] <- t.stamp
                    t.oldTerms.Push(struct (step, term, TermSums.get t.terms[step] term))
                    TermSums.set t.terms[step] term (t.model.Term(term, ReadOnlySpan t.levels[step]))

    /// Lets the base policy move a component on from a step; notes it when it ends elsewhere than before.
    let private follow (t: LocalTrajectory) step i =
        if t.componentStamps[i] <> t.stamp then
            t.componentStamps[i] <- t.stamp
            let level = following t.model t.policy t.levels[step] i

            if level <> t.levels[step + 1][i] then
                setLevel t (step + 1) i level
                t.changedNext.Add i

    /// Gives one component another move in the first step, the base policy reacting to it in the later ones.
    let move (t: LocalTrajectory) i move =
        let last = t.levels.Length - 1
        t.changed.Clear()
        t.changed.Add i
        setLevel t 1 i (t.levels[0][i] + move)

        for step in 1..last do
            updateTerms t step
            t.changedNext.Clear()

            if step < last then
                for i in t.changed do
                    follow t step i
                    let dependents = t.policy.Dependents i

                    for k in 0 .. dependents.Length - 1 do
                        follow t step dependents[k]

            t.changed.Clear()
            t.changed.AddRange t.changedNext

    /// Keeps the moves made since the last call of `keep` or `undo`.
    let keep (t: LocalTrajectory) =
        t.oldLevels.Clear()
        t.oldTerms.Clear()

    /// Takes back the moves made since the last call of `keep` or `undo`.
    let undo (t: LocalTrajectory) =
        while t.oldLevels.Count > 0 do
            let struct (step, i, level) = t.oldLevels.Pop()
            t.levels[step][i] <- level

        while t.oldTerms.Count > 0 do
            let struct (step, term, value) = t.oldTerms.Pop()
            TermSums.set t.terms[step] term value

    /// The discounted rewards of all steps, and the discounted terminal value of the last configuration's sums.
    let value (t: LocalTrajectory) gamma (terminal: float[] -> float) =
        let last = t.levels.Length - 1
        let mutable total = 0.0
        let mutable weight = 1.0

        for step in 1..last do
            let reward =
                t.model.Reward(ReadOnlySpan t.terms[step - 1].Sums, ReadOnlySpan t.terms[step].Sums)

            total <- total + weight * reward
            weight <- weight * gamma

        total + weight * terminal t.terms[last].Sums

/// Retraining on the system itself, for who is told of every change: all arms are measured, one after another, and the best of
/// this recording is played until the next change.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ToldRetraining

/// A way over all configurations that moves one control by one level in each step: the levels of the last control run up and
/// down in turn while those before it take a step (the reflected Gray code of mixed radix; Knuth, TAOCP 7.2.1.1).
let tour (levels: int[]) =
    let arm step =
        let mutable rest = step
        let mutable stride = 1
        let mutable number = 0

        for control in levels.Length - 1 .. -1 .. 0 do
            let digit = rest % levels[control]
            rest <- rest / levels[control]
            number <- number + stride * (if rest % 2 = 0 then digit else levels[control] - 1 - digit)
            stride <- stride * levels[control]

        number

    Array.init (Array.fold (*) 1 levels) arm

/// Plays the best arm of a recording, by the mean reward of each, and learns nothing.
let rec trained (rewards: float[]) : Bandit =
    {
        Arm = Bandit.best rewards
        After = fun _ _ _ -> trained rewards
    }

/// Measures every arm of the tour once, in order; what is in force on the way to the first one is left out.
let retraining (tour: int[]) : Bandit =
    let rec at step (rewards: float[]) : Bandit =
        if step = tour.Length then
            trained rewards
        else
            {
                Arm = tour[step]
                After =
                    fun _ arm reward ->
                        if arm = tour[step] then
                            at (step + 1) (Array.updateAt arm reward rewards)
                        else
                            at step rewards
            }

    at 0 (Array.zeroCreate tour.Length)

/// GP-UCB whose kernel falls with the time between two plays: a Gaussian-process optimiser that forgets (Bogunovic, Scarlett
/// and Cevher, "Time-varying Gaussian process bandit optimization", AISTATS 2016).
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ForgettingGaussianProcess

open MathNet.Numerics.LinearAlgebra

type ForgettingGaussianProcessSettings =
    {
        /// Plays that are remembered, at least 1.
        Window: int
        /// The kernel is multiplied by (1 - this)^(plays apart / 2); from 0 to below 1.
        Forgetting: float
        /// Of the squared-exponential kernel, in units of an arm's coordinates.
        LengthScale: float
        /// Prior standard deviation of an arm's mean reward, in units of the range of rewards.
        Amplitude: float
        /// Standard deviation of a play around it.
        Noise: float
        /// Standard deviations above the mean that an arm is hoped to earn.
        Optimism: float
    }

let standard =
    {
        Window = 60
        Forgetting = 0.03
        LengthScale = 0.25
        Amplitude = 0.3
        Noise = 0.1
        Optimism = 1.0
    }

/// What is known: the plays of the window, the newest first.
let rec private playing settings (range: RewardRange) (arms: float[][]) (plays: struct (int * float)[]) : Bandit =
    let n = plays.Length

    let similarity a b =
        let squares =
            Array.fold2 (fun sum x y -> sum + (x - y) * (x - y)) 0.0 arms[a] arms[b]

        settings.Amplitude
        * settings.Amplitude
        * exp (-squares / (2.0 * settings.LengthScale * settings.LengthScale))

    let faded apart =
        (1.0 - settings.Forgetting) ** (float apart / 2.0)

    let armOf i =
        let struct (arm, _) = plays[i]
        arm

    let mean =
        if n = 0 then
            0.5
        else
            plays |> Array.averageBy (fun (struct (_, reward)) -> reward)

    /// The mean of each arm's next reward, and the variance of that mean.
    let means, variances =
        if n = 0 then
            Array.create arms.Length mean, Array.create arms.Length (settings.Amplitude * settings.Amplitude)
        else
            let kernel =
                Matrix<float>
                    .Build.Dense(
                        n,
                        n,
                        fun i j ->
                            similarity (armOf i) (armOf j) * faded (abs (i - j))
                            + if i = j then settings.Noise * settings.Noise else 0.0
                    )

            let links =
                Matrix<float>.Build.Dense(n, arms.Length, fun i arm -> similarity arm (armOf i) * faded (i + 1))

            let residuals =
                Vector<float>
                    .Build.Dense(
                        n,
                        fun i ->
                            let struct (_, reward) = plays[i]
                            reward - mean
                    )

            let solved = kernel.Cholesky().Solve links

            Array.init arms.Length (fun arm -> mean + solved.Column(arm).DotProduct residuals),
            Array.init arms.Length (fun arm ->
                settings.Amplitude * settings.Amplitude
                - links.Column(arm).DotProduct(solved.Column arm))

    let index arm =
        means[arm] + settings.Optimism * sqrt (max 0.0 variances[arm])

    {
        Arm = Bandit.best (Array.init arms.Length index)
        After =
            fun _ arm reward ->
                Array.append [| struct (arm, range.Scaled reward) |] plays
                |> Array.truncate settings.Window
                |> playing settings range arms
    }

/// Knows nothing yet. Each arm has its coordinates.
let start settings range arms = playing settings range arms [||]

/// GP-UCB whose kernel falls with the time between two plays: a Gaussian-process optimiser that forgets (Bogunovic, Scarlett
/// and Cevher, "Time-varying Gaussian process bandit optimization", AISTATS 2016).
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ForgettingGaussianProcess

type Settings =
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

/// The lower triangle L of K = L L'. `kernel` is overwritten; it is positive definite.
let private cholesky (kernel: float[,]) =
    let n = Array2D.length1 kernel

    for j in 0 .. n - 1 do
        for i in j .. n - 1 do
            let mutable sum = kernel[i, j]

            for k in 0 .. j - 1 do
                sum <- sum - kernel[i, k] * kernel[j, k]

            kernel[i, j] <- if i = j then sqrt sum else sum / kernel[j, j]

    kernel

/// x of L x = b.
let private forward (lower: float[,]) (b: float[]) =
    let x = Array.copy b

    for i in 0 .. x.Length - 1 do
        for k in 0 .. i - 1 do
            x[i] <- x[i] - lower[i, k] * x[k]

        x[i] <- x[i] / lower[i, i]

    x

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

    let lower =
        Array2D.init n n (fun i j ->
            similarity (armOf i) (armOf j) * faded (abs (i - j))
            + if i = j then settings.Noise * settings.Noise else 0.0)
        |> cholesky

    let mean =
        if n = 0 then
            0.5
        else
            plays |> Array.averageBy (fun (struct (_, reward)) -> reward)

    let residuals =
        plays |> Array.map (fun (struct (_, reward)) -> reward - mean) |> forward lower

    let index arm =
        let link =
            Array.init n (fun i -> similarity arm (armOf i) * faded (i + 1))
            |> forward lower

        let expected = mean + Array.fold2 (fun sum a b -> sum + a * b) 0.0 link residuals

        let variance =
            settings.Amplitude * settings.Amplitude - (link |> Array.sumBy (fun x -> x * x))

        expected + settings.Optimism * sqrt (max 0.0 variance)

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

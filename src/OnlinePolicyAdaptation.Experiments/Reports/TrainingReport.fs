namespace OnlinePolicyAdaptation.Experiments

open XPlot.Plotly

/// A training after one of its updates.
type LearningPoint =
    {
        /// Steps of all environments together.
        Steps: int64
        /// Mean reward of a step while exploring.
        Reward: float
        /// Mean value over all states of the policy without exploration, exact; none where it was not evaluated.
        Value: float voption
        /// The best of these so far.
        Best: float
    }

/// A finished training.
type LearningCurve =
    {
        Title: string
        Points: LearningPoint[]
        /// Mean value of the optimum over all states.
        Optimum: float
        /// What came of it, in a sentence.
        Answer: string
        Settings: (string * string) list
        /// Trains the same policy again.
        Command: string
    }

/// The page about a training.
[<RequireQualifiedAccess>]
module TrainingReport =

    /// More points than this make the page large and the curve no clearer.
    let private shownPoints = 1000

    let private chart yTitle (traces: Trace list) =
        Chart.Plot(traces, Drawing.layout (Xaxis(title = "environment steps")) (Yaxis(title = yTitle)))

    /// Every n-th point, and the last.
    let private thinned (points: 'a[]) =
        let stride = 1 + points.Length / shownPoints

        points
        |> Array.indexed
        |> Array.filter (fun (i, _) -> i % stride = 0 || i = points.Length - 1)
        |> Array.map snd

    let private valueFigure curve =
        let evaluated =
            curve.Points
            |> Array.choose (fun p ->
                match p.Value with
                | ValueSome value -> Some(float p.Steps, value, p.Best)
                | ValueNone -> None)
            |> thinned

        let lastStep =
            if curve.Points.Length = 0 then
                1.0
            else
                float (Array.last curve.Points).Steps

        {
            Heading = "Value of the policy"
            Caption =
                "Exact discounted value, averaged over all states, of the policy that takes the likeliest action. Training can find the optimum and lose it again, so the best policy is kept, not the last."
            Chart =
                chart
                    "mean value"
                    [
                        Drawing.line "optimum" Palette.green "dash" [| 0.0, curve.Optimum; lastStep, curve.Optimum |]
                        Drawing.line "policy" Palette.blue "solid" (evaluated |> Array.map (fun (x, y, _) -> x, y))
                        Drawing.line
                            "best so far"
                            Palette.vermilion
                            "dot"
                            (evaluated |> Array.map (fun (x, _, y) -> x, y))
                    ]
        }

    let private rewardFigure curve =
        {
            Heading = "Reward while exploring"
            Caption =
                "Mean reward of a step of each batch. The policy still draws its actions and episodes start anywhere, so this stays below what the policy earns in use."
            Chart =
                chart
                    "reward per step"
                    [
                        Drawing.line
                            "reward"
                            Palette.blue
                            "solid"
                            (curve.Points |> Array.map (fun p -> float p.Steps, p.Reward) |> thinned)
                    ]
        }

    let html curve =
        Page.html
            curve.Title
            "How good does the trained policy become, and how soon?"
            curve.Answer
            [
                Page.figure (valueFigure curve)
                Page.figure (rewardFigure curve)
                Page.settings curve.Settings curve.Command
            ]

namespace OnlinePolicyAdaptation.ControlCycle

open System

/// One sum of a one-sided test, and since when it has been above zero.
type PageSum = { Height: float; Since: int }

/// Two-sided test of one service.
type ServiceTest =
    {
        /// Scores so far, and their mean.
        Count: int
        Mean: float
        Slower: PageSum
        Faster: PageSum
    }

/// Notices that the residuals of a model are not what they were, by the Page-Hinkley test: the scores' excess over their
/// running mean is summed up, less an allowance, never below zero, and a change is reported when a sum passes a
/// threshold. Each service is tested, both for slower and for faster. (E. S. Page, Continuous Inspection Schemes,
/// Biometrika 41, 1954; D. V. Hinkley, Inference about the Change-Point from Cumulative Sum Tests, Biometrika 58, 1971.)
///
/// A score is a residual over its usual size. Scores are cut off, so that no single interval passes the threshold, be it
/// 20 s long; on a constant stream no score is above the mean, so the test never fires.
type ChangeDetector = private { tests: ServiceTest[] }

[<RequireQualifiedAccess>]
module ChangeDetector =

    /// What a score may exceed the mean by for ever without being a change, in usual sizes of a residual.
    let private allowance = 0.5

    /// The height at which a sum reports a change.
    let private threshold = 5.0

    /// Where scores are cut off; less than the threshold, so that one is not enough.
    let private limit = 4.0

    let private zero = { Height = 0.0; Since = 0 }

    /// A test for each service. The scores of earlier samples, of which there were `count`, are taken to have been 0 on
    /// average, as the residuals of a model are where it was fitted.
    let create services count =
        {
            tests =
                Array.create
                    services
                    {
                        Count = count
                        Mean = 0.0
                        Slower = zero
                        Faster = zero
                    }
        }

    /// The tests, one per service, to be kept in a file.
    let tests detector = detector.tests

    let ofTests tests = { tests = tests }

    /// Takes note of a sample that was learned from but could not be scored: as of those before the first, its residual
    /// counts as 0.
    let unscored detector =
        {
            tests =
                detector.tests
                |> Array.map (fun test ->
                    let count = test.Count + 1

                    { test with
                        Count = count
                        Mean = test.Mean * float test.Count / float count
                    })
        }

    let private raise' cycle excess sum =
        let height = sum.Height + excess - allowance

        if height <= 0.0 then
            zero
        elif sum.Height = 0.0 then
            { Height = height; Since = cycle }
        else
            { sum with Height = height }

    let private observeService cycle (score: float) test =
        let score = Math.Clamp(score, -limit, limit)
        let count = test.Count + 1
        let mean = test.Mean + (score - test.Mean) / float count

        {
            Count = count
            Mean = mean
            Slower = raise' cycle (score - mean) test.Slower
            Faster = raise' cycle (mean - score) test.Faster
        }

    /// Takes the scores of a cycle, one per service. The change they reveal, of the service whose sum is highest.
    let observe cycle (scores: float[]) (detector: ChangeDetector) : struct (ChangeDetector * DetectedChange voption) =
        let tests = Array.map2 (observeService cycle) scores detector.tests

        let highest test =
            if test.Slower.Height >= test.Faster.Height then
                test.Slower
            else
                test.Faster

        let service =
            tests |> Array.indexed |> Array.maxBy (snd >> highest >> _.Height) |> fst

        let sum = highest tests[service]

        let change =
            if sum.Height > threshold then
                ValueSome { Service = service; Since = sum.Since }
            else
                ValueNone

        { tests = tests }, change

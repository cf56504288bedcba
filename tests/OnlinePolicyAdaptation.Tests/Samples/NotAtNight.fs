/// A rule of a user's own: at night nothing moves down, because nobody is there to see it go wrong.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Samples.NotAtNight

open OnlinePolicyAdaptation.ControlCycle

let rule: GuardRule =
    let name = "notAtNight"

    {
        Name = name
        Judge =
            fun _ proposal ->
                let isNight = proposal.Time.Hour >= 22 || proposal.Time.Hour < 6

                if isNight && proposal.Action.Moves |> Seq.exists (fun move -> move < 0) then
                    Verdict.Hold
                        {
                            Rule = name
                            Control = ValueNone
                            Measured = ValueNone
                        }
                else
                    Verdict.Pass
    }

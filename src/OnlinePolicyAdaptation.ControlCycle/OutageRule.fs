/// The guard's rule on outages. What it forbids is masked in planning, so it stops no move that was planned.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.OutageRule

let private name = "outage"

/// An outage that has lasted for its time decides what goes out.
let acts (settings: GuardSettings) : GuardRule =
    {
        Name = name
        Judge =
            fun _ proposal ->
                match proposal.Outage with
                | ValueSome limits when Outage.isActedOn settings.Outage limits.Silent ->
                    let fired =
                        {
                            Rule = name
                            Control = ValueNone
                            Measured = ValueSome(struct ("silentSeconds", limits.Silent.TotalSeconds))
                        }

                    match settings.Outage.Action with
                    | OutageAction.Most -> Verdict.Stand fired
                    | OutageAction.Hold -> Verdict.Hold fired
                    | OutageAction.Base -> Verdict.Base fired
                | _ -> Verdict.Pass
    }

/// While an outage lasts, controls that would move to less capacity keep their level, and those that have to wait for it.
let limits =
    GuardRules.restrain name (fun _ proposal control ->
        match proposal.Outage with
        | ValueSome limits -> not (limits.Mask.Allows(control, proposal.Action.Choice control))
        | ValueNone -> false)

namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// A service that answers nothing, though it is offered requests.
type Outage =
    {
        Service: int
        /// For so long.
        Silent: TimeSpan
    }

/// What an outage leaves of the actions, and how long it has lasted.
type OutageLimits = { Silent: TimeSpan; Mask: ActionMask }

/// What may be done while a service answers nothing. Capacity is the cores of nodes: routing weights and blocking rates move
/// requests, or refuse them.
///
/// No cores are taken away, and how the requests of the service are routed and refused stays as it is, since nothing can be learned
/// from moving it. Once the outage has lasted for its time, controls of capacity go up to their bounds, one level an interval.
/// Where no cores are left to add, routing and blocking are free again: the model knows which configurations answered nothing.
[<RequireQualifiedAccess>]
module Outage =

    /// The one that has lasted for longest; none where every service answers.
    let ofAnswers (answers: ServiceAnswers[]) =
        let mutable longest = ValueNone

        for service in 0 .. answers.Length - 1 do
            match answers[service].Answers, longest with
            | Answers.Nothing silent, ValueSome { Outage.Silent = known } when silent <= known -> ()
            | Answers.Nothing silent, _ -> longest <- ValueSome { Service = service; Silent = silent }
            | _ -> ()

        longest

    let private isCapacity (control: Control) =
        match control.Target with
        | :? ControlTarget.CpuCores -> true
        | _ -> false

    /// Whether a control routes or refuses requests of a service.
    let private isOf service (control: Control) =
        match control.Target with
        | :? ControlTarget.RoutingWeight as weight -> weight.Service = service
        | :? ControlTarget.BlockingRate as blocking -> blocking.Service = service
        | _ -> false

    /// Whether the outage has lasted long enough to be acted on.
    let isActedOn (settings: OutageSettings) silent = silent >= settings.After

    /// The moves that an outage leaves in a configuration, on the grid or not.
    /// `levels`: those that each control may be moved to.
    let limits
        (settings: OutageSettings)
        (levels: struct (int * int)[])
        (grid: ControlGrid)
        (outage: Outage)
        (configuration: Configuration)
        =
        let canGrow control =
            let struct (_, highest) = levels[control]

            isCapacity grid.Controls[control]
            && configuration.Levels[control] < min highest (grid.Controls[control].Levels - 1)

        let isActedOn = isActedOn settings outage.Silent
        let canSomeGrow = Seq.exists canGrow (seq { 0 .. grid.Controls.Count - 1 })

        let any = ActionMasks.down ||| ActionMasks.keep ||| ActionMasks.up

        let moves control =
            let isCapacity = isCapacity grid.Controls[control]
            let isConcerned = isOf outage.Service grid.Controls[control]

            match settings.Action with
            | OutageAction.Hold when isActedOn -> ActionMasks.keep
            | OutageAction.Most when isActedOn && isCapacity ->
                if canGrow control then ActionMasks.up else ActionMasks.keep
            | OutageAction.Most when isActedOn && isConcerned -> if canSomeGrow then ActionMasks.keep else any
            | OutageAction.Base when isActedOn && isConcerned -> any
            | _ when isCapacity ->
                if canGrow control then
                    ActionMasks.keep ||| ActionMasks.up
                else
                    ActionMasks.keep
            | _ when isConcerned -> ActionMasks.keep
            | _ -> any

        {
            Silent = outage.Silent
            Mask =
                Seq.init grid.Controls.Count moves
                |> EquatableArray.ToEquatableArray
                |> ActionMask
        }

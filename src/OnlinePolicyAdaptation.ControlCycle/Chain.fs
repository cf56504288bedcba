namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Diagnostics
open System.Threading

/// A stage in a list of stages: the types of its state and elements are left to the functions that add it.
type ChainedStage =
    private
        {
            stage: string
            start: objnull
            step: objnull -> objnull -> struct (objnull * objnull)
            deadline: StageDeadline<objnull, objnull, objnull> voption
            codec: StateCodec<objnull> voption
            fail: exn -> objnull -> objnull
        }

    member this.Name = this.stage
    member this.Start = this.start
    member this.Deadline = this.deadline
    member this.Codec = this.codec

/// Stages, the output of each the input of the next.
type Chain<'input, 'output> = private { stages: ChainedStage list }

/// An element on its way, with the state of each stage as it left it.
[<Sealed; AllowNullLiteral(false)>]
type Passing
    (element: objnull, states: (struct (ChainedStage * objnull)) list, durations: (struct (string * int64)) list) =
    /// Of the type that comes out of the last stage it has passed.
    member _.Element = element
    /// The last stage first.
    member _.States = states
    /// Timestamps' differences, the last stage first.
    member _.Durations = durations

[<RequireQualifiedAccess>]
module Chain =

    let private chained (stage: Stage<'state, 'input, 'output>) (fail: StageFailure -> 'input -> 'output) =
        let untyped (step: 'state -> 'input -> struct ('state * 'output)) =
            fun (state: objnull) (input: objnull) ->
                let struct (next, output) = step (unbox state) (unbox input)
                struct (box next, box output)

        {
            stage = stage.Name
            start = box stage.Start
            step = untyped stage.Step
            deadline =
                stage.Deadline
                |> ValueOption.map (fun deadline ->
                    {
                        Step = fun cancellation -> untyped (deadline.Step cancellation)
                        Missed = untyped deadline.Missed
                    })
            codec =
                stage.Codec
                |> ValueOption.map (fun codec ->
                    {
                        Write = fun state -> codec.Write(unbox state)
                        Read = fun bytes -> codec.Read bytes |> Result.map box
                    })
            fail =
                fun error input ->
                    box (
                        fail
                            {
                                Stage = stage.Name
                                Exception = error
                            }
                            (unbox input)
                    )
        }

    /// The first stage, and what comes out of it where it fails.
    let first fail (stage: Stage<'state, 'input, Element<'output>>) : Chain<'input, Element<'output>> =
        { stages = [ chained stage fail ] }

    /// Nothing, to begin a chain with that goes on from another.
    let empty: Chain<'element, 'element> = { stages = [] }

    /// One more stage.
    let next (stage: Stage<'state, Element<'middle>, Element<'output>>) (chain: Chain<'input, Element<'middle>>) =
        {
            stages = chain.stages @ [ chained stage Element.fail ]
        }
        : Chain<'input, Element<'output>>

    let stages (chain: Chain<'input, 'output>) = chain.stages

    let enter (input: 'input) = Passing(box input, [], [])

    /// What has come out of a chain.
    let output (_: Chain<'input, 'output>) (passing: Passing) : 'output = unbox passing.Element

    let private seconds (ticks: int64) =
        TimeSpan.FromSeconds(float ticks / float Stopwatch.Frequency)

    /// How long the step of each stage has taken, by their names, the last stage first.
    let durations (passing: Passing) =
        passing.Durations
        |> List.map (fun (struct (stage, ticks)) -> struct (stage, seconds ticks))

    /// How long the steps so far have taken together.
    let duration (passing: Passing) =
        passing.Durations |> List.sumBy (fun (struct (_, ticks)) -> ticks) |> seconds

    /// How long the step of a stage has taken; nothing where it has not been passed.
    let durationOf name (passing: Passing) =
        passing.Durations
        |> List.sumBy (fun (struct (stage, ticks)) -> if stage = name then ticks else 0L)
        |> seconds

    let private passed stage state element began (passing: Passing) =
        Passing(
            element,
            struct (stage, state) :: passing.States,
            struct (stage.stage, Stopwatch.GetTimestamp() - began) :: passing.Durations
        )

    /// The one place that runs steps. A step that fails leaves its state as it was, and the element is held.
    let private attempt step stage (state: objnull) (passing: Passing) =
        let began = Stopwatch.GetTimestamp()

        let struct (next, element) =
            try
                step state passing.Element
            with error ->
                struct (state, stage.fail error passing.Element)

        struct (next, passed stage next element began passing)

    /// A stage's step: its next state, and the element as it goes on.
    let step stage state passing = attempt stage.step stage state passing

    /// The step of a stage with a deadline. Throws where the token ends it.
    let stepInTime
        stage
        (deadline: StageDeadline<objnull, objnull, objnull>)
        (cancellation: CancellationToken)
        state
        (passing: Passing)
        =
        let began = Stopwatch.GetTimestamp()

        let struct (next, element) =
            try
                deadline.Step cancellation state passing.Element
            with error when not cancellation.IsCancellationRequested ->
                struct (state, stage.fail error passing.Element)

        struct (next, passed stage next element began passing)

    /// What goes on in place of a step that did not come in time.
    let missed stage (deadline: StageDeadline<objnull, objnull, objnull>) state passing =
        attempt deadline.Missed stage state passing

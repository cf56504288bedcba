namespace OnlinePolicyAdaptation.ControlCycle

open System.Threading

/// How the state of a stage is kept in a checkpoint.
type StateCodec<'state> =
    {
        Write: 'state -> byte[]
        /// An error: what is wrong with the bytes.
        Read: byte[] -> Result<'state, string>
    }

/// What a stage that may take long does about time, where decisions must not wait.
type StageDeadline<'state, 'input, 'output> =
    {
        /// The step, which the token ends early: it throws then.
        Step: CancellationToken -> 'state -> 'input -> struct ('state * 'output)
        /// The answer where the step does not come in time.
        Missed: 'state -> 'input -> struct ('state * 'output)
    }

/// A pure step with the state it owns, and the name it has in metrics, logs and the journal.
type Stage<'state, 'input, 'output> =
    {
        Name: string
        Start: 'state
        Step: 'state -> 'input -> struct ('state * 'output)
        /// None: the stage starts anew with each process, or has no state.
        Codec: StateCodec<'state> voption
        /// None: the step is waited for, however long it takes.
        Deadline: StageDeadline<'state, 'input, 'output> voption
    }

[<RequireQualifiedAccess>]
module Stage =

    /// A stage whose state need not outlive the process.
    let create name start step =
        {
            Name = name
            Start = start
            Step = step
            Codec = ValueNone
            Deadline = ValueNone
        }

    /// A stage without state.
    let stateless name (step: 'input -> 'output) : Stage<unit, 'input, 'output> =
        create name () (fun () input -> struct ((), step input))

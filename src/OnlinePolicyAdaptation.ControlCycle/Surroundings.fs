namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Threading.Tasks
open Akka
open Akka.Streams.Dsl

/// What a controller is joined to.
type Surroundings<'kept> =
    {
        Time: TimeProvider
        /// In real time, a stage with a deadline answers by its `Missed` where its step takes longer.
        Deadline: TimeSpan
        /// Orders of operators, from a source that does not end before the controller does.
        Commands: Source<Command, NotUsed>
        /// Nothing passes it before it is on the disk.
        Journal: Flow<Passing, 'kept, NotUsed>
        /// The task of each ends when it has taken all there was.
        Sinks: Sink<'kept, Task> list
    }

/// A managed system that is part of the loop.
type LoopEnvironment<'kept> =
    {
        /// The next arrival; none ends the loop.
        Observe: unit -> Task<Arrival voption>
        /// Brings a decision into force.
        Act: 'kept -> Task
        /// Whether it came of an arrival: then it is acted on, and the next interval is observed.
        IsTurn: 'kept -> bool
    }

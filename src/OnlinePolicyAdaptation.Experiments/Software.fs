/// What made a result.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Software

open System.Reflection

/// Version and commit of this software, as stamped into the assembly by the build.
let version =
    match Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>() with
    | null -> "unknown"
    | attribute -> attribute.InformationalVersion

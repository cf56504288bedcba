/// The command `opar control` in a world where everything fails now and then.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Soak.ServiceSoak

open System
open System.IO

/// Runs about so long, one half in lockstep and one in real time. What happens depends on the seed alone.
let run (length: TimeSpan) (seed: int) =
    let folder = Directory.CreateTempSubdirectory("soak-").FullName

    let soak name run =
        let folder = Path.Combine(folder, name)
        Directory.CreateDirectory folder |> ignore
        run folder (length / 2.0) (Random seed)

    let found: Findings list =
        [ soak "lockstep" LockstepSoak.run; soak "real-time" RealTimeSoak.run ]

    if found |> List.forall _.Broken.IsEmpty then
        Directory.Delete(folder, recursive = true)
    else
        printfn $"journals and logs: {folder}"

    found

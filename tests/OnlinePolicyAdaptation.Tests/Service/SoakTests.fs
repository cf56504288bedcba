module OnlinePolicyAdaptation.Tests.Service.Soak

open System
open Expecto
open OnlinePolicyAdaptation.Soak

/// As `build.fsx soak service`, shorter; what happens is each time another.
let private short () =
    let seed = Random.Shared.Next()

    for found in ServiceSoak.run (TimeSpan.FromSeconds 15.0) seed do
        Expect.isEmpty found.Broken $"{found.Run}, seed {seed}"

[<Tests>]
let tests =
    testSequenced
    <| testList
        "Service.Soak"
        [
            testCase "a controller in a bad world is up, keeps everything and sends nothing old" short
        ]

module OnlinePolicyAdaptation.Tests.Service.Soak

open System
open Expecto
open OnlinePolicyAdaptation.Soak

/// As `build.fsx soak service`, shorter; what happens is each time another. Pending: a controller that is started while
/// another process reads its journal ends now and then with "disk I/O error".
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
            ptestCase "a controller in a bad world is up, keeps everything and sends nothing old" short
        ]

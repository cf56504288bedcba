module OnlinePolicyAdaptation.Soak.Program

open System
open System.Globalization

let private service (seconds: float) seed =
    printfn $"soak service, {seconds} s, seed {seed}"
    let found = ServiceSoak.run (TimeSpan.FromSeconds seconds) seed
    found |> List.iter _.Print()
    if found |> List.forall _.Broken.IsEmpty then 0 else 1

let private usage =
    "soaks:\n  service [seconds] [seed]   opar control in a world where everything fails now and then (default: 600 s)"

let private number (text: string) =
    Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture)

[<EntryPoint>]
let main args =
    match List.ofArray args with
    | [] ->
        printfn $"{usage}"
        0
    | [ "service" ] -> service 600.0 (Random.Shared.Next())
    | "service" :: seconds :: rest ->
        match number seconds, rest with
        | (true, seconds), [] when seconds > 0.0 -> service seconds (Random.Shared.Next())
        | (true, seconds), [ seed ] when seconds > 0.0 ->
            match Int32.TryParse seed with
            | true, seed -> service seconds seed
            | _ ->
                eprintfn $"seed: '{seed}'; expected a whole number"
                2
        | _ ->
            eprintfn $"seconds: '{seconds}'; expected a number above 0, and perhaps a seed"
            2
    | name :: _ ->
        eprintfn $"no soak is called {name}\n\n{usage}"
        2

/// The colours of all charts: those of Okabe and Ito, which colour-blind readers can tell apart, and greys.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Palette

let blue = "rgb(0,114,178)"
let vermilion = "rgb(213,94,0)"
let green = "rgb(0,158,115)"
let orange = "rgb(230,159,0)"
let purple = "rgb(204,121,167)"
let skyBlue = "rgb(86,180,233)"
let olive = "rgb(150,150,40)"
let black = "rgb(0,0,0)"
let darkGrey = "rgb(90,90,90)"
let grey = "rgb(150,150,150)"

/// For what has no colour of its own: the next one for each.
let private series = [| blue; vermilion; green; orange; purple; skyBlue; darkGrey |]

let ofSeries index = series[index % series.Length]

/// The colour of a band behind a line.
let shade (colour: string) =
    colour.Replace("rgb(", "rgba(").Replace(")", ",0.15)")

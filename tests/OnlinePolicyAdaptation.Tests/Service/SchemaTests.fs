/// SCHEMA.md says of every field what it is, and of none that is not there.
module OnlinePolicyAdaptation.Tests.Service.Schema

open System
open System.IO
open System.Text
open System.Text.Json
open System.Text.RegularExpressions
open Expecto
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private schema =
    File.ReadAllText(Path.Combine(Repository.folder, "src", "OnlinePolicyAdaptation.Service", "SCHEMA.md"))

/// The text under a heading that begins like this.
let private section (heading: string) =
    match schema.Split("\n## ") |> Array.tryFind _.StartsWith(heading) with
    | Some text -> text
    | None -> failtest $"SCHEMA.md has no section {heading}"

/// What stands in backquotes in the first column of the tables of a section.
let private named heading =
    [
        for row in (section heading).Split('\n') do
            if row.StartsWith "| `" then
                for word in Regex.Matches(row.Split('|')[1], "`([^`]+)`") do
                    word.Groups[1].Value
    ]

let private example heading =
    let text = section heading
    let start = text.IndexOf "```json\n" + 8
    text.Substring(start, text.IndexOf("\n```", start) - start)

/// All fields of an object by their path; names of controls and services are stars.
let rec private fields place (element: JsonElement) : string list =
    match element.ValueKind with
    | JsonValueKind.Object ->
        [
            for property in element.EnumerateObject() do
                let name =
                    if List.contains property.Name [ "p11"; "c1"; "s"; "n1"; "n2" ] then
                        "*"
                    else
                        property.Name

                let here = if place = "" then name else $"{place}.{name}"
                // Of a service or node by name there is nothing to say.
                if not (here.EndsWith "services.*" || here.EndsWith "nodes.*") then
                    here

                yield! fields here property.Value
        ]
    | JsonValueKind.Array ->
        [
            for item in element.EnumerateArray() do
                yield! fields $"{place}[]" item
        ]
    | _ -> []

let private fieldsOf (lines: string list) =
    [
        for line in lines do
            use document = JsonDocument.Parse line
            yield! fields "" document.RootElement
    ]
    |> List.distinct
    |> List.sort

let private same heading written =
    Expect.equal (named heading |> List.sort) written $"fields of {heading}"

let private fired rule =
    {
        Rule = rule
        Control = ValueNone
        Measured = ValueNone
    }

let private measured rule quantity value =
    { fired rule with
        Measured = ValueSome(struct (quantity, value))
    }

/// A decision with all that there may be in one.
let private full: Decision =
    let configuration = TwoNodes.configuration 0.6 3.0
    let action = ControlAction(TwoNodes.array [ -1; 0 ])

    {
        Time = Intervals.beginning
        Mode = Mode.Act
        Record =
            {
                Cycle = 40
                Metrics = TwoNodes.metrics 0 configuration (ValueSome 0.09)
                Predicted = ValueSome [| 0.1 |]
                Reward = ValueSome -0.25
                Action = action
                Next = configuration
                BaseAction = action
                Probe = ValueSome 1
                Change = ValueSome { Service = 0; Since = 36 }
                QFactor = ValueSome -12.0
                BaseQFactor = ValueSome -14.0
                Model = ValueSome { FittedAt = 38; Samples = 310 }
                Errors = [ CycleError.IncompleteMetrics 0 ]
            }
        By = DecidedBy.Rollout
        Action = action
        Target = configuration
        Rules =
            [
                fired "ordered"
                measured "stale" "ageSeconds" 20.0
                measured "outage" "silentSeconds" 15.0
                fired "missedDeadline"
                measured "poorModel" "error" 0.5
                measured "fewSamples" "samples" 3.0
                fired "settling"
                fired "probe"
                { fired "bounds" with
                    Control = ValueSome 0
                }
                { fired "stabilisation" with
                    Control = ValueSome 1
                }
            ]
        Error = ValueSome 0.08
        Gap = ValueSome(TimeSpan.FromHours 2.0)
        Lag =
            ValueSome
                {
                    Intervals = 2
                    IsNew = false
                    IsFollowed = true
                }
        Refit = ValueSome(Ok { FittedAt = 40; Samples = 311 })
        IsRefitAsked = false
        Failure = ValueNone
    }

let private decision =
    Encoding.UTF8.GetString(DecisionJson.write "small" Intervals.system full)

/// The same where what was computed is no number.
let private overflown: Decision =
    { full with
        Rules =
            [
                measured "poorModel" "error" infinity
                measured "poorModel" "error" nan
                measured "stale" "ageSeconds" TimeSpan.MaxValue.TotalSeconds
            ]
        Error = ValueSome infinity
        Record =
            { full.Record with
                Reward = ValueSome -infinity
                QFactor = ValueSome nan
                BaseQFactor = ValueSome -infinity
            }
    }

let private ofOverflow () =
    let line =
        Encoding.UTF8.GetString(DecisionJson.write "small" Intervals.system overflown)

    use document = JsonDocument.Parse line

    for field in [ "error"; "reward"; "qFactor"; "baseQFactor" ] do
        Expect.isFalse (fst (document.RootElement.TryGetProperty field)) field

    Expect.stringContains
        line
        "\"guard\":[{\"rule\":\"poorModel\"},{\"rule\":\"poorModel\"},{\"rule\":\"stale\","
        "rules"

let private says heading (words: string list) =
    for word in words do
        Expect.stringContains (section heading) $"`{word}`" heading

let private ofIntervals () =
    match Intervals.read (example "Interval") with
    | Ok interval -> same "Interval" (fieldsOf [ Intervals.line interval ])
    | Error fault -> failtest fault.Reason

let private ofDecisions () =
    same "Decision" (fieldsOf [ decision ])
    same "Decision" (fieldsOf [ decision; example "Decision" ])

    match Kept.outgoingOf Intervals.system 40 (example "Decision") with
    | Ok sent ->
        Expect.equal sent.Target (TwoNodes.configuration 0.4 3.0) "its example"
        Expect.equal (List.ofSeq sent.Action.Moves) [ -1; 0 ] "its example"
    | Error message -> failtest message

    says "Decision" (full.Rules |> List.map _.Rule)
    says "Decision" [ for mode in [ Mode.Act; Mode.Shadow; Mode.Base ] -> DecisionJson.mode mode ]

    says
        "Decision"
        [
            for by in [ DecidedBy.Rollout; DecidedBy.BasePolicy; DecidedBy.Probe; DecidedBy.Nobody ] ->
                DecisionJson.decidedBy by
        ]

let private ofQuarantine () =
    Scratch.withFolder (fun folder ->
        let path = Path.Combine(folder, "quarantine.ndjson")

        let kinds = Quarantine.Kinds

        do
            use quarantine = new Quarantine(path)

            for kind in kinds do
                quarantine.Add(Intervals.beginning, 17L, { Kind = kind; Reason = "r" }, "e\n\"")

        let lines = File.ReadAllLines path |> List.ofArray
        Expect.equal lines.Length kinds.Length "a line each"
        same "Quarantined" (fieldsOf lines)
        same "Quarantined" (fieldsOf [ example "Quarantined" ])
        says "Quarantined" (kinds |> List.map Quarantine.Word))

let private ofAnswers () =
    let arrival =
        SmallController.arrival 17L (Intervals.at 0 (TwoNodes.configuration 0.6 3.0) 0.09)

    let lines =
        [
            Event.Rejected(
                arrival,
                {
                    Kind = FaultKind.Unparsable
                    Reason = "r"
                }
            )
            Event.AlreadyKnown arrival
        ]
        |> List.choose (AnswerJson.ofEvent >> ValueOption.toOption)

    Expect.equal lines.Length 2 "a line each"
    same "Answer to a line" (fieldsOf lines)
    same "Answer to a line" (fieldsOf [ example "Answer to a line" ])

let private ofTheJournal () =
    Scratch.withFolder (fun folder ->
        let path = Path.Combine(folder, "j.db")
        use _ = SmallController.openJournal path
        use connection = new SqliteConnection($"Data Source={path};Pooling=false")
        connection.Open()
        use command = connection.CreateCommand()

        command.CommandText <-
            "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"

        use reader = command.ExecuteReader()

        let columns =
            [
                while reader.Read() do
                    reader.GetString 0
            ]

        let entry: JournalEntry =
            {
                Cycle = 40
                Time = Intervals.beginning
                Position = 0L
                Interval = Intervals.line (Intervals.at 0 (TwoNodes.configuration 0.6 3.0) 0.09)
                Decision = decision
            }

        use csv = new StringWriter()

        match JournalRow.read Intervals.system (IntervalReader Intervals.system) entry with
        | Ok row -> JournalCsv.write Intervals.system [ row ] csv
        | Error message -> failtest message

        let header = csv.ToString().Split('\n') |> Array.head
        same "Journal" (List.sort (columns @ List.ofArray (header.Split ','))))

[<Tests>]
let tests =
    testList
        "Service.Schema"
        [
            testCase "names the fields of intervals, and its example is one" ofIntervals
            testCase "names the fields and words of decisions, and its example is one" ofDecisions
            testCase "what is no finite number is left out of decisions" ofOverflow
            testCase "names the fields and kinds of quarantined elements" ofQuarantine
            testCase "names the fields of answers to lines on which there is no decision" ofAnswers
            testCase "names the columns of the journal and of its export" ofTheJournal
        ]

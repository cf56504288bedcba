/// The packages, and what the README of tests/LibraryUse shows of using them: restored from a folder, compiled and run.
module OnlinePolicyAdaptation.Tests.LibraryUse

open System
open System.IO
open System.IO.Compression
open System.Text.Json
open System.Xml.Linq
open Expecto

let private configuration = DirectoryInfo(AppContext.BaseDirectory).Name
let private artifacts = Path.Combine(Repository.folder, ".artifacts")

/// Made anew by every run of these tests, and left there to be looked at.
let private folder = Path.Combine(artifacts, "library-use")

let private succeeds variables inFolder arguments =
    let outcome = Dotnet.run variables inFolder arguments
    Expect.equal outcome.ExitCode 0 $"{outcome.Output}{outcome.Errors}"
    outcome.Output

/// Where restoring this repository has put the packages it needs.
let private downloaded =
    lazy
        (let path =
            Path.Combine(artifacts, "obj", "OnlinePolicyAdaptation.Domain", "project.assets.json")

         use assets = JsonDocument.Parse(File.ReadAllText path)
         let folders = assets.RootElement.GetProperty "packageFolders"
         [ for folder in folders.EnumerateObject() -> folder.Name ] |> List.head)

/// Our own packages come from the folder they were packed to, everything else from what was downloaded before.
let private nugetConfig packages =
    $"""<configuration>
  <packageSources>
    <clear />
    <add key="packed" value="{packages}" />
    <add key="downloaded" value="{downloaded.Value}" />
  </packageSources>
  <packageSourceMapping>
    <packageSource key="packed">
      <package pattern="OnlinePolicyAdaptation.*" />
      <package pattern="opar" />
    </packageSource>
    <packageSource key="downloaded">
      <package pattern="*" />
    </packageSource>
  </packageSourceMapping>
</configuration>"""

let private config = Path.Combine(folder, "nuget.config")

/// The folder of the packages, packed from what was built for these tests.
let private packages =
    lazy
        (if Directory.Exists folder then
             Directory.Delete(folder, true)

         let packages = Path.Combine(folder, "packages")

         succeeds [] Repository.folder [ "pack"; "--no-build"; "--configuration"; configuration; "--output"; packages ]
         |> ignore

         File.WriteAllText(config, nugetConfig packages)
         packages)

/// No package of an earlier run is met again.
let private isolated =
    [ "NUGET_PACKAGES", Path.Combine(folder, "cache"); "DOTNET_NOLOGO", "true" ]

let private contents (path: string) =
    use archive = ZipFile.OpenRead path
    [ for entry in archive.Entries -> entry.FullName ]

/// The elements of this name in the description of a package.
let private described name (path: string) =
    use archive = ZipFile.OpenRead path

    let nuspec =
        archive.Entries |> Seq.find (fun entry -> entry.FullName.EndsWith ".nuspec")

    use stream = nuspec.Open()

    [
        for element in XDocument.Load(stream).Descendants() do
            if element.Name.LocalName = name then
                element
    ]

let private dependencies path =
    [
        for element in described "dependency" path do
            match element.Attribute(XName.Get "id") with
            | null -> ()
            | id -> id.Value
    ]

let private libraries =
    [
        "Domain"
        "Learning"
        "Training"
        "Planning"
        "ControlCycle"
        "Scenarios"
        "Experiments"
    ]
    |> List.map (fun name -> $"OnlinePolicyAdaptation.{name}")

/// The only package of this name.
let private package name =
    Directory.GetFiles(packages.Value, $"{name}.*.nupkg") |> Array.exactlyOne

let private onTraining (name: string) =
    name = "OnlinePolicyAdaptation.Training"
    || name = "TorchSharp"
    || name.StartsWith "libtorch"

let private program = Path.Combine(Repository.folder, "tests", "LibraryUse")

let private runs (language: string) project source expected =
    testCase $"the {language} program of the README compiles against the packages and runs" (fun () ->
        let source = Path.Combine(program, language, source)
        let text = File.ReadAllText source
        let readme = File.ReadAllText(Path.Combine(program, "README.md"))
        Expect.stringContains readme $"```{language}\n{text}```" $"the README shows {source} as it is"

        let lines = text.Split('\n') |> Array.filter (String.IsNullOrWhiteSpace >> not)
        Expect.isLessThanOrEqual lines.Length 20 "it is short"

        packages.Force() |> ignore

        succeeds
            isolated
            (Path.Combine(program, language))
            [
                "build"
                "--configuration"
                "Release"
                $"-p:ArtifactsPath={folder}"
                $"-p:RestoreConfigFile={config}"
            ]
        |> ignore

        let built = Path.Combine(folder, "bin", project, "release", $"{project}.dll")
        let scenario = Path.Combine(Repository.folder, "scenarios", "2-system-change")
        Expect.equal (succeeds [] scenario [ built ]) expected "what it prints")

[<Tests>]
let tests =
    testSequenced
    <| testList
        "LibraryUse"
        [
            for name in libraries do
                testCase $"{name} is packed with documentation, symbols, licence and README" (fun () ->
                    let path = package name
                    let files = contents path

                    Expect.containsAll
                        files
                        [ $"lib/net10.0/{name}.dll"; $"lib/net10.0/{name}.xml"; "README.md" ]
                        "files"

                    Expect.equal (described "license" path |> List.map _.Value) [ "MIT" ] "licence"
                    let symbols = contents (path.Replace(".nupkg", ".snupkg"))
                    Expect.contains symbols $"lib/net10.0/{name}.pdb" "symbols"

                    if name <> "OnlinePolicyAdaptation.Training" then
                        Expect.isEmpty (dependencies path |> List.filter onTraining) "draws in no training")

            test "only the package for training draws in TorchSharp, and leaves libtorch to the application" {
                let drawn =
                    package "OnlinePolicyAdaptation.Training"
                    |> dependencies
                    |> List.filter onTraining

                Expect.equal drawn [ "TorchSharp" ] "a package would fit one platform only"
            }

            runs "fsharp" "FSharpUse" "Program.fs" "Ok (seq [0; -1])\n"

            runs
                "csharp"
                "CSharpUse"
                "Program.cs"
                "p11=1, c1=5: 0.104 s
p11=1, c1=4: 0.105 s
p11=1, c1=3: 0.139 s
p11=1, c1=2: 0.105 s
p11=1, c1=2: 0.109 s
"

            test "the tool is small, installs, plans, and says what it cannot do" {
                let path = package "opar"
                Expect.isLessThan (FileInfo path).Length 40_000_000L "bytes"
                let tools = Path.Combine(folder, "tools")

                succeeds isolated folder [ "tool"; "install"; "opar"; "--tool-path"; tools; "--configfile"; config ]
                |> ignore

                let tool =
                    Directory.GetFiles(tools, "opar.dll", SearchOption.AllDirectories)
                    |> Array.exactlyOne

                let scenario = Path.Combine(Repository.folder, "scenarios", "2-system-change")
                let plan = Path.Combine(folder, "plan.json")

                let planning =
                    [ "plan"; "--algorithm"; "rollout"; "--scenario"; scenario; "--out"; plan ]

                succeeds [] folder (tool :: planning) |> ignore
                Expect.isTrue (File.Exists plan) "planned"
                let training = Dotnet.run [] folder [ tool; "train"; scenario; "--out"; "policy" ]
                Expect.equal training.ExitCode 1 "no training"
                Expect.stringContains training.Errors "which the tool package leaves out" "says how to train"
            }
        ]

module OnlinePolicyAdaptation.Tests.Domain.Redacted

open Expecto
open OnlinePolicyAdaptation.Domain

let private addresses =
    [
        "https://host.example/actions", "https://host.example/actions"
        "https://user:secret@host.example/actions", "https://***@host.example/actions"
        "https://user:sec@ret@host.example/actions", "https://***@host.example/actions"
        "https://host.example/a?token=secret", "https://host.example/a?***"
        "https://host.example/a#secret", "https://host.example/a#***"
        "https://u:secret@h/a?b=secret@c#secret", "https://***@h/a?***"
        "ftp://user:secret@host", "ftp://***@host"
        "user:secret@host/path", "***@host/path"
        "localhost", "localhost"
        "", ""
    ]

[<Tests>]
let tests =
    testList
        "Domain.Redacted"
        [
            for address, shown in addresses do
                test $"'{address}' is shown without what may be secret" {
                    Expect.equal (Redacted.Address address) shown "shown"
                }

            test "addresses in a message are shown without it" {
                Expect.equal
                    (Redacted.Message "the proxy 'http://u:secret@p:1/' of https://h/x?k=secret said 407")
                    "the proxy 'http://***@p:1/' of https://h/x?*** said 407"
                    "shown"
            }

            test "a message is one line of bounded length" {
                let said = Redacted.Message("a\nb" + System.String('x', 10_000))
                Expect.stringStarts said "a\\nbxxx" "one line"
                Expect.isLessThan said.Length 520 "bounded"
            }
        ]

"""The hosts that a call's text names, however it is written (contract.md section 15)."""

import pytest

from handshake.policy.cedar.hosts import hosts_in


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("https://api.example.org/v1?to=evil.example#x", ["api.example.org"]),
        ("HTTPS://API.Example.ORG:8443/", ["api.example.org"]),
        ("https://api.example.org./", ["api.example.org"]),
        ("curl -s https://a.example/x && wget http://b.example", ["a.example", "b.example"]),
        ("see (https://a.example/), <https://b.example>.", ["a.example", "b.example"]),
        ("ssh://git@c.example:22/repo", ["c.example"]),
        ("//d.example/path", ["d.example"]),
        ("no url here: a.example", []),
        ("mailto:somebody@a.example", []),
        ("a text of http alone", []),
        # Addresses, in every spelling that a browser takes.
        ("http://127.0.0.1/", ["127.0.0.1"]),
        ("http://2130706433/", ["127.0.0.1"]),
        ("http://0x7f.1/", ["127.0.0.1"]),
        ("http://0177.0.0.1/", ["127.0.0.1"]),
        ("http://[::1]:8080/", ["::1"]),
        # Where parsers disagree, both hosts are given.
        ("https://good.example\\@evil.example/", ["evil.example", "good.example"]),
        ("https://evil.example#@good.example/", ["evil.example"]),
        ("https://good.example@evil.example/", ["evil.example"]),
        ("https://a@good.example@evil.example/", ["evil.example", "good.example"]),
        ("https:evil.example/", ["evil.example"]),
        ("https:\\\\evil.example/", ["evil.example"]),
        ("https:////evil.example/", ["evil.example"]),
        (" \tht\ntps://ev\til.example/", ["ev", "evil.example"]),
        ("https://ev%69l.example/", ["evil.example"]),
        ("https://evil。example/", ["evil.example"]),
        ("https://evil\uff0eexample/", ["evil.example"]),
        ("https://straße.example/", ["strasse.example", "straße.example"]),
        ("\\\\evil.example\\share", ["evil.example", "evil.example\\share"]),
        ("https://[evil/", ["[evil"]),
        ("https:///", []),
    ],
)
def test_every_host_that_some_parser_sees_is_found(text: str, hosts: list[str]) -> None:
    """A policy that allows hosts denies what is ambiguous; one that forbids a host finds it."""
    assert hosts_in({"url": text}) == hosts


def test_hosts_are_found_at_any_depth_and_in_names() -> None:
    """Lists, objects and the names of their members are looked through; what is no text is passed over."""
    value = {"a": [{"b": "http://x.example"}, 3, None], "http://y.example": True}
    assert hosts_in(value) == ["x.example", "y.example"]

"""Where a channel may call, and what becomes of a call that real servers answer badly."""

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.channels.channel import ChannelKind, host_of, url_fault
from handshake.channels.outbound import Answer, Outbound, RefusedAddressError, UnansweredError, is_public
from tests.support.receivers import Receiver, receiving, receiving_tls, self_signed

KIND: Final = ChannelKind.WEBHOOK
PRIVATE: Final = (
    *("127.0.0.1", "10.0.0.8", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0"),  # noqa: S104 - addresses to refuse
    *("169.254.169.254", "169.254.170.2", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
    *("192.88.99.1", "fec0::1", "feff::1", "::169.254.169.254", "::ffff:0:169.254.169.254", "64:ff9b:1::a9fe:a9fe"),
    *("5f00::1", "100::1"),
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "64:ff9b::a00:1", "2002:a00:1::1"),
    *("2001:0:0:0:0:0:f5ff:fffe", "not an address", ""),
)


def _post(url: str, outbound: Outbound | None = None, **changes: Any) -> Answer:
    given_ = {"registered": host_of(url), "body": b"{}", "headers": {"x-test": "1"}} | changes
    return (outbound or Outbound(local=True)).post(url, KIND, **given_)


def test_a_registered_host_is_called_with_body_and_headers() -> None:
    with receiving() as receiver:
        assert _post(receiver.url + "?a=b", body=b'{"a":1}') == Answer(200)

    [call] = receiver.calls
    assert (call.path, call.body) == ("/hook/secret-path?a=b", b'{"a":1}')
    assert (call.headers["host"], call.headers["x-test"]) == (f"127.0.0.1:{receiver.port}", "1")


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_not_called(address: str) -> None:
    for addresses in ([address], ["93.184.215.14", address]):
        outbound = Outbound(resolve=lambda *_, found=addresses: found)
        with pytest.raises(RefusedAddressError, match="not public"):
            _post("https://hooks.example/x", outbound)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111"])
def test_public_addresses_are_known_as_such(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_no_address_of_a_network_of_ones_own_is_public(address: Any) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_public(str(address))


def test_this_machine_is_called_in_the_local_environment_alone_and_by_its_address_alone() -> None:
    with receiving() as receiver:
        with pytest.raises(RefusedAddressError, match="https"):
            _post(receiver.url, Outbound())
        with pytest.raises(RefusedAddressError, match="not public"):
            _post(f"https://127.0.0.1:{receiver.port}/", Outbound())
        with pytest.raises(RefusedAddressError, match="https"):
            _post(f"http://localhost:{receiver.port}/")
        with pytest.raises(RefusedAddressError, match="not public"):
            _post("https://home.example/", Outbound(local=True, resolve=lambda *_: ["127.0.0.1"]))

    assert receiver.calls == []


def test_a_name_is_resolved_once_and_called_where_it_was_looked_at() -> None:
    """A name server that answers otherwise the second time leads nowhere."""
    asked: list[str] = []
    with receiving() as receiver:

        def resolve(host: str, _: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        url = f"http://127.0.0.1:{receiver.port}/"
        assert _post(url, Outbound(local=True, resolve=lambda *place: list(resolve(*place)))).status == 200

    assert asked == ["127.0.0.1"]


def test_another_host_than_is_registered_is_not_called() -> None:
    with receiving() as receiver, pytest.raises(RefusedAddressError, match="another host"):
        _post(receiver.url, registered="127.0.0.1:1")

    assert receiver.calls == []


def test_a_redirect_is_not_followed() -> None:
    with receiving("redirect") as receiver:
        assert _post(receiver.url).status == 307

    assert [call.path for call in receiver.calls] == ["/hook/secret-path"]


@pytest.mark.parametrize("status", [200, 204, 400, 410, 429, 500, 503])
def test_a_status_is_given_as_it_is(status: int) -> None:
    with receiving(str(status)) as receiver:
        assert _post(receiver.url).status == status


@pytest.mark.parametrize(
    ("value", "after"), [("7", 7.0), ("999999", 3600.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)]
)
def test_how_long_to_wait_is_believed_within_an_hour(value: str, after: float | None) -> None:
    with receiving("429", **{"retry-after": value}) as receiver:
        assert _post(receiver.url) == Answer(429, after)


@pytest.mark.parametrize("mode", ["hang", "trickle", "close", "endless"])
def test_whoever_does_not_answer_in_time_is_left(mode: str) -> None:
    """A server that sends a header now and then for ever is no better than one that sends none."""
    began = time.monotonic()
    with receiving(mode) as receiver:
        if mode == "endless":
            assert _post(receiver.url, Outbound(local=True, total_s=1.0)).status == 200
        else:
            with pytest.raises(UnansweredError):
                _post(receiver.url, Outbound(local=True, total_s=1.0))

    assert time.monotonic() - began < 5
    assert len(receiver.calls) == 1


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a certificate that this process takes for vouched for."""
    path = self_signed(tmp_path / "certificate.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def test_a_server_that_is_vouched_for_is_called_over_tls(certificate: Path) -> None:
    with receiving_tls(certificate) as url:
        assert _post(url) == Answer(200)


@pytest.mark.parametrize("handshake_s", [0, 1.2, 5])
@pytest.mark.parametrize("busy", [False, True])
def test_over_tls_too_whoever_does_not_answer_in_time_is_left(
    certificate: Path, *, busy: bool, handshake_s: float
) -> None:
    """Leaves it alike when the time ends while hands are shaken, just before, or with what trickles afterwards."""
    with receiving_tls(certificate, busy=busy, handshake_s=handshake_s, trickles_s=6) as url:
        began = time.monotonic()
        with pytest.raises(UnansweredError, match="too late"):
            _post(url, Outbound(local=True, total_s=1.5))
        took_s = time.monotonic() - began

    assert 1.4 < took_s < 5  # what trickles does so for six seconds


def test_a_name_server_that_does_not_answer_in_time_is_left() -> None:
    def resolve(*_: Any) -> list[str]:
        time.sleep(3)
        return ["127.0.0.1"]

    began = time.monotonic()
    with pytest.raises(UnansweredError, match="too late"):
        _post("https://slow.example/", Outbound(resolve=resolve, total_s=0.5))

    assert time.monotonic() - began < 2.5  # it answers after three


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UnansweredError, match="ConnectionRefusedError"):
            _post(f"http://127.0.0.1:{taken.getsockname()[1]}/")


@pytest.mark.parametrize("name", ["nowhere.invalid", "x" * 70 + ".invalid", "a..invalid"])
def test_a_name_that_is_not_known(name: str) -> None:
    with pytest.raises(UnansweredError, match="not known"):
        _post(f"https://{name}/")


def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing() -> None:
    """What answers at 127.0.0.1 here speaks no TLS at all; a call that was not verified would have reached it."""
    with receiving() as receiver, pytest.raises(UnansweredError):
        _post(f"https://127.0.0.1:{receiver.port}/", Outbound(local=True, total_s=2.0))

    assert receiver.calls == []


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://hooks.example/",
            "ftp://hooks.example/",
            "https://",
            "https:///x",
            "//hooks.example/x",
            "hooks.example",
        ),
        *("https://user:pass@hooks.example/", "https://user@hooks.example/", "https://hooks.example:bad/"),
        *("https://hooks.example/\r\nx: y", "https://hooks.example/ x", "https://höoks.example/", "https://[::1/"),
        "https://hooks.example/" + "x" * 2000,
    ],
)
def test_a_url_that_is_none_to_call_is_no_channels(url: str) -> None:
    assert url_fault(url, KIND, local=False)
    with pytest.raises(RefusedAddressError):
        Outbound().post(url, KIND, registered="hooks.example", body=b"", headers={})


def test_slack_is_slacks_own_host() -> None:
    assert url_fault("https://hooks.slack.com/services/T/B/x", ChannelKind.SLACK, local=False) is None
    assert url_fault("https://hooks.slack.com.evil.example/x", ChannelKind.SLACK, local=False)


def test_no_error_repeats_the_url() -> None:
    receiver = Receiver()
    receiver.port = 1
    for outbound in (Outbound(local=True), Outbound()):
        with pytest.raises((RefusedAddressError, UnansweredError)) as raised:
            _post(receiver.url, outbound)
        assert "secret-path" not in str(raised.value)

"""The composition root: where a function's clients, clock, ids and settings are made, once per process."""

import gc
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config

from handshake import GC_THRESHOLD
from handshake.agents.standing import UNKNOWN_AGENTS, AgentState
from handshake.dynamo.client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Store
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from handshake.trust.grant_signer import GrantSigner, KmsGrantSigner, NoGrantSigner
from handshake.trust.grant_token import Jwk
from handshake.trust.keys import SecretsManagerKeys, TrustKeys
from handshake.trust.signer import Role, issuer_roles

if TYPE_CHECKING:
    from handshake.people.door import Door

_DEFAULT_ESCALATION_TTL_S: Final = 300
_DEFAULT_EXECUTE_WITHIN_S: Final = 300


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Everything a process is given from outside, once. Envelopes are believed from the roles ``issuers``.

    ``pseudonym_key`` keys what logs call principals and tenants; without one they call them nothing.

    ``now_ms`` is epoch ms; ``new_id`` gives a fresh unique id; ``forget`` drops the trust keys that were read and
    closes connections, so that the next call reads and connects anew. ``stack`` is the stack's name, where it is known;
    ``needs_submitter``, ``binds_tenantless``, ``binds_tokens``, ``binds_actions`` and ``needs_sign_in`` are the
    template's SubmissionIdentity=envelope, TenantlessEnvelopes=refused, TrustTokenBinding=required,
    ActionBinding=required and HumanAssurance=oidc.
    ``unknown_agents`` is the state of an agent that has neither a record nor a policy of its own: its UnknownAgents.
    ``environment`` is the template's Environment, ``believes_agents`` its AgentAssertions=believed.
    Arguments are erased after ``arguments_kept_days``, never for 0. ``people`` is the door of those who sign in, of the
    one function that has it.
    """

    store: Store
    tables: Tables
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    trust_keys: TrustKeys
    issuers: frozenset[Role]
    escalation_ttl_ms: int = _DEFAULT_ESCALATION_TTL_S * 1000
    execute_within_ms: int = _DEFAULT_EXECUTE_WITHIN_S * 1000
    grant_signer: GrantSigner = field(default_factory=NoGrantSigner)
    pseudonym_key: bytes = b""
    forget: Callable[[], None] = lambda: None
    stack: str | None = None
    needs_submitter: bool = False
    binds_tenantless: bool = False
    binds_tokens: bool = False
    binds_actions: bool = False
    needs_sign_in: bool = False
    arguments_kept_days: int = 0
    unknown_agents: AgentState = AgentState.ACTIVE
    environment: str = ""
    believes_agents: bool = True
    people: "Door | None" = None

    @property
    def grant_issuer(self) -> str:
        """Name the stack as its grants do."""
        return f"handshake:{self.stack}"

    @contextmanager
    def invocation(
        self, correlation_id: str = "", *, synthetic: bool = False, signer: str = "", gateway_request_id: str = ""
    ) -> Iterator[Context]:
        """Open the context of one call or run, the only way to the store; without a ``correlation_id`` one is made.

        ``signer`` is the ARN of the role that signed the call, ``gateway_request_id`` what API Gateway calls it.
        """
        with self.store.invocation() as dynamo:
            yield Context(
                dynamo,
                self.tables,
                self.now_ms,
                self.new_id,
                correlation_id or self.new_id(),
                synthetic,
                signer,
                gateway_request_id,
                self.environment,
                self.believes_agents,
            )


def build_runtime(environment: Mapping[str, str]) -> Runtime:
    """Make the runtime that ``environment`` describes, with real clients, clock and ids.

    Raises ValueError where an envelope issuer is no role, or a parameter has a value that it cannot have.
    """
    client = aws().create_client("dynamodb", config=store_config(attempts=1))
    keys = _LazyKeys(environment.get("TRUST_SECRET_ARN", ""))
    arns = (environment.get("FIRST_GRANT_KEY"), environment.get("SECOND_GRANT_KEY"))
    signer = _LazySigner([arn for arn in arns if arn])

    def forget() -> None:
        client.close()
        keys.forget()
        signer.forget()

    return Runtime(
        store=Store(client),
        tables=Tables.from_environment(environment),
        now_ms=lambda: time.time_ns() // 1_000_000,
        new_id=lambda: str(uuid.uuid4()),
        trust_keys=keys,
        issuers=issuer_roles(environment.get("ENVELOPE_ISSUERS", "").split(",")),
        escalation_ttl_ms=int(environment.get("ESCALATION_TTL_SECONDS", _DEFAULT_ESCALATION_TTL_S)) * 1000,
        grant_signer=signer,
        execute_within_ms=int(environment.get("EXECUTE_WITHIN_SECONDS", _DEFAULT_EXECUTE_WITHIN_S)) * 1000,
        pseudonym_key=environment.get("PSEUDONYM_KEY", "").encode(),
        forget=forget,
        stack=environment.get("POWERTOOLS_SERVICE_NAME"),  # which every function has, and tests need not
        needs_submitter=_is_strict(environment, "SUBMISSION_IDENTITY", "asserted", "envelope"),
        binds_tenantless=_is_strict(environment, "TENANTLESS_ENVELOPES", "allowed", "refused"),
        binds_tokens=_is_strict(environment, "TRUST_TOKEN_BINDING", "optional", "required"),
        environment=environment.get("ENVIRONMENT", ""),
        believes_agents=not _is_strict(environment, "AGENT_ASSERTIONS", "believed", "ignored"),
        arguments_kept_days=int(environment.get("ARGUMENT_RETENTION_DAYS", 0)),
        needs_sign_in=_is_strict(environment, "HUMAN_ASSURANCE", "issuer_asserted", "oidc"),
        binds_actions=_is_strict(environment, "ACTION_BINDING", "optional", "required"),
        unknown_agents=_unknown_agents(environment.get("UNKNOWN_AGENTS", "allow")),
        people=_door(environment),
    )


def _door(environment: Mapping[str, str]) -> "Door | None":
    if "USER_POOL_ID" not in environment:
        return None
    from handshake.people.door import door_of  # noqa: PLC0415 - other functions neither need nor have what it imports

    return door_of(environment)


def _is_strict(environment: Mapping[str, str], name: str, default: str, strict: str) -> bool:
    """Say which of its two values a parameter has. A third is no default: it may be a misspelt strict one."""
    value = environment.get(name, default)
    if value not in (default, strict):
        raise ValueError(f"{name} is neither {default} nor {strict}")
    return value == strict


def _unknown_agents(value: str) -> AgentState:
    if value not in UNKNOWN_AGENTS:
        raise ValueError(f"UNKNOWN_AGENTS is none of {', '.join(UNKNOWN_AGENTS)}")
    return UNKNOWN_AGENTS[value]


@cache
def aws() -> botocore.session.Session:
    """Give the one session of this process: what it has read of AWS and of a service, it reads once.

    boto3's would bring what nothing here uses (docs/performance.md).
    """
    return botocore.session.get_session()


@cache
def process_runtime() -> Runtime:
    """Give the one runtime of this process, from its environment."""
    return build_runtime(os.environ)


def start(make: Callable[[], object]) -> None:
    """Have ``make``, which remembers, make its clients while Lambda initialises: call it last in a function's module.

    No caller waits then. What is there by now stays, so collecting garbage never looks at it again. Where Lambda
    will take a snapshot (SnapStart), its hooks are registered too; other starts import none of that.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        made = make()
        if isinstance(made, Runtime) and os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            from handshake.api.snapshot import register  # noqa: PLC0415 - other starts need neither it nor its library

            register(forget=made.forget)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)


def client_config(*, connect_s: float, read_s: float, attempts: int, **more: Any) -> Config:
    """Configure a function's client: time-outs in seconds, how often it tries in all, and ``more`` of botocore's own.

    Requests go out unvalidated and under one fixed name, a sixth of a call's CPU less (docs/performance.md): the tests'
    clients validate the same requests, and AWS does again.
    """
    return Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        parameter_validation=False,
        user_agent=f"Botocore/{botocore.__version__} app/handshake",
        **more,
    )


def store_config(*, attempts: int) -> Config:
    """Configure a client that a caller waits for, whose connection stays open between calls."""
    return client_config(connect_s=CONNECT_TIMEOUT_S, read_s=READ_TIMEOUT_S, attempts=attempts, tcp_keepalive=True)


class _LazyKeys:
    """Only one function verifies tokens; the others should not pay for a client they never use."""

    def __init__(self, secret_id: str) -> None:
        self._secret_id = secret_id
        self._client: Any = None
        self._keys: TrustKeys | None = None

    def read(self, *, max_age_s: float) -> list[bytes]:
        if self._keys is None:
            self._client = aws().create_client("secretsmanager", config=store_config(attempts=2))
            self._keys = SecretsManagerKeys(self._client, self._secret_id)
        return self._keys.read(max_age_s=max_age_s)

    def forget(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._keys = None


class _LazySigner:
    """Only one function signs grants; the others should not pay for a client they never use."""

    def __init__(self, arns: Sequence[str]) -> None:
        self._arns = arns
        self._client: Any = None
        self._signer: KmsGrantSigner | None = None

    def sign(self, claims: Mapping[str, Any]) -> str:
        return self._kms().sign(claims)

    def public_keys(self) -> list[Jwk]:
        return self._kms().public_keys()

    def forget(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._signer = None

    def _kms(self) -> KmsGrantSigner:
        if self._signer is None:
            self._client = aws().create_client("kms", config=store_config(attempts=2))
            self._signer = KmsGrantSigner(self._client, self._arns, now_ms=lambda: time.time_ns() // 1_000_000)
        return self._signer

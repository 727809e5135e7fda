"""ops room: the people's page, uploaded to a stack."""

import json
from typing import TYPE_CHECKING, Final

from ops.commands.common import Commands, Stack, answered, fail, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from ops.local.deployment import Deployment
    from ops.local.page import PageFile

room = Commands(no_args_is_help=True, help="The page where people decide.")

KEYS: Final = ".well-known/jwks.json"
"""The public keys of grants, for those who verify grants and have no AWS credentials."""


@room.callback()
def _room() -> None:
    """Keep ``publish`` a command of a group: more may come."""


@room.command()
def publish(stack: Stack = STACK_NAME) -> None:
    """Upload the page to the stack's bucket, with where its people sign in and the public keys of its grants.

    Do so after each deployment of another release, and after each step of a rotation of the grants' keys. Ends with 0,
    with 1 where the stack has no page or AWS refuses, with 69 where the stack cannot be reached.
    """
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        if "PageBucket" not in target.outputs:
            fail("this stack has no page: deploy it with PeopleSignIn=true. Locally `make run` serves the page itself")
        files = published_files(target)
        removed = upload(target, files)
    say(
        f"{len(files)} files are at {target.outputs['PageUrl']}" + (f", {removed} old ones are gone" if removed else "")
    )


def published_files(target: "Deployment") -> "dict[str, PageFile]":
    """Give the files of a stack's page by their names, in the order to upload them: what names others comes last."""
    from ops.commands.approvals import Person, client_of
    from ops.local.page import INDEX, PageFile, SignIn, page_files

    pool = target.outputs["SignInUrl"]
    sign_in: SignIn = {
        "clientId": target.outputs["UserPoolClientId"],
        "authorize": f"{pool}/oauth2/authorize",
        "token": f"{pool}/oauth2/token",
        "logout": f"{pool}/logout",
    }
    files = page_files(sign_in)
    with client_of(target, Person("", "", "", "")) as client:
        files[KEYS] = PageFile(json.dumps(client.get_grant_keys()).encode(), "application/json")
    return {name: files[name] for name in sorted(files, key=lambda name: (name == INDEX, name))}


def upload(target: "Deployment", files: "dict[str, PageFile]") -> int:
    """Put ``files`` into the bucket of a stack's page, take out all else, and say how many that were."""
    from ops.local.page import CACHE_CONTROL

    s3, bucket = target.client("s3"), target.outputs["PageBucket"]
    for name, file in files.items():
        s3.put_object(
            Bucket=bucket, Key=name, Body=file.body, ContentType=file.content_type, CacheControl=CACHE_CONTROL
        )
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    old = [kept["Key"] for page in pages for kept in page.get("Contents", ()) if kept["Key"] not in files]
    for name in old:
        s3.delete_object(Bucket=bucket, Key=name)
    return len(old)

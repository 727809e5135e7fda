"""Tab completion for ``ops``, a shell function that means ``python -m ops`` of this checkout."""

import os
import shlex
import sys
from enum import StrEnum, auto
from typing import Annotated, Final

import typer
from typer._completion_classes import completion_init

from ops.local.settings import ROOT

VARIABLE: Final = "_OPS_COMPLETE"

_RUN: Final = f"env PYTHONPATH={shlex.quote(str(ROOT))} {{asked}} {shlex.quote(sys.executable)} -m ops"
_BASH_ASKS: Final = f'COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD="$COMP_CWORD" {VARIABLE}=complete_bash'
_ZSH_ASKS: Final = f'_TYPER_COMPLETE_ARGS="${{words[1,$CURRENT]}}" {VARIABLE}=complete_zsh'
_BASH: Final = f"""ops() {{ {_RUN.format(asked="")} "$@"; }}
_ops_completion() {{
    local IFS=$'\\n'
    COMPREPLY=($({_RUN.format(asked=_BASH_ASKS)}))
}}
complete -o default -F _ops_completion ops"""
_ZSH: Final = f"""ops() {{ {_RUN.format(asked="")} "$@"; }}
_ops_completion() {{
    eval $({_RUN.format(asked=_ZSH_ASKS)})
}}
compdef _ops_completion ops"""


class Shell(StrEnum):
    """A shell that completes."""

    BASH = auto()
    ZSH = auto()


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell reads it.")]) -> None:
    """Print what makes `ops` a command with tab completion: eval "$(python -m ops completion bash)"."""
    print(_BASH if shell == Shell.BASH else _ZSH)


def run(app: typer.Typer, *, name: str) -> None:
    """Run ``app``, or answer the shell that asks how to complete a command line of it."""
    if VARIABLE in os.environ:
        completion_init()
    app(prog_name=name, complete_var=VARIABLE)

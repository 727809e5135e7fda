"""Where docs/scale.md has the table that `ops cost --markdown` prints; `python -m ops.cost.document` writes it."""

from typing import Final

from ops.commands.cost import SIZES, markdown_table
from ops.cost.model import Load, bill
from ops.local.settings import ROOT

SCALE: Final = ROOT / "docs/scale.md"
BEGIN: Final = "<!-- ops cost --markdown -->"
END: Final = "<!-- end -->"


def main() -> None:
    """Put today's table in place of the one that is there."""
    before, _, rest = SCALE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    table = "\n".join(markdown_table([bill(Load(size)) for size in SIZES]))
    SCALE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

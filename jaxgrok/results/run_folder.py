"""Which folders may be run directories: those that hold nothing else.

>>> refuse_strangers(Path("thesis"))
ValueError: thesis holds other files (one.tex, …) and no manifest.json; ...
"""

from jaxgrok.host.files.paths import AnyPath
from jaxgrok.results.files import cell_table, index, manifest_file


def refuse_strangers(
    path: AnyPath, name: str = "", way_out: str = "choose an empty or new folder"
) -> None:
    """Refuse a folder that has no manifest and holds files of something else.

    Args:
        path: a folder.
        name: what to call it in the message, before its path: "out=".
        way_out: what the message advises.

    Raises:
        ValueError: it names one of the files.
    """
    if manifest_file.exists(path):
        return
    strangers = [p.name for p in path.iterdir() if not _is_ours(p.name)]
    if strangers:
        raise ValueError(
            f"{name}{path} holds other files ({min(strangers)}, …) and no "
            f"manifest.json; {way_out}"
        )


def _is_ours(name: str) -> bool:
    """Tell whether a file may lie in a run directory that has no manifest yet."""
    # The notes of macOS, which it leaves in every folder.
    if name == ".DS_Store" or name.startswith("._"):
        return True
    # A run may be killed while it writes its first manifest under a temporary name.
    # A fleet's coordinator says where it listens before it knows what to train.
    if name in ("coordinator.json", "logs", index.FILE):
        return True
    if name.lstrip(".").startswith(cell_table.PREFIX):
        return True
    return name.startswith(".lock") or (
        name.startswith((".manifest", f".{index.FILE}")) and name.endswith(".tmp")
    )

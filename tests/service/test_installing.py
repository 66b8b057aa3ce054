"""Files put in place all or none, whatever fails."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.service.setup.writing import PRIVATE_FILE, NewFile, put_in_place

SECRET = NewFile("secrets/password", "hunter2\n", PRIVATE_FILE)
CONFIG = NewFile("config.toml", "# mine\n")


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file below a folder, its mode and content."""
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_text())
        for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_they_are_in_place_with_their_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        put_in_place(tmp_path / "etc", [SECRET, CONFIG])
    finally:
        os.umask(before)
    assert tree(tmp_path / "etc") == {"config.toml": (0o644, "# mine\n"), "secrets/password": (0o600, "hunter2\n")}
    assert stat.S_IMODE((tmp_path / "etc" / "secrets").stat().st_mode) == 0o700
    assert not list((tmp_path / "etc").glob(".*"))


def test_a_folder_of_secrets_that_was_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o755)
    put_in_place(tmp_path, [SECRET])
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def refuse(_: Path) -> None:
    raise PermanentFailure("no good")


def interrupt(_: Path) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("check, raised", [(refuse, PermanentFailure), (interrupt, KeyboardInterrupt)])
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, check: Callable[[Path], None], raised: type[BaseException]
) -> None:
    with pytest.raises(raised):
        put_in_place(tmp_path / "a" / "b", [SECRET, CONFIG], check=check)
    assert list(tmp_path.iterdir()) == []


def test_the_check_sees_all_of_it(tmp_path: Path) -> None:
    seen: list[dict[str, tuple[int, str]]] = []
    put_in_place(tmp_path / "etc", [SECRET, CONFIG], check=lambda stage: seen.append(tree(stage)))
    assert seen == [tree(tmp_path / "etc")]


@pytest.mark.parametrize("name", ["config.toml", "secrets/password"])
def test_what_is_there_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("older\n")
    before = tree(tmp_path)
    with pytest.raises(PermanentFailure, match=f"{name} already exists; use --overwrite"):
        put_in_place(tmp_path, [SECRET, CONFIG])
    assert tree(tmp_path) == before


def test_a_link_that_leads_nowhere_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "config.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermanentFailure, match="already exists"):
        put_in_place(tmp_path, [CONFIG])
    put_in_place(tmp_path, [CONFIG], overwrite=True)
    assert not (tmp_path / "elsewhere").exists()


def test_an_older_one_goes_when_it_may(tmp_path: Path) -> None:
    put_in_place(tmp_path, [SECRET, CONFIG])
    put_in_place(tmp_path, [NewFile("config.toml", "# newer\n")], overwrite=True)
    assert (tmp_path / "config.toml").read_text() == "# newer\n"
    assert not list(tmp_path.glob(".*"))


def test_what_was_there_comes_back_when_one_cannot_be_moved(tmp_path: Path) -> None:
    put_in_place(tmp_path, [SECRET])
    (tmp_path / "config.toml").mkdir()
    (tmp_path / "config.toml" / "mine").write_text("kept\n")
    before = tree(tmp_path)
    broken = NewFile("file/config.toml", "# never\n")
    (tmp_path / "file").write_text("in the way\n")
    with pytest.raises(PermanentFailure):
        put_in_place(tmp_path, [NewFile("secrets/password", "newer\n", PRIVATE_FILE), broken], overwrite=True)
    assert tree(tmp_path) == {**before, "file": (0o644, "in the way\n")}


def test_where_nobody_may_write_there_is_a_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentFailure, match="name another place with -c"):
        put_in_place(tmp_path / "file" / "etc", [CONFIG])

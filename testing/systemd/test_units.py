"""The units of infra/systemd as systemd itself reads them."""
import os
import pathlib
import shutil
import subprocess

import pytest

UNITS = pathlib.Path(__file__).resolve().parent.parent.parent / "infra" / "systemd"
BUILD = pathlib.Path(os.environ.get("ENOKI_BUILD", "build")).resolve()
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


@pytest.fixture
def folder(tmp_path):
    """The units, with the program of this build."""
    for unit in UNITS.iterdir():
        if unit.suffix in (".service", ".socket"):
            text = unit.read_text().replace("/usr/bin/enoki-run", str(BUILD / "cmd" / "enoki-run"))
            (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(*arguments):
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}, check=False)


@needs_systemd
@pytest.mark.parametrize("unit", ["enoki.service", "enoki.socket", "enoki-management.socket"])
def test_systemd_finds_no_fault(folder, unit):
    done = analyze("verify", "--man=no", "--recursive-errors=no", str(folder / unit))
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "enoki" in line]
    assert complaints == []


@needs_systemd
@pytest.mark.parametrize("drop_in, most", [(None, 35), ("one-user.conf", 20)])
def test_little_is_exposed(folder, drop_in, most):
    """systemd's own score: 0 is a service that can do nothing, 100 one that can do everything."""
    unit = folder / "enoki.service"
    if drop_in:
        unit.write_text(unit.read_text() + (UNITS / drop_in).read_text())
    done = analyze("security", "--offline=true", f"--threshold={most}", "--no-pager", str(unit))
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot score files")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_to_begin_with_is_one():
    done = subprocess.run([BUILD / "cmd" / "enoki-run", "--check", "-c", UNITS / "node.conf"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

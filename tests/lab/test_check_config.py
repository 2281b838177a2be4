# SPDX-License-Identifier: GPL-2.0-or-later
"""smtpguardd -n: every broken configuration is explained completely, good ones are accepted."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("SMTPGUARD_BUILD", ROOT / "build")).resolve()
DAEMON = BUILD / "src" / "smtpguardd"
BROKEN = sorted((HERE / "broken").glob("*.conf"))
SAMPLE = ROOT / "packaging" / "smtpguard.conf"


def check(path, *flags):
    if not DAEMON.exists():
        pytest.skip(f"{DAEMON} is not built")
    return subprocess.run([DAEMON, *flags, "-c", path], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20, check=False)


def test_there_are_twenty_or_more():
    assert len(BROKEN) >= 20


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_configuration(path):
    expected = path.with_suffix(".expected").read_text().splitlines()
    done = check(path, "-n")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"{path.parent}/{line}" for line in expected]
    assert "configuration ok" not in done.stdout


@pytest.mark.parametrize("path", BROKEN[:1], ids=lambda path: path.stem)
def test_broken_configuration_starts_nothing(path):
    done = check(path)
    assert done.returncode == 2
    assert str(path) in done.stderr


def test_missing_file(tmp_path):
    done = check(tmp_path / "absent.conf", "-n")
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}/absent.conf: cannot be read: No such file or directory\n"


def test_long_flags(tmp_path):
    if not DAEMON.exists():
        pytest.skip(f"{DAEMON} is not built")
    path = tmp_path / "observe.conf"
    path.write_text('mode = "observe";\n')
    done = subprocess.run([DAEMON, "--check", f"--config={path}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_sample_is_good():
    done = check(SAMPLE, "-n")
    assert done.returncode == 0, done.stderr
    assert f"{SAMPLE}: configuration ok" in done.stdout + done.stderr


def test_every_key_of_enforcement(tmp_path):
    path = tmp_path / "smtpguard.conf"
    path.write_text("""
services: { smtp: { ports = [ 25, 2525 ]; concurrent = 5; ceiling = 5; };
            submission: { ports = [ 587 ]; concurrent = "off"; ceiling = 50; }; };
bans: { duration = "1m"; growth = 1.5; max_duration = "1h"; forget_after = "1d"; action = "reject";
        scope = "host"; close_connections = false; max_bans = 64; max_per_minute = 10; };
trust: { allow_files = [ ]; verified_for = "10m"; };
ledger: { path = "%s/ledger.db"; keep = "7d"; };
""" % tmp_path)
    done = check(path, "-n")
    assert done.returncode == 0, done.stderr
    assert "2 services, ports 25 587 2525" in done.stdout
    # checking writes nothing
    assert [entry.name for entry in tmp_path.iterdir()] == ["smtpguard.conf"]


def test_allow_file_with_problems(tmp_path):
    (tmp_path / "a.list").write_text("192.0.2.0/24\n10.0.0.1/8\n")
    path = tmp_path / "smtpguard.conf"
    path.write_text(f'trust: {{ allow_files = [ "{tmp_path}/*.list" ]; }};\n')
    done = check(path, "-n")
    assert done.returncode == 2
    assert done.stderr == (f"{tmp_path}/a.list:2: 10.0.0.1/8: bits behind the prefix length are "
                           "set, allowed: 10.0.0.0/8\n")
    (tmp_path / "a.list").write_text("192.0.2.0/24\n10.0.0.0/8\n")
    done = check(path, "-n")
    assert done.returncode == 0, done.stderr
    assert "2 allow entries" in done.stdout + done.stderr

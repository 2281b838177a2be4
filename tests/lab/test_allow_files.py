# SPDX-License-Identifier: GPL-2.0-or-later
"""Allow files and cPanel's lists are followed: what is written there counts without a reload."""
import os
import time

import pytest

import lab

SMTP_ONLY = {"services": {"smtp": {"new": "off"}}}
PATIENCE = 5


def write(path, text):
    with open(path, "w") as out:
        out.write(text)


def replace(path, text):
    """As editors and package managers do it."""
    write(path + ".new", text)
    os.rename(path + ".new", path)


def allow_file(daemon, name="test.list"):
    return os.path.join(daemon.directory, "allow.d", name)


def allowed(host):
    return set(host.elements("allowed4"))


def becomes(host, *entries):
    assert lab.eventually(lambda: allowed(host) == set(entries), PATIENCE), allowed(host)


def loads(daemon):
    return daemon.status()["reconcile"]["tables_loaded"]


def settle(daemon):
    """Past the look that the daemon takes a second after its start."""
    time.sleep(1.5 * lab.SLOWNESS)
    return loads(daemon)


@pytest.mark.parametrize("how", [write, replace])
def test_who_is_written_down_is_let_in(sink, guard, load, events, how):
    daemon = guard(**SMTP_ONLY)
    seen = events(daemon)
    source, other = sink.sources(), sink.sources()
    load.open(other, 7)
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))
    before = settle(daemon)
    how(allow_file(daemon), f"{source}\n")
    becomes(sink, source)
    assert lab.eventually(lambda: not sink.elements("banned4") and not daemon.bans())
    assert seen.wait("unban", source)["because"] == "allow list"
    load.open(source, 15)
    assert daemon.source(other)["concurrent"] == 7
    # the list only, not the whole table
    assert loads(daemon) == before

    how(allow_file(daemon), "# nobody\n")
    becomes(sink)
    # at once, without another connection
    assert lab.eventually(lambda: sink.banned(source))["comment"].startswith("smtp 15>10")
    assert not daemon.bans().get(other) and loads(daemon) == before


def test_files_come_and_go(sink, guard):
    daemon = guard()
    settle(daemon)
    write(allow_file(daemon, "a.list"), "10.77.81.1\n")
    write(allow_file(daemon, "b.list"), "10.77.82.0/24\n")
    write(allow_file(daemon, "c.txt"), "10.77.83.1\n")
    becomes(sink, "10.77.81.1", "10.77.82.0/24")
    os.rename(allow_file(daemon, "a.list"), allow_file(daemon, "a.off"))
    becomes(sink, "10.77.82.0/24")
    os.unlink(allow_file(daemon, "b.list"))
    becomes(sink)


def test_directory_comes_goes_and_is_replaced(sink, guard, tmp_path):
    lists = str(tmp_path / "conf" / "lists")
    daemon = guard(trust={"allow_files": [lists + "/*.list"]})
    settle(daemon)
    os.makedirs(lists)
    write(lists + "/a.list", "10.77.81.1\n")
    becomes(sink, "10.77.81.1")
    other = str(tmp_path / "other")
    os.makedirs(other)
    write(other + "/a.list", "10.77.82.1\n")
    os.rename(lists, lists + ".old")
    os.rename(other, lists)
    becomes(sink, "10.77.82.1")
    write(lists + "/b.list", "10.77.83.1\n")
    becomes(sink, "10.77.82.1", "10.77.83.1")
    os.rename(str(tmp_path / "conf"), str(tmp_path / "gone"))
    becomes(sink)


def test_bad_line_changes_nothing(sink, guard):
    daemon = guard(allow="10.77.81.1\n")
    settle(daemon)
    assert allowed(sink) == {"10.77.81.1"}
    write(allow_file(daemon), "10.77.82.1\nmail.example.net\n10.0.0.0/4\n")
    assert lab.eventually(lambda: "allow files were not taken over" in daemon.log(), PATIENCE)
    log = daemon.log()
    assert "test.list:2: mail.example.net: not an address or prefix" in log
    assert "test.list:3: 10.0.0.0/4: prefix too short" in log
    assert allowed(sink) == {"10.77.81.1"}
    problem, = daemon.problems("are not taken over")
    assert "test.list:2: mail.example.net" in problem
    assert daemon.status()["ok"]
    write(allow_file(daemon), "10.77.82.1\n")
    becomes(sink, "10.77.82.1")


def test_the_rest_of_the_file_is_not_read(sink, guard, load):
    daemon = guard(**SMTP_ONLY)
    settle(daemon)
    daemon.configure(services={"smtp": {"concurrent": 50}}, mode="bold")
    write(allow_file(daemon), "10.77.81.1\n")
    becomes(sink, "10.77.81.1")
    source = sink.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))


def test_order_of_mode_stays(sink, guard):
    daemon = guard()
    assert daemon.ask("mode observe")["ok"]
    write(allow_file(daemon), "10.77.81.1\n")
    assert lab.eventually(lambda: "allow files changed: 1 entries" in daemon.log(), PATIENCE)
    assert daemon.status()["mode"] == "observe"
    assert daemon.ask("mode enforce")["ok"]
    assert allowed(sink) == {"10.77.81.1"}


def test_reload_follows_other_files(sink, guard, tmp_path):
    daemon = guard(allow="10.77.81.1\n")
    settle(daemon)
    daemon.reload(trust={"allow_files": [str(tmp_path / "*.list")]})
    assert allowed(sink) == set()
    time.sleep(1.5 * lab.SLOWNESS)
    write(allow_file(daemon), "10.77.82.1\n")
    write(str(tmp_path / "a.list"), "10.77.83.1\n")
    becomes(sink, "10.77.83.1")


def test_many_changes_are_few_readings(sink, guard):
    daemon = guard()
    settle(daemon)
    for i in range(200):
        write(allow_file(daemon, f"{i}.list"), f"10.77.84.{i}\n")
    assert lab.eventually(lambda: "allow files changed: 200 entries" in daemon.log(), PATIENCE)
    assert daemon.log().count("allow files changed") <= 4
    becomes(sink, "10.77.84.0-10.77.84.199")


# --- cPanel's lists ---

def test_cpanel_list_is_read_with_less_care(sink, guard, load, tmp_path):
    hosts = str(tmp_path / "trustedmailhosts")
    source = sink.sources()
    write(hosts, f"# from WHM\nmail.example.net\n{source} office\n10.77.85.9/24\n0.0.0.0/0\n")
    daemon = guard(allow="10.77.81.1\n", trust={"cpanel_lists": [hosts]}, **SMTP_ONLY)
    assert allowed(sink) == {source, "10.77.85.0/24", "10.77.81.1"}
    assert "2 lines hold no address" in daemon.log()
    load.open(source, 20)
    assert not daemon.bans()
    settle(daemon)
    replace(hosts, "10.77.86.1\n")
    becomes(sink, "10.77.81.1", "10.77.86.1")
    assert lab.eventually(lambda: sink.banned(source))


def test_missing_cpanel_list_is_a_warning(sink, guard, tmp_path):
    hosts = str(tmp_path / "none" / "trustedmailhosts")
    daemon = guard(trust={"cpanel_lists": [hosts]})
    assert f'"{hosts}" cannot be read: No such file' in daemon.log()
    assert not daemon.problems("cpanel_lists")
    settle(daemon)
    os.mkdir(os.path.dirname(hosts))
    write(hosts, "10.77.87.1\n")
    becomes(sink, "10.77.87.1")
    # the daemon has no power over files but its user's
    os.chmod(hosts, 0)
    becomes(sink)
    assert lab.eventually(lambda: "cannot be read: Permission denied" in daemon.log())
    assert daemon.problems("trust.cpanel_lists: 1 cannot be read")
    assert daemon.ask("reload")["ok"]
    os.chmod(hosts, 0o640)
    becomes(sink, "10.77.87.1")


def test_check_config_tells_the_warning(tmp_path):
    config = tmp_path / "smtpguard.conf"
    config.write_text(f'trust: {{ allow_files = [ ]; cpanel_lists = [ "{tmp_path}/none" ]; }};\n')
    done = lab.subprocess.run([lab.program("src/smtpguardd"), "-n", "-c", str(config)],
                              stdout=lab.subprocess.PIPE, stderr=lab.subprocess.PIPE,
                              universal_newlines=True, timeout=20)
    assert done.returncode == 0 and "configuration ok" in done.stdout
    assert done.stderr == (f'trust.cpanel_lists: "{tmp_path}/none" cannot be read: '
                           "No such file or directory\n")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Each check finds a violation planted for it, and is content with the same tree without it."""
import os
import shutil
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SPDX = "SPDX-License-Identifier: GPL-2.0-or-later\n"
C = "// " + SPDX
H = "/* " + SPDX[:-1] + " */\n"
PAGE = '.\\" ' + SPDX + """.Dd $Mdocdate: November 22 2026 $
.Dt {title}
.Os
.Sh NAME
.Nm {name}
.Nd a page
.Sh DESCRIPTION
.Bl -tag -width Ds
{items}
.El
"""
KEYS = "{ CUSTOM_KEY(\"mode\", read), INTEGER_KEY(\"max_bans\", x, 1, 2), CUSTOM_KEY(\"bans\", y) };\n"

# A small tree that all checks accept.
CLEAN = {
    "meson.build": "# " + SPDX,
    "meson_options.txt": "# " + SPDX,
    "README.md": "x\n", "LICENSE": "x\n", "CHANGELOG.md": "x\n", "CONTRIBUTING.md": "x\n",
    "nft/README.md": "x\n", "tests/README.md": "x\n", ".ci/README.md": "x\n",
    "include/smtpguard/base/parse.h": H,
    "include/smtpguard/track/ct_event.h": H + '#include "smtpguard/base/parse.h"\n',
    "include/smtpguard/policy/guard.h": H + '#include "smtpguard/track/ct_event.h"\n',
    "include/smtpguard/wire/ct_message.h": H + '#include "smtpguard/track/ct_event.h"\n',
    "include/smtpguard/daemon/config.h": H,
    "src/base/parse.c": C + '#include "smtpguard/base/parse.h"\n#include <stdlib.h>\n',
    "src/policy/guard_priv.h": H,
    "src/policy/guard.c": C + '#include "guard_priv.h"\n/* system("x") in a comment */\n',
    "src/wire/ct_message.c": C + "#include <libmnl/libmnl.h>\n",
    "src/ledger/ledger.c": C + "#include <pthread.h>\n#include <sqlite3.h>\n",
    "src/daemon/config.c": C + '#include <libconfig.h>\nconst char *s = "strcpy(a, b)";\n' + KEYS,
    "src/daemon/main.c": C + 'struct option o[] = { { "check", no_argument, 0, 0 } };\n',
    "src/cli/main.c": C + 'struct option o[] = { { "json", no_argument, 0, 0 } };\n'
                          'struct verb v = { .name = "status",\n'
                          '\t.options = { { "limit", "N", "lines" } } };\n',
    "docs/man/smtpguardd.8": PAGE.format(title="SMTPGUARDD 8", name="smtpguardd", items=".It Fl -check\nx"),
    "docs/man/smtpguard.8": PAGE.format(title="SMTPGUARD 8", name="smtpguard",
                                        items=".It Fl -json\nx\n.It Cm status Fl -limit Ar N\nx"),
    "docs/man/smtpguard.conf.5": PAGE.format(title="SMTPGUARD.CONF 5", name="smtpguard.conf",
                                             items=".It Ic mode\nx\n.It Ic bans\nx\n.It Ic max_bans\nx"),
    "packaging/smtpguard.conf": "# " + SPDX + '# Prose: about the mode.\nmode = "observe"; # max_x = 1\n'
                                "bans: { max_bans = 16; };\n",
}

VIOLATIONS = [
    # check, file, its text (None: removed), what the check says
    ("check_includes", "src/base/parse.c", C + '#include "smtpguard/track/ct_event.h"\n',
     "src/base/parse.c:2: room base must not include smtpguard/track/ct_event.h"),
    ("check_includes", "include/smtpguard/track/ct_event.h", H + '#include "smtpguard/policy/guard.h"\n',
     "include/smtpguard/track/ct_event.h:2: room track must not include"),
    ("check_includes", "src/wire/ct_message.c", C + '#include "smtpguard/policy/guard.h"\n',
     "src/wire/ct_message.c:2: room wire must not include"),
    ("check_includes", "src/cli/main.c", C + '\n#include "smtpguard/policy/guard.h"\n',
     "src/cli/main.c:3: room cli must not include"),
    ("check_includes", "src/daemon/config.c", C + '#include "policy/guard_priv.h"\n',
     "src/daemon/config.c:2: policy/guard_priv.h is private to room policy"),
    ("check_includes", "src/policy/other.h", H, "src/policy/other.h:1: a header in src/"),
    ("check_includes", "src/policy/guard.c", C + "#include <jansson.h>\n", "src/policy/guard.c:2: <jansson.h>"),
    ("check_includes", "src/track/x.c", C + "#include <systemd/sd-event.h>\n", "src/track/x.c:2: <systemd/"),
    ("check_includes", "src/base/parse.c", C + "#include <sqlite3.h>\n", "src/base/parse.c:2: <sqlite3.h>"),
    ("check_includes", "src/daemon/main.c", C + "#include <pthread.h>\n", "<pthread.h> belongs to ledger"),
    ("check_includes", "src/ledger/ledger.c", C + '#include "smtpguard/policy/guard.h"\n',
     "src/ledger/ledger.c:2: room ledger must not include"),
    ("check_includes", "src/parse.c", C, "src/parse.c:1: not in a room"),
    ("check_includes", "src/base/parse.c", C + '#include "smtpguard/base/gone.h"\n', "no such header"),
    ("check_calls", "src/base/parse.c", C + "void f(void)\n{\n\tstrcpy(a, b);\n}\n", "parse.c:4: strcpy()"),
    ("check_calls", "src/base/parse.c", C + "int x = /* y */ atoi (s);\n", "src/base/parse.c:2: atoi()"),
    ("check_calls", "src/daemon/main.c", C + "int x = execve(p, a, e);\n", "src/daemon/main.c:2: execve()"),
    ("check_calls", "src/daemon/main.c", C + "int x = posix_spawn(&p);\n", "main.c:2: posix_spawn()"),
    ("check_calls", "src/daemon/main.c", C + "int x = sd_event_add_time_relative(e);\n", "systemd 239"),
    ("check_files", "NEWS.md", "x\n", "NEWS.md:1: does not belong at the top level"),
    ("check_files", "CHANGELOG.md", None, "CHANGELOG.md:1: missing at the top level"),
    ("check_files", "src/base/parse.c", "int x;\n", "src/base/parse.c:1: does not begin with: // SPDX"),
    ("check_files", "include/smtpguard/base/parse.h", C, "parse.h:1: does not begin with: /* SPDX"),
    ("check_files", "tests/tool", "#!/bin/sh\necho\n", "tests/tool:1: does not begin with: # SPDX"),
    ("check_files", "src/base/parse.c", C + "\n" * 600, "src/base/parse.c:601: more than 600 lines"),
    ("check_files", "src/base/parse.c", C + "int x;" + " " * 3 + "\n", "parse.c:2: blanks at the end"),
    ("check_files", "src/base/parse.c", C + "//" + "x" * 120 + "\n", "parse.c:2: more than 120 columns"),
    ("check_files", "README.md", "see /" + "home/someone/x\n", "README.md:1: path of a private machine"),
    ("check_files", "README.md", "a\nTO" + "DO: b\n", "README.md:2: mark of unfinished work"),
    ("check_scripts", "tests/x.py", "# " + SPDX + "def f(:\n", "tests/x.py:2: not Python"),
    ("check_scripts", "tests/x.sh", "#!/bin/sh\n# " + SPDX + "cd $1\n", "tests/x.sh:3:"),
    ("check_scripts", "tests/x", "#!/bin/sh\n", "tests/x:1: a program has"),
    ("check_man", "docs/man/smtpguardd.8", CLEAN["docs/man/smtpguardd.8"].replace("check", "chekc"),
     "src/daemon/main.c:2: --check is not in"),
    ("check_man", "docs/man/smtpguardd.8", CLEAN["docs/man/smtpguardd.8"].replace("check", "chekc"),
     "docs/man/smtpguardd.8:10: --chekc is unknown to src/daemon"),
    ("check_man", "docs/man/smtpguard.8", CLEAN["docs/man/smtpguard.8"].replace("limit", "limits"),
     "src/cli/main.c:4: --limit is not in"),
    ("check_man", "docs/man/smtpguard.8", CLEAN["docs/man/smtpguard.8"].replace("status", "statsu"),
     "src/cli/main.c:3: verb status is not in"),
    ("check_man", "docs/man/smtpguard.8", CLEAN["docs/man/smtpguard.8"].replace(".El\n", ".Ql\n"),
     "docs/man/smtpguard.8:"),
    ("check_man", "packaging/smtpguard.conf", '# x\nmode = "observe";\nbans: { max_ban = 16; };\n',
     "packaging/smtpguard.conf:3: key max_ban is unknown"),
    ("check_man", "packaging/smtpguard.conf", '# x\nmode = "observe";\n', "key max_bans is not in packaging"),
    ("check_man", "docs/man/smtpguard.conf.5", CLEAN["docs/man/smtpguard.conf.5"].replace("max_bans", "max_b"),
     "key max_bans is not in docs/man/smtpguard.conf.5"),
]


def plant(root, files):
    for path, text in files.items():
        place = os.path.join(str(root), path)
        if text is None:
            os.unlink(place)
            continue
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as out:
            out.write(text)
        # tests/x stands for a program whose run bit was forgotten
        if path.endswith(".sh"):
            os.chmod(place, 0o755)


def run(check, root):
    result = subprocess.run([os.path.join(HERE, check), str(root)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, universal_newlines=True)
    if result.returncode == 77:
        pytest.skip(result.stdout)
    return result


def all_checks():
    return sorted(name for name in os.listdir(HERE) if name.startswith("check_"))


@pytest.mark.parametrize("check", all_checks())
def test_clean_tree_passes(check, tmp_path):
    plant(tmp_path, CLEAN)
    result = run(check, tmp_path)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("check,path,text,says", VIOLATIONS)
def test_violation_is_found(check, path, text, says, tmp_path):
    plant(tmp_path, CLEAN)
    plant(tmp_path, {path: text})
    result = run(check, tmp_path)
    assert result.returncode == 1, result.stdout
    assert says in result.stdout


def test_every_check_is_tested():
    assert {violation[0] for violation in VIOLATIONS} == set(all_checks())


@pytest.mark.skipif(not shutil.which("clang-tidy"), reason="clang-tidy is not installed")
def test_tidy_finds_a_defect(tmp_path):
    defect = tmp_path / "defect.c"
    defect.write_text(C + "#include <string.h>\nvoid f(char *p);\nvoid f(char *p)\n"
                          "{\n\tmemset(p, sizeof(p), 0);\n}\n")
    result = subprocess.run(["clang-tidy", "--quiet", "--config-file=.clang-tidy", str(defect), "--",
                             "-std=gnu11"], cwd=os.path.dirname(os.path.dirname(HERE)),
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    assert result.returncode == 1, result.stdout
    assert "bugprone-suspicious-memset-usage" in result.stdout


def test_counting_never_hides_a_failure(tmp_path):
    """What tests/run sums up: a missing or empty result is a failure, not nothing."""
    junit, log, empty = (str(tmp_path / name) for name in ("a.xml", "testlog.json", "empty.json"))
    with open(junit, "w") as out:
        out.write('<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>'
                  '<testcase name="c"><skipped/></testcase></testsuite></testsuites>')
    with open(log, "w") as out:
        out.write('{"result": "OK"}\n{"result": "TIMEOUT"}\n{"result": "SKIP"}\n')
    open(empty, "w").close()
    program = os.path.join(os.path.dirname(HERE), "count_results.py")

    def count(*paths):
        return subprocess.run([program] + list(paths), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              universal_newlines=True).stdout

    assert count(junit, log) == "2 2 2\n"
    assert count(empty) == "0 1 0\n"
    assert count(str(tmp_path / "gone.xml")) == "0 1 0\n"

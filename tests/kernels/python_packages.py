# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints what of the distribution's Python packages a run of pytest imports: folders and files, one
per line, relative to the root."""
import os
import sys
import sysconfig

import _pytest.config
import pytest

LAZY = "_pytest.assertion.rewrite", "_pytest.junitxml", "_pytest.python_api", "_pytest.skipping"


def main():
    # loads pytest's own plugins; none of others
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    _pytest.config.get_config()
    for name in LAZY:
        __import__(name)
    standard = sysconfig.get_path("stdlib") + os.sep
    packages = os.path.dirname(os.path.dirname(pytest.__file__))
    found = set()
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(packages + os.sep) and not path.startswith(standard):
            found.add(os.path.join(packages, os.path.relpath(path, packages).split(os.sep)[0]))
    for path in sorted(found):
        print(path.lstrip(os.sep))


main()

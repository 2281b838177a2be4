# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks share. A check is a program: `check_x [ROOT]` prints FILE:LINE: TEXT for each
violation under ROOT (default: this tree) and ends with 1 if there was any; 77 means it cannot run here.
Made for Python 3.6.
"""
import os
import re
import sys

SKIPPED_FOLDERS = re.compile(r"^(\.git|build.*|__pycache__|\.pytest_cache|\.cache)$")


class Tree:
    def __init__(self):
        here = os.path.dirname(os.path.abspath(__file__))
        self.root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here))
        self.violations = 0

    def files(self, folder="."):
        """Paths relative to the root, sorted; build folders left out."""
        found = []
        for place, folders, names in os.walk(os.path.join(self.root, folder)):
            folders[:] = [name for name in folders if not SKIPPED_FOLDERS.match(name)]
            for name in names:
                found.append(os.path.relpath(os.path.join(place, name), self.root))
        return sorted(found)

    def sources(self):
        """C files and headers of the product."""
        return [f for f in self.files("src") + self.files("include") if f.endswith((".c", ".h"))]

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def say(self, path, line, text):
        self.violations += 1
        print("{}:{}: {}".format(path, line, text))

    def finish(self):
        sys.exit(1 if self.violations else 0)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


# One alternative per token, so that a quote in a comment or a comment in a string is not mistaken.
_C_TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def without_comments_and_texts(code):
    """The code with comments and literals blanked out, line numbers kept."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    return _C_TOKEN.sub(blank, code)


def without_comments(code):
    def blank(match):
        token = match.group()
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token

    return _C_TOKEN.sub(blank, code)

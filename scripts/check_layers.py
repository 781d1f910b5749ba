#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_layers.py - includes that go upward or round in a circle; see layers.txt.

Prints one line for each fault, and exits with 1 if there is any.
"""
import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)


def read_layers(path):
    """{folder: (group, rank)}"""
    ranks, group = {}, 0
    with open(path, encoding="utf-8") as lines:
        for rank, line in enumerate(lines):
            line = line.strip()
            if line.startswith("#"):
                continue
            if line:
                ranks[line] = (group, rank)
            else:
                group += 1
    return ranks


def sources():
    """{file: the files that it includes by their path from the root}"""
    names = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h"], text=True)
    found = {}
    for name in names.split():
        if os.path.exists(name):
            with open(name, encoding="utf-8") as file:
                found[name] = INCLUDE.findall(file.read())
    return found


def upward(includes, ranks):
    """Includes of a folder above, and folders below a listed one that are not listed."""
    tops = {folder.split("/")[0] for folder in ranks}
    for name, targets in includes.items():
        group, rank = ranks.get(os.path.dirname(name), (None, 0))
        for target in targets if group is not None else ():
            folder = os.path.dirname(target)
            other, below = ranks.get(folder, (None, 0))
            if other == group and below < rank:
                yield f"{name}: includes {target}: {folder} stands above in scripts/layers.txt"
            elif other is None and folder.split("/")[0] in tops:
                yield f"{name}: includes {target}: {folder} is not in scripts/layers.txt"


def unlisted(includes, ranks):
    tops = {folder.split("/")[0] for folder in ranks}
    folders = {os.path.dirname(name) for name in includes}
    for folder in sorted(folders - set(ranks)):
        if folder.split("/")[0] in tops:
            yield f"{folder}: not in scripts/layers.txt: add a line where it belongs"
    for folder in sorted(set(ranks) - folders):
        yield f"scripts/layers.txt: {folder}: no such folder with sources"


def modules(includes, ranks):
    """{module: the modules that it includes}, in the listed folders"""
    found = {}
    for name, targets in includes.items():
        if os.path.dirname(name) in ranks:
            module = os.path.splitext(name)[0]
            found.setdefault(module, set()).update(os.path.splitext(t)[0] for t in targets)
            found[module].discard(module)
    return found


def circles(graph):
    """Modules that include each other, each circle once."""
    done, path = set(), []

    def walk(name):
        if name in path:
            yield " -> ".join(path[path.index(name):] + [name]) + ": includes in a circle"
        elif name in graph and name not in done:
            path.append(name)
            for target in sorted(graph[name]):
                yield from walk(target)
            path.pop()
            done.add(name)

    for name in sorted(graph):
        yield from walk(name)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "scripts/layers.txt"
    ranks = read_layers(path)
    includes = sources()
    faults = [*upward(includes, ranks), *unlisted(includes, ranks),
              *circles(modules(includes, ranks))]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

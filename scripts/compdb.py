#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compdb.py - compile_commands.json for clangd and clang-tidy, from what make would run.

    make compdb
"""
import json
import os
import re
import subprocess

output = subprocess.run(["make", "-nB", "V=1", "all", "unit"], check=True, text=True, capture_output=True).stdout
entries = {}
for line in output.splitlines():
    found = re.search(r"&& ((?:ccache )?\S*(?:gcc|cc|clang)\S* .*-c (\S+\.c) -o \S+)", line)
    if found:
        entries[found.group(2)] = {"directory": os.getcwd(), "command": found.group(1), "file": found.group(2)}
with open("compile_commands.json", "w", encoding="utf-8") as out:
    json.dump(list(entries.values()), out, indent=1)
print(f"compile_commands.json: {len(entries)} files")

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lost_each.py OTRACE RECORDING STEP - replays a recording without its first record of data, without
the one that is STEP behind it, and so on. A span of such a replay has to be one of the whole recording,
with the same error and end, or has to say that it was cut. Prints how many replays there were."""
import os
import subprocess
import sys

otrace, recording, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.argv = sys.argv[:1]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spans  # noqa: E402

LOSE = os.path.join(os.path.dirname(__file__), "../golden/lose.py")


def clients(path):
    out = path + ".spans"
    subprocess.run([otrace, "replay", "--export", "file:" + out, path], check=True, stdout=subprocess.DEVNULL)
    found = [s for s in spans.read(out) if s.kind == "client"] if os.path.exists(out) else []
    os.path.exists(out) and os.remove(out)
    return found


def result(span):
    return span.error, span.attr.get("error.type"), span.end


def without(number):
    data = subprocess.run([sys.executable, LOSE, recording, str(number)], check=True, capture_output=True).stdout
    with open(recording, "rb") as whole:
        if data == whole.read():
            return None
    with open(recording + ".lost", "wb") as file:
        file.write(data)
    return clients(recording + ".lost")


truth = {(s.name, s.start): s for s in clients(recording)}
number, seen = 1, 0
while (found := without(number)) is not None:
    for s in found:
        whole = truth.get((s.name, s.start))
        if not whole or ("otrace.cut" not in s.attr and result(s) != result(whole)):
            sys.exit(f"without record {number}: {s}\nwhole: {whole}")
    seen += len(found)
    number += step
assert seen, "no spans"
print(number // step, "replays")

#!/usr/bin/env python3
"""judge.py TRACES.jsonl ENTRY [..] - are the parents right?

Every request and statement of the test programs carries the id of the request it was
made for, so the truth is in the spans themselves: a parent with another id is wrong, a
span that should have a parent and has none is an orphan. SERVER spans of the ENTRY
services are roots. With `--from N` requests before the Nth of the entry do not count
(probation). Prints one line, and the first wrong ones; exits 1 where a parent is wrong
or fewer than --least % are right. `own:` in a name marks what is nobody's child.
"""
import argparse
import collections
import json
import re

ID = re.compile(r"\bid[=_](\d+)")


def spans(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            for resource in json.loads(line)["resourceSpans"]:
                service = next(a["value"]["stringValue"]
                               for a in resource["resource"]["attributes"]
                               if a["key"] == "service.name")
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        yield service, span


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}


class Span:
    def __init__(self, service, raw):
        at = attributes(raw)
        text = " ".join(str(at.get(k, "")) for k in
                        ("url.full", "url.query", "url.path", "db.query.text"))
        found = ID.search(text)
        self.service, self.kind, self.name = service, raw["kind"], raw["name"]
        self.id = found and found.group(1)
        self.own = "own" in text
        self.span, self.parent = raw["spanId"], raw.get("parentSpanId", "")
        self.trace, self.start = raw["traceId"], int(raw["startTimeUnixNano"])
        self.evidence = at.get("otrace.parent.evidence", "none")


def judge(all_spans, entries, skip):
    known = {s.span: s for s in all_spans}
    firsts = sorted(s.start for s in all_spans if s.kind == 2 and s.service in entries)
    since = firsts[skip] if skip < len(firsts) else (firsts[-1] if firsts else 0)
    count, wrong, why = collections.Counter(), [], collections.Counter()
    for s in all_spans:
        if s.id is None or (s.kind == 2 and s.service in entries) or s.start < since:
            continue
        parent = known.get(s.parent)
        if s.own:
            verdict = "wrong" if s.parent else "right"
        elif not s.parent:
            verdict = "orphan"
        elif parent is None:
            verdict = "lost"
        else:
            verdict = "right" if parent.id == s.id else "wrong"
        count[verdict] += 1
        if verdict == "right":
            why[s.evidence] += 1
        if verdict == "wrong":
            wrong.append((s, parent))
    return count, wrong, why


def main():
    args = argparse.ArgumentParser()
    args.add_argument("traces")
    args.add_argument("entry", nargs="+")
    args.add_argument("--name", default="")
    args.add_argument("--from", dest="skip", type=int, default=0)
    args.add_argument("--least", type=float, default=0)
    args.add_argument("--requests", type=int, default=0, help="as the load counted them")
    args = args.parse_args()
    everything = [Span(*pair) for pair in spans(args.traces)]
    count, wrong, why = judge(everything, args.entry, args.skip)
    total = sum(count.values())
    roots = sum(s.kind == 2 and s.service in args.entry for s in everything)
    recall = 100 * count["right"] / total if total else 0
    print(f"{args.name:34} roots {roots:6}  right {count['right']:7}  wrong {count['wrong']:4}"
          f"  orphan {count['orphan']:5}  lost {count['lost']:4}  {recall:6.2f} %"
          f"  {dict(why)}")
    for s, parent in wrong[:5]:
        print(f"   wrong: {s.service} {s.name} id {s.id} has {parent and parent.name}"
              f" id {parent and parent.id} by {s.evidence}")
    if args.requests and roots < 0.99 * args.requests:
        print(f"   {args.requests} requests were sent, {roots} roots seen")
        return 1
    return 1 if count["wrong"] or not total or recall < args.least else 0


if __name__ == "__main__":
    raise SystemExit(main())

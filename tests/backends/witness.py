#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""witness.py FILE.. - reads requests with the protobuf classes that OpenTelemetry
publishes, and fails on any field that they do not know: parsers pass over a wrong
number or type in silence. FILE is a protobuf request, gzip or not, or JSON lines
(.jsonl). Prints one line of figures. Run it with the python of get-witness.sh."""
import base64
import gzip
import json
import sys

from google.protobuf import json_format
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb

IDS = ("traceId", "spanId", "parentSpanId")


def hex_to_base64(node):
    if isinstance(node, list):
        return [hex_to_base64(n) for n in node]
    if not isinstance(node, dict):
        return node
    return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in IDS else
            hex_to_base64(v) for k, v in node.items()}


def unknown(msg):
    found = [f"{msg.DESCRIPTOR.name}#{f.field_number}" for f in UnknownFieldSet(msg)]
    for fd, value in msg.ListFields():
        if fd.message_type:
            for m in [value] if hasattr(value, "DESCRIPTOR") else value:
                found += unknown(m)
    return found


def requests(path):
    data = open(path, "rb").read()
    if path.endswith(".jsonl"):
        for line in data.decode("utf-8").splitlines():
            yield json_format.ParseDict(hex_to_base64(json.loads(line)),
                                        pb.ExportTraceServiceRequest(),
                                        ignore_unknown_fields=False)
        return
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:1] == b"{":
        yield json_format.ParseDict(hex_to_base64(json.loads(data)),
                                    pb.ExportTraceServiceRequest())
        return
    req = pb.ExportTraceServiceRequest()
    req.ParseFromString(data)
    yield req


spans = links = errors = 0
services, scopes, odd, shapes = set(), set(), [], []
for path in sys.argv[1:]:
    for req in requests(path):
        odd += unknown(req)
        for rs in req.resource_spans:
            attrs = {a.key: a.value for a in rs.resource.attributes}
            services.add(attrs["service.name"].string_value)
            for ss in rs.scope_spans:
                scopes.add(ss.scope.name)
                for sp in ss.spans:
                    spans += 1
                    links += len(sp.links)
                    errors += sp.status.code == 2
                    shapes.append(sp.SerializeToString(deterministic=True))
                    assert len(sp.trace_id) == 16 and len(sp.span_id) == 8
print(f"spans={spans} links={links} errors={errors} services={','.join(sorted(services))} "
      f"scopes={','.join(sorted(scopes))} unknown={odd}")
sys.exit(bool(odd) or not spans)

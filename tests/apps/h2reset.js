// SPDX-License-Identifier: Apache-2.0
// h2reset.js PORT - an HTTP/2 server: /refuse and /internal are reset, /cancel never ends, /slow
// takes half a second.
const http2 = require("http2");

const { NGHTTP2_REFUSED_STREAM } = http2.constants;

http2
	.createServer()
	.on("stream", (stream, headers) => {
		const path = headers[":path"];
		stream.on("error", () => {});
		if (path === "/refuse") return stream.close(NGHTTP2_REFUSED_STREAM);
		stream.respond({ ":status": 200 });
		stream.write("begun");
		if (path === "/internal") setTimeout(() => stream.destroy(new Error("broken")), 50);
		else if (path === "/slow") setTimeout(() => stream.end("done"), 500);
		else if (path !== "/cancel") stream.end("done");
	})
	.listen(Number(process.argv[2]), "127.0.0.1");

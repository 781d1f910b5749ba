// SPDX-License-Identifier: Apache-2.0
// h2resets.js PORT - asks h2reset.js for all that it has, at once on one connection.
const http2 = require("http2");

const session = http2.connect(`http://127.0.0.1:${process.argv[2]}`);
let left = 5;

for (const path of ["/refuse", "/internal", "/cancel", "/slow", "/fine"]) {
	const stream = session.request({ ":path": path });
	stream.on("error", () => {});
	stream.on("data", () => {
		if (path === "/cancel") stream.close(http2.constants.NGHTTP2_CANCEL);
	});
	stream.on("close", () => {
		if (!--left) session.close();
	});
}

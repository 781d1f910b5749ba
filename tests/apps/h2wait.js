// SPDX-License-Identifier: Apache-2.0
// h2wait.js PORT FILE PATH - an HTTP/2 request, and when FILE is there, five more on the connection.
const fs = require("fs");
const http2 = require("http2");

const [, , port, file, path] = process.argv;
const session = http2.connect(`http://127.0.0.1:${port}`);

function ask(then) {
	const stream = session.request({ ":path": path, "user-agent": "h2wait" });
	stream.resume();
	stream.on("close", then);
}

function more(left) {
	if (left) return ask(() => more(left - 1));
	console.log("last");
	session.close();
}

function wait() {
	if (fs.existsSync(file)) return more(5);
	setTimeout(wait, 50);
}

ask(() => {
	console.log("first");
	wait();
});

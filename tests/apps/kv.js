// SPDX-License-Identifier: Apache-2.0
// kv.js PORT - many requests at once on one connection, by node-redis.
const {createClient} = require("redis");
const assert = require("assert");

(async () => {
	const r = createClient({socket: {port: Number(process.argv[2])}, database: 1});
	await r.connect();
	const work = async (i) => {
		await r.set(`n:${i}`, `value-${i}`);
		assert.equal(await r.get(`n:${i}`), `value-${i}`);
		if (i % 5 === 0)
			await assert.rejects(r.lPush(`n:${i}`, "x"));
	};
	await Promise.all([...Array(50).keys()].map(work));
	await r.multi().set("m", "1").get("m").exec();
	await r.quit();
	console.log("ok");
})();

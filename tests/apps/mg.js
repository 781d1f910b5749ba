// SPDX-License-Identifier: Apache-2.0
// mg.js URI - a client of MongoDB, by the driver of MongoDB for Node. Prints, for each command that the
// driver says it sent, a line "NAME DATABASE CODE" (CODE: of the error, or 0); then ok.
'use strict';
const assert = require('assert');
const { MongoClient } = require('mongodb');

const client = new MongoClient(process.argv[2], { monitorCommands: true, useUnifiedTopology: true, poolSize: 4 });
const databases = new Map();
const say = (event, code) => console.log(event.commandName, databases.get(event.requestId), code);
client.on('commandStarted', (event) => databases.set(event.requestId, event.databaseName));
client.on('commandSucceeded', (event) => say(event, (event.reply.writeErrors || [{ code: 0 }])[0].code));
client.on('commandFailed', (event) => say(event, event.failure.code));

async function fails(code, promise) {
	await assert.rejects(promise, (err) => err.code === code);
}

async function main() {
	await client.connect();
	const shop = client.db('shop');
	const pens = shop.collection('pens');
	await pens.insertOne({ _id: 1, name: 'secret' });
	assert.strictEqual((await pens.findOne({ name: 'secret' }))._id, 1);
	await fails(11000, pens.insertOne({ _id: 1, name: 'secret' }));
	await pens.insertMany(Array.from({ length: 29 }, (_, i) => ({ _id: i + 2, name: `secret ${i}` })));
	assert.strictEqual((await pens.find({}, { batchSize: 7 }).toArray()).length, 30);
	await pens.updateMany({ _id: { $lt: 5 } }, { $set: { name: 'secret' } });
	assert.strictEqual((await pens.deleteOne({ _id: 30 })).deletedCount, 1);
	assert.strictEqual(await pens.countDocuments({ name: /secret/ }), 29);
	await pens.bulkWrite([{ insertOne: { document: { _id: 100 } } }, { insertOne: { document: { _id: 101 } } },
		{ deleteOne: { filter: { _id: 100 } } }]);
	await fails(59, client.db('other').command({ nosuch: 'secret' }));
	await Promise.all(Array.from({ length: 200 }, (_, i) => pens.findOne({ _id: i % 29 + 1 })
		.then((pen) => assert.strictEqual(pen._id, i % 29 + 1))));
	await pens.insertOne({ _id: 'big', text: 'secret'.repeat(100000) });
	assert.strictEqual((await pens.findOne({ _id: 'big' })).text.length, 600000);
	await pens.drop();
	await client.close();
	console.log('ok');
}

main().catch((err) => {
	console.error(err);
	process.exit(1);
});

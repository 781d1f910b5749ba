// SPDX-License-Identifier: Apache-2.0
// calls.js - a Node service that asks another one, and has work of its own (accuracy tests).
//
//   node calls.js PORT BACK      GET /call?id=N asks BACK/price?id=N
//
// A timer asks for /own?id=.. over the same pool of connections; these requests have no parent.
//
//   OWN=MS           the timer asks every MS milliseconds; default 10; 0: never
//   SOCKETS=N        at most N connections; default 32
//   BUSY=MS          each handler and the timer compute for MS milliseconds before they ask
//   DEFER=HOW        each 50th handler asks later: immediate, timeout0, or twice (at once
//                    and in setImmediate)
//   TWICE=1          each handler sends two requests at once
//   UNDICI=DIR       the service asks by undici.request of that folder, not by http.get
'use strict'
const http = require('http')
const [port, back] = process.argv.slice(2)
const env = process.env
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(env.SOCKETS || 32) })
const undici = env.UNDICI && require(env.UNDICI)

function get (path, done) {
  http.get(back + path, { agent }, (answer) => {
    let text = ''
    answer.on('data', (chunk) => { text += chunk })
    answer.on('end', () => done(text))
  }).on('error', (err) => done(String(err)))
}

function request (path, done) {
  undici.request(back + path).then((answer) => answer.body.text())
    .then(done, (err) => done(String(err)))
}

const ask = undici ? request : get

function compute () {
  const until = performance.now() + Number(env.BUSY)
  while (performance.now() < until);
}

let served = 0
function how () {
  return ++served % 50 ? (env.TWICE ? 'atonce' : '') : (env.DEFER || '')
}

http.createServer((req, res) => {
  let left = 1
  const path = req.url.replace('/call', '/price')
  const go = () => ask(path, (text) => { if (!--left) res.end(text) })
  if (env.BUSY) compute()
  switch (how()) {
    case 'immediate': setImmediate(go); break
    case 'timeout0': setTimeout(go, 0); break
    case 'twice': left = 2; go(); setImmediate(go); break
    case 'atonce': left = 2; go(); go(); break
    default: go()
  }
}).listen(Number(port), '127.0.0.1')

let n = 900000000
function own () {
  if (env.BUSY) compute()
  ask(`/own?id=${n++}`, () => {})
}
if (env.OWN !== '0') setInterval(own, Number(env.OWN || 10))

// calls.js - a Node service that asks another, beside work of its own (accuracy tests).
//
//   node calls.js PORT BACK      GET /call?id=N asks BACK/price?id=N
//
// A timer asks for /own?id=.. over the same pool of connections: nobody's child.
'use strict'
const http = require('http')
const [port, back] = process.argv.slice(2)
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(process.env.SOCKETS || 32) })

function ask (path, done) {
  http.get(back + path, { agent }, (answer) => {
    let text = ''
    answer.on('data', (chunk) => { text += chunk })
    answer.on('end', () => done(text))
  }).on('error', (err) => done(String(err)))
}

http.createServer((req, res) => {
  ask(req.url.replace('/call', '/price'), (text) => res.end(text))
}).listen(Number(port), '127.0.0.1')

let n = 900000000
setInterval(() => ask(`/own?id=${n++}`, () => {}), 10)

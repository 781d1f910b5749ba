// SPDX-License-Identifier: Apache-2.0
// clients.js - a Node program that sends a request by each API of Node, one after the other.
//
//   node clients.js PORT HTTPS     servers of 127.0.0.1; prints their answers
'use strict'
const http = require('http')
const https = require('https')
const [port, tls] = process.argv.slice(2)
const kept = new http.Agent({ keepAlive: true, maxSockets: 1 })

function ask (how, options, pieces = []) {
  return new Promise((resolve, reject) => {
    const req = how.request({ host: '127.0.0.1', port, ...options }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => { text += chunk })
      answer.on('end', () => { process.stdout.write(text); resolve() })
    })
    req.on('error', reject)
    const next = () => {
      if (!pieces.length) return req.end()
      req.write(pieces.shift())
      setTimeout(next, 5)
    }
    next()
  })
}

async function main () {
  for (let i = 0; i < 20; i++) await ask(http, { path: `/kept/${i}`, agent: kept })
  // Numbers of descriptors are used again soon; libuv closes them by a direct system call.
  for (let i = 0; i < 20; i++) await ask(http, { path: `/closed/${i}`, agent: false })
  const pieces = ['GET / HTTP/1.1\r\n\r\n', 'x'.repeat(100000), 'end']
  const length = pieces.reduce((n, s) => n + s.length, 0)
  await ask(http, { method: 'POST', path: '/stream', agent: kept, headers: { 'Content-Length': length } }, pieces)
  await ask(http, { method: 'POST', path: '/short', agent: kept, headers: { 'Content-Length': 5 } }, ['hello'])
  await ask(http, { path: '/after', agent: kept })
  for (let i = 0; i < 5; i++) {
    await ask(https, { port: tls, path: `/tls/${i}`, rejectUnauthorized: false })
  }
  kept.destroy()
}
main()

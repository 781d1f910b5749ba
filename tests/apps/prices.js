// SPDX-License-Identifier: Apache-2.0
// prices.js - the price service of the demo and of the tests: Node without packages.
//
//   GET /price/N   a price
//
// With BACK=http://host:port the service first asks BACK for the price, with keep-alive and the id
// of the request.
'use strict'
const http = require('http')
const port = Number(process.argv[2] || 18082)
const back = process.env.BACK
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(process.env.SOCKETS || 32) })

function answer (res, status, text) {
  res.writeHead(status, { 'Content-Type': 'text/plain' })
  res.end(text)
}

function ask (req, res) {
  http.get(back + req.url, { agent }, (inner) => {
    let text = ''
    inner.on('data', (chunk) => { text += chunk })
    inner.on('end', () => answer(res, inner.statusCode, text))
  }).on('error', (err) => answer(res, 502, String(err)))
}

const server = http.createServer((req, res) => {
  if (back) return ask(req, res)
  answer(res, 200, `price of ${req.url}: 7\n`)
})
server.keepAliveTimeout = 60000
server.listen(port, '127.0.0.1')

// SPDX-License-Identifier: Apache-2.0
// front.js - a service on Express: each request asks a back end, over kept connections.
//
//   front.js PORT BACK          BACK: http://host:port
'use strict'
const http = require('http')
const express = require('express')
const [port, back] = process.argv.slice(2)
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 })
const app = express()

app.get('/item/:name', (req, res) => {
  http.get(`${back}/files/${req.params.name}`, { agent }, (inner) => {
    let bytes = 0
    inner.on('data', (chunk) => { bytes += chunk.length })
    inner.on('end', () => res.json({ name: req.params.name, bytes, id: req.query.id }))
  }).on('error', (err) => res.status(502).send(String(err)))
})
const server = app.listen(Number(port), '127.0.0.1')
server.keepAliveTimeout = 60000

// SPDX-License-Identifier: Apache-2.0
// back.js - answers each request with "7" after 0 to 3 ms, so that answers overtake each other
// (accuracy tests).
'use strict'
require('http').createServer((req, res) => {
  const wait = Number(/id=(\d+)/.exec(req.url)?.[1] || 0) % 4
  if (wait) setTimeout(() => res.end('7\n'), wait)
  else res.end('7\n')
}).listen(Number(process.argv[2]), '127.0.0.1')

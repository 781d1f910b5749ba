# SPDX-License-Identifier: Apache-2.0
# calls.ru - a puma service that asks another one (accuracy tests).
#
#   GET /direct?id=N   the thread of the handler asks PRICES/price?id=N
#   GET /pooled?id=N   a new thread asks, and the handler waits for it
require 'net/http'
require 'uri'

BACK = URI(ENV.fetch('PRICES'))

def ask(path)
  http = Thread.current[:http] ||= Net::HTTP.start(BACK.host, BACK.port)
  http.get(path).body
end

run(lambda do |env|
  path = "/price?#{env['QUERY_STRING']}"
  body = env['PATH_INFO'] == '/pooled' ? Thread.new { ask(path) }.value : ask(path)
  [200, { 'Content-Type' => 'text/plain' }, [body]]
end)

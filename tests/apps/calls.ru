# SPDX-License-Identifier: Apache-2.0
# calls.ru - a puma service that asks another (accuracy tests).
#
#   GET /direct?id=N   the handler's own thread asks PRICES/price?id=N
#   GET /pooled?id=N   so does a thread that was made for it, the handler waits
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

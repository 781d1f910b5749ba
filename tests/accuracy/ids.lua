-- ids.lua - wrk asks each time with an id that nobody else has.
local threads = 0
function setup(thread)
	thread:set("base", threads * 10000000)
	threads = threads + 1
end
function init(args)
	n = 0
	path = args[1] or "/query"
end
function request()
	n = n + 1
	return wrk.format("GET", path .. "?id=" .. (base + n))
end

# SPDX-License-Identifier: Apache-2.0
# calls_aio.py - an aiohttp service that asks another (accuracy tests).
#
#   python3 calls_aio.py PORT BACK      GET /call?id=N asks BACK/price?id=N
#
# UVLOOP=1 uses the event loop of uvloop. With OWN=1 a task asks for /own?id=.. now and then; these
# requests have no parent.
import asyncio
import itertools
import os
import sys

import aiohttp
from aiohttp import web

PORT, BACK = int(sys.argv[1]), sys.argv[2]


async def ask(app, path):
    async with app["http"].get(BACK + path) as answer:
        return await answer.text()


async def call(request):
    return web.Response(text=await ask(request.app, "/price?id=" + request.query["id"]))


async def own(app):
    for i in itertools.count(900000000):
        await asyncio.sleep(0.01)
        await ask(app, f"/own?id={i}")


async def life(app):
    app["http"] = aiohttp.ClientSession()
    task = asyncio.create_task(own(app)) if os.environ.get("OWN") else None
    yield
    if task:
        task.cancel()
    await app["http"].close()


if os.environ.get("UVLOOP"):
    import uvloop

    uvloop.install()
service = web.Application()
service.router.add_get("/call", call)
service.cleanup_ctx.append(life)
web.run_app(service, host="127.0.0.1", port=PORT, print=None, access_log=None)

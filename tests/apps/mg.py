#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mg.py URI WHAT [FILE] - a client of MongoDB, by PyMongo. Prints, for each command that PyMongo says it
sent, a line "NAME DATABASE CODE" in order of their ends (CODE: of the error, or 0); then ok."""
import os
import sys
import threading
import time

import pymongo
from pymongo import monitoring

uri, what = sys.argv[1], sys.argv[2]
lock = threading.Lock()


class Said(monitoring.CommandListener):
    def __init__(self):
        self.db = {}

    def started(self, event):
        self.db[event.request_id, event.operation_id] = event.database_name

    def say(self, event, code):
        if event.command_name == "endSessions":
            return  # otrace shows none
        with lock:
            print(event.command_name, self.db[event.request_id, event.operation_id], code)

    def succeeded(self, event):
        reply = event.reply
        errors = reply.get("writeErrors") or [{"code": 0}]
        self.say(event, errors[0]["code"])

    def failed(self, event):
        self.say(event, event.failure.get("code", "none"))


def client(**args):
    return pymongo.MongoClient(uri, event_listeners=[Said()], **args)


def fails(code, call, *args):
    try:
        call(*args)
    except pymongo.errors.PyMongoError as err:
        assert getattr(err, "code", None) == code or code == 65, err
        return
    raise AssertionError(f"no error {code}")


def simple():
    c = client()
    users = c.shop.users
    users.insert_one({"_id": 1, "name": "secret"})
    assert users.find_one({"name": "secret"})["_id"] == 1
    assert users.find_one({"name": "nobody secret"}) is None
    fails(11000, users.insert_one, {"_id": 1, "name": "secret"})
    users.insert_many([{"_id": i, "name": f"secret {i}"} for i in range(2, 22)])
    assert users.update_one({"_id": 2}, {"$set": {"name": "secret"}}).modified_count == 1
    assert users.delete_one({"_id": 21}).deleted_count == 1
    assert users.count_documents({}) == 20
    assert sorted(users.distinct("_id"))[0] == 1
    assert users.find_one_and_update({"_id": 3}, {"$set": {"name": "secret"}})["_id"] == 3
    assert len(list(users.find({}, batch_size=6))) == 20
    users.create_index("name")
    fails(59, c.other.command, "nosuch", "secret")
    assert c.admin.command("ping")["ok"] == 1
    assert "users" in c.shop.list_collection_names()
    users.drop()
    c.close()


def bulk():
    from pymongo import DeleteOne, InsertOne, UpdateOne
    c = client()
    things = c.shop.things
    things.insert_many([{"_id": i, "text": "secret" * i} for i in range(1000)])
    for i in range(200):
        assert len(things.find_one({"_id": i})["text"]) == 6 * i
    things.bulk_write([InsertOne({"_id": 5000}), InsertOne({"_id": 5001}), UpdateOne({"_id": 1}, {"$set": {"text": "secret"}}),
                       DeleteOne({"_id": 2}), DeleteOne({"_id": 3}), DeleteOne({"_id": 4})])
    fails(65, things.insert_many, [{"_id": 5002}, {"_id": 5000, "text": "secret"}, {"_id": 5003}])
    big = {"_id": "big", "text": "secret" * 500000}
    things.insert_one(big)
    assert things.find_one({"_id": "big"}) == big
    assert sum(1 for _ in things.find({"_id": {"$lt": 1000}}, batch_size=100)) == 997
    things.drop()
    c.close()


def threads():
    c = client(maxPoolSize=8)

    def work(k):
        for i in range(25):
            c.shop[f"of{k}"].insert_one({"_id": i, "text": "secret"})
            assert c.shop[f"of{k}"].find_one({"_id": i})["text"] == "secret"
    pool = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in pool:
        t.start()
    for t in pool:
        t.join()
    c.drop_database("shop")
    c.close()


def quiet():
    from pymongo import WriteConcern
    c = client()
    c.shop.quiet.insert_one({"_id": 0})
    unheard = c.shop.get_collection("quiet", write_concern=WriteConcern(w=0))
    for i in range(1, 30):
        unheard.insert_one({"_id": i, "text": "secret"})
    unheard.delete_one({"_id": 1})
    assert c.shop.quiet.find_one({"_id": 0}) == {"_id": 0}
    assert c.shop.slow.find_one({"text": "SLEEP"}) is None
    c.shop.quiet.drop()
    c.close()


def compressed():
    c = client(compressors="zlib")
    for i in range(20):
        c.shop.small.insert_one({"_id": i, "text": "secret"})
        assert c.shop.small.find_one({"_id": i})["text"] == "secret"
    fails(11000, c.shop.small.insert_one, {"_id": 3})
    c.shop.small.drop()
    c.close()


def login():
    try:
        pymongo.MongoClient(uri, username="joe", password="SECRET", authSource="$external", authMechanism="PLAIN").shop.users.find_one()
        sys.exit("no login takes place here")
    except pymongo.errors.OperationFailure:
        pass
    c = client()
    fails(59, lambda: c.admin.command("createUser", "joe", pwd="SECRET", roles=[]))
    c.close()


def pooled():
    c = client()
    c.shop.pooled.drop()
    print("ready", flush=True)
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.01)
    for i in range(20):
        c.shop.pooled.insert_one({"_id": i, "text": "secret"})
        assert c.shop.pooled.find_one({"_id": i})["text"] == "secret"
    c.close()


globals()[what]()
print("ok")

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kq.py PORT WHAT TOPIC [FILE] - a client of Kafka: WHAT by kafka-python (simple, many, large, errors,
oneway, pooled) or by librdkafka (rdkafka, packed), or by both (login); `create` makes
the topic. Prints ok."""
import os
import sys
import time

port, what, topic = sys.argv[1:4]
server = f"127.0.0.1:{port}"


def context(i):
    return ("traceparent", f"00-{0xabc:032x}-{i:016x}-01".encode())


def producer(**more):
    from kafka import KafkaProducer
    return KafkaProducer(bootstrap_servers=server, client_id="shop", **{"acks": 1, **more})


def consumer(group="billing"):
    from kafka import KafkaConsumer
    return KafkaConsumer(topic, bootstrap_servers=server, client_id="bill", group_id=group,
                         auto_offset_reset="earliest", enable_auto_commit=False,
                         consumer_timeout_ms=60000)


def take(c, n):
    got = []
    for record in c:
        got.append(record)
        if len(got) == n:
            return got
    raise SystemExit(f"{len(got)} records of {n}")


def create():
    """Returns once the broker serves the topic, so that the first send does not fail."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": server})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    c = Consumer({"bootstrap.servers": server, "group.id": "create"})
    for _ in range(600):
        try:
            c.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)
            return
        except KafkaException:
            time.sleep(0.1)
    raise SystemExit("the topic is not served")


def simple():
    """Three sends, of which two carry a context; one poll or more; one commit."""
    p = producer()
    for i in range(3):
        headers = [context(i)] if i else [("color", b"secret")]
        p.send(topic, b"secret value", key=b"secret", headers=headers).get(60)
    p.close()
    c = consumer()
    got = take(c, 3)
    assert [r.offset for r in got] == [0, 1, 2] and got[0].value == b"secret value"
    c.commit()
    c.close()


def many():
    p = producer()
    for i in range(100):
        p.send(topic, b"secret").get(60)
    p.close()


def large():
    """Values beyond what is copied, whose bytes look like messages."""
    p = producer(max_request_size=4 << 20)
    fake = b"\0\0\0\x30\0\0\0\3\0\0\0\5\0\4shop" + b"\0\0\0\x0c\0\0\0\5secret\n"
    for i in range(3):
        p.send(topic, fake * 20000, headers=[context(i)]).get(60)
        p.send(topic, b"small").get(60)
    p.close()
    c = consumer("large")
    assert len(take(c, 6)) == 6
    c.close()


def errors():
    from kafka import KafkaProducer
    from kafka.errors import KafkaError
    p = producer(retries=0, max_request_size=4 << 20)
    p.send(topic, b"before").get(60)
    try:
        p.send(topic, b"secret" * 300000).get(60)
        raise SystemExit("the broker took a large message")
    except KafkaError as err:
        assert "Large" in str(err) or "large" in str(err), err
    p.close()


def oneway():
    p = producer(acks=0)
    for _ in range(5):
        p.send(topic, b"secret").get(60)
    p.flush()
    p.close()
    c = consumer("oneway")
    take(c, 5)
    c.close()


def pooled():
    p = producer()
    p.send(topic, b"before").get(60)
    print("ready", flush=True)
    while not os.path.exists(sys.argv[4]):
        time.sleep(0.01)
    for _ in range(20):
        p.send(topic, b"secret").get(60)
    p.close()


def login():
    """Logins in the clear, by both clients."""
    from confluent_kafka import Producer
    p = producer(security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN",
                 sasl_plain_username="joe", sasl_plain_password="SECRETpw")
    p.send(topic, b"secret").get(60)
    p.close()
    p = Producer({"bootstrap.servers": server, "linger.ms": 0, "security.protocol": "SASL_PLAINTEXT",
                  "sasl.mechanism": "PLAIN", "sasl.username": "joe", "sasl.password": "SECRETpw"})
    p.produce(topic, b"secret")
    assert not p.flush(60)


def rdkafka():
    """As simple(), by librdkafka."""
    from confluent_kafka import Consumer, Producer
    p = Producer({"bootstrap.servers": server, "client.id": "shop", "linger.ms": 0})
    for i in range(3):
        p.produce(topic, b"secret value", key=b"secret",
                  headers=[context(i)] if i else [("color", b"secret")])
        assert not p.flush(60)
    c = Consumer({"bootstrap.servers": server, "client.id": "bill", "group.id": "rdkafka",
                  "auto.offset.reset": "earliest", "enable.auto.commit": False})
    c.subscribe([topic])
    got = 0
    while got < 3:
        record = c.poll(60)
        assert record is not None and not record.error(), record and record.error()
        got += 1
    c.commit(asynchronous=False)
    c.close()


def packed():
    """100 records in few batches, each with a context of its own; compressed, and not."""
    from confluent_kafka import Producer
    for codec in "none", "gzip":
        p = Producer({"bootstrap.servers": server, "client.id": codec, "linger.ms": 200,
                      "compression.type": codec})
        for i in range(100):
            p.produce(topic, b"secret", headers=[context(i + 1)])
        assert not p.flush(60)


globals()[what]()
print("ok")

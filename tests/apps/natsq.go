// SPDX-License-Identifier: Apache-2.0

// natsq.go PORT WHAT [FILE] - a client of NATS by nats.go; prints ok. WHAT: simple, contexts, request,
// bulk, jetstream, login, open (waits for FILE before it begins).
package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

const context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func simple(nc *nats.Conn) {
	sub, err := nc.SubscribeSync("orders")
	check(err)
	check(nc.Publish("orders", []byte("secret 1")))
	check(nc.Publish("orders", nil))
	check(nc.Publish("orders", bytes.Repeat([]byte("secret\r\nPUB fake 3\r\n"), 10000)))
	check(nc.Publish("nobody", []byte("secret")))
	for i := 0; i < 3; i++ {
		_, err = sub.NextMsg(10 * time.Second)
		check(err)
	}
}

func contexts(nc *nats.Conn) {
	sub, err := nc.SubscribeSync("orders.>")
	check(err)
	msg := nats.NewMsg("orders.new")
	msg.Header.Set("Key", "secret")
	msg.Header.Set("traceparent", context)
	msg.Data = []byte("secret")
	check(nc.PublishMsg(msg))
	got, err := sub.NextMsg(10 * time.Second)
	check(err)
	if got.Header.Get("traceparent") != context {
		panic("the header is another")
	}
}

func request(nc *nats.Conn) {
	_, err := nc.QueueSubscribe("price", "workers", func(m *nats.Msg) {
		time.Sleep(20 * time.Millisecond)
		check(m.Respond([]byte("secret")))
	})
	check(err)
	check(nc.Flush())
	for i := 0; i < 3; i++ {
		_, err = nc.Request("price", []byte("secret"), 10*time.Second)
		check(err)
	}
	if _, err = nc.Request("nobody", nil, 10*time.Second); err != nats.ErrNoResponders {
		panic(err)
	}
}

func bulk(nc *nats.Conn) {
	done := make(chan bool)
	n := 0
	_, err := nc.Subscribe("bulk.*", func(m *nats.Msg) {
		if n++; n == 2000 {
			done <- true
		}
	})
	check(err)
	for i := 0; i < 2000; i++ {
		check(nc.Publish(fmt.Sprintf("bulk.%d", i%2), []byte("secret")))
	}
	<-done
}

func jetstream(nc *nats.Conn) {
	js, err := nc.JetStream()
	check(err)
	_, err = js.AddStream(&nats.StreamConfig{Name: "SHOP", Subjects: []string{"shop.*"}})
	check(err)
	_, err = js.Publish("shop.new", []byte("secret"))
	check(err)
	sub, err := js.PullSubscribe("shop.*", "worker")
	check(err)
	msgs, err := sub.Fetch(1)
	check(err)
	check(msgs[0].AckSync())
	_, err = sub.Fetch(1, nats.MaxWait(100*time.Millisecond))
	if err != nats.ErrTimeout {
		panic(err)
	}
}

func main() {
	opts := []nats.Option{}
	if os.Args[2] == "login" {
		opts = append(opts, nats.UserInfo("joe", "secret"))
	}
	nc, err := nats.Connect("nats://127.0.0.1:"+os.Args[1], opts...)
	check(err)
	defer nc.Close()
	switch os.Args[2] {
	case "simple", "login":
		simple(nc)
	case "contexts":
		contexts(nc)
	case "request":
		request(nc)
	case "bulk":
		bulk(nc)
	case "jetstream":
		jetstream(nc)
	case "open":
		fmt.Println("ready")
		for {
			if _, err = os.Stat(os.Args[3]); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		request(nc)
		simple(nc)
	}
	check(nc.Flush())
	fmt.Println("ok")
}

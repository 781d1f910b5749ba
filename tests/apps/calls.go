// SPDX-License-Identifier: Apache-2.0
// calls.go - a Go service that asks another one in three ways (accuracy tests).
//
//	calls PORT BACK      BACK is host:port
//
//	GET /db?id=N       like a database driver: the goroutine of the handler writes to and reads
//	                   from a connection of a pool
//	GET /nested?id=N   five goroutines, each started by the one before, ask over connections of their own
//	GET /http?id=N     the client of net/http asks
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

var back string
var pool = make(chan net.Conn, 16)

func talk(conn net.Conn, id string) error {
	_, err := fmt.Fprintf(conn, "GET /price?id=%s HTTP/1.1\r\nHost: back\r\n\r\n", id)
	if err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func database(id string) error {
	conn := <-pool
	defer func() { pool <- conn }()
	if conn == nil {
		var err error
		if conn, err = net.Dial("tcp", back); err != nil {
			return err
		}
	}
	return talk(conn, id)
}

func fresh(id string) error {
	conn, err := net.Dial("tcp", back)
	if err != nil {
		return err
	}
	defer conn.Close()
	return talk(conn, id)
}

func nested(id string, depth int) error {
	if err := fresh(id); err != nil || depth == 1 {
		return err
	}
	done := make(chan error)
	go func() { done <- nested(id, depth-1) }()
	return <-done
}

func client(id string) error {
	answer, err := http.Get("http://" + back + "/price?id=" + id)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func handle(path string, ask func(string) error) {
	http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if err := ask(r.URL.Query().Get("id")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

func main() {
	back = os.Args[2]
	for i := 0; i < cap(pool); i++ {
		pool <- nil
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	handle("/db", database)
	handle("/nested", func(id string) error { return nested(id, 5) })
	handle("/http", client)
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

// SPDX-License-Identifier: Apache-2.0
// goserver.go PORT [BACK]: an HTTP server that asks BACK, if that is given, before it answers.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if len(os.Args) < 3 {
			fmt.Fprintf(w, "go %s\n", r.URL)
			return
		}
		answer, err := http.Get(os.Args[2] + r.URL.String())
		if err != nil {
			http.Error(w, err.Error(), 502)
			return
		}
		defer answer.Body.Close()
		io.Copy(w, answer.Body)
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

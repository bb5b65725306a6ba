// A CGI program in Go, as one would write it for any server: net/http/cgi does the rest.
package main

import (
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
)

func main() {
	err := cgi.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s %s for %s\n", r.Method, r.URL, r.RemoteAddr)
		r.ParseForm()
		for _, name := range []string{"name", "lang"} {
			if value := r.Form.Get(name); value != "" {
				fmt.Fprintf(w, "%s: %s\n", name, value)
			}
		}
	}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

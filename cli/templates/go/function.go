// An edge function in Go.
//
// alloc gives room for the event, which comes as UTF-8 JSON; handle returns pointer << 32 | length of the result.
// Every request runs in a fresh instance.
package main

import (
	"encoding/json"
	"unsafe"
)

var rooms [][]byte // keeps them from the collector

//go:wasmexport alloc
func alloc(length uint32) uint32 {
	room := make([]byte, max(length, 1))
	rooms = append(rooms, room)
	return uint32(uintptr(unsafe.Pointer(&room[0])))
}

type header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type response struct {
	Status  string              `json:"status"`
	Headers map[string][]header `json:"headers"`
	Body    string              `json:"body"`
}

//go:wasmexport handle
func handle(event uint32, length uint32) uint64 {
	result, err := json.Marshal(response{
		Status:  "200",
		Headers: map[string][]header{"content-type": {{Key: "Content-Type", Value: "text/plain"}}},
		Body:    "Hello from {{name}}\n",
	})
	if err != nil {
		panic(err)
	}
	rooms = append(rooms, result)
	return uint64(uintptr(unsafe.Pointer(&result[0])))<<32 | uint64(len(result))
}

func main() {}

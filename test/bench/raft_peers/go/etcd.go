package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/net/http2"
)

// Talks gRPC to one etcd server over kept HTTP/2 connections. Its two requests
// are written by hand: they are a few bytes.
type etcd struct {
	address string
	clients []*http.Client
	next    uint64
	put     []byte
	get     []byte
}

func (e *etcd) leads() bool { return true }

func (e *etcd) do(what string) error {
	switch what {
	case "write":
		return e.call("Put", e.put)
	case "linearizable":
		return e.call("Range", e.get)
	}
	return errors.New("does not know that")
}

func (e *etcd) call(method string, body []byte) error {
	url := "http://" + e.address + "/etcdserverpb.KV/" + method
	request, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	client := e.clients[atomic.AddUint64(&e.next, 1)%uint64(len(e.clients))]
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	status := answer.Trailer.Get("Grpc-Status")
	if status == "" {
		status = answer.Header.Get("Grpc-Status")
	}
	if status != "0" {
		return fmt.Errorf("grpc status %q", status)
	}
	return nil
}

// A protobuf message of byte fields 1, 2 and so on, as a gRPC frame.
func frame(fields ...string) []byte {
	var message []byte
	for i, x := range fields {
		message = append(message, byte(i+1)<<3|2, byte(len(x)))
		message = append(message, x...)
	}
	return append([]byte{0, 0, 0, 0, byte(len(message))}, message...)
}

func newEtcd(address string) (peer, error) {
	e := &etcd{address: address}
	key := "key1"
	e.put = frame(key, strings.Repeat("x", 32))
	e.get = frame(key)
	for i := 0; i < 4; i++ {
		e.clients = append(e.clients, &http.Client{Transport: &http2.Transport{
			AllowHTTP: true,
			DialTLS: func(network, to string, _ *tls.Config) (net.Conn, error) {
				return net.Dial(network, to)
			}}})
	}
	return e, nil
}

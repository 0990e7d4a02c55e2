// The load for peers that are driven from Go. Speaks as bench_raft_group does:
//
//	go_peer hashicorp NUMBER DIRECTORY PORT,PORT,PORT   one node, and its load
//	go_peer etcd HOST:PORT                              load for a server
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// What carries out the operations.
type peer interface {
	leads() bool
	do(what string) error // blocks; any number at once
}

func measure(on peer, what string, outstanding int, seconds float64) string {
	var warm, stopping int32
	var failed uint64
	var all []float64
	var mutex sync.Mutex
	var workers sync.WaitGroup
	for i := 0; i < outstanding; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			var us []float64
			for atomic.LoadInt32(&stopping) == 0 {
				from := time.Now()
				if err := on.do(what); err != nil {
					if atomic.AddUint64(&failed, 1) == 1 {
						fmt.Fprintln(os.Stderr, "go_peer:", what, err)
					}
					time.Sleep(time.Millisecond)
				} else if atomic.LoadInt32(&warm) == 1 {
					us = append(us, float64(time.Since(from))/1e3)
				}
			}
			mutex.Lock()
			all = append(all, us...)
			mutex.Unlock()
		}()
	}
	time.Sleep(time.Second)
	fmt.Println("warm")
	atomic.StoreInt32(&warm, 1)
	from := time.Now()
	time.Sleep(time.Duration(seconds * 1e9))
	atomic.StoreInt32(&warm, 0)
	taken := time.Since(from).Seconds()
	fmt.Println("over")
	atomic.StoreInt32(&stopping, 1)
	workers.Wait()
	sort.Float64s(all)
	at := func(percent int) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[len(all)*percent/100]
	}
	return fmt.Sprint(float64(len(all))/taken, at(50), at(99), failed)
}

func main() {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, "go_peer:", err)
		os.Exit(1)
	}
	var on peer
	var err error
	switch {
	case len(os.Args) == 5 && os.Args[1] == "hashicorp":
		on, err = newHashicorp(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 3 && os.Args[1] == "etcd":
		on, err = newEtcd(os.Args[2])
	default:
		err = fmt.Errorf("see the head of main.go")
	}
	if err != nil {
		fail(err)
	}
	fmt.Println("up")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what string
		var outstanding int
		var seconds float64
		count, _ := fmt.Sscan(lines.Text(), &what, &outstanding, &seconds)
		if what == "leader" {
			if on.leads() {
				fmt.Println("1")
			} else {
				fmt.Println("0")
			}
		} else if count == 3 && outstanding > 0 {
			fmt.Println(measure(on, what, outstanding, seconds))
		} else {
			fmt.Println("?")
		}
	}
}

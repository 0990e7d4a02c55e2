package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	boltdb "github.com/hashicorp/raft-boltdb"
)

// One node of hashicorp/raft: log, term and vote in BoltDB.
type hashicorp struct {
	node    *raft.Raft
	command []byte
}

func (h *hashicorp) leads() bool { return h.node.State() == raft.Leader }

func (h *hashicorp) do(what string) error {
	switch what {
	case "write":
		return h.node.Apply(h.command, 10*time.Second).Error()
	case "linearizable": // a leader that has just heard a quorum
		return h.node.VerifyLeader().Error()
	}
	return errors.New("does not know that")
}

// A state machine without a state.
type nothing struct{}

func (nothing) Apply(*raft.Log) interface{}         { return nil }
func (nothing) Snapshot() (raft.FSMSnapshot, error) { return nothing{}, nil }
func (nothing) Restore(from io.ReadCloser) error    { return from.Close() }
func (nothing) Persist(to raft.SnapshotSink) error  { return to.Close() }
func (nothing) Release()                            {}

func newHashicorp(number, directory, ports string) (peer, error) {
	self, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	var group raft.Configuration
	for i, port := range strings.Split(ports, ",") {
		group.Servers = append(group.Servers, raft.Server{
			ID:      raft.ServerID(strconv.Itoa(i)),
			Address: raft.ServerAddress("127.0.0.1:" + port)})
	}
	config := raft.DefaultConfig()
	config.LocalID = group.Servers[self].ID
	config.MaxAppendEntries = 1024 // its default of 64 is slower
	config.SnapshotThreshold = 1 << 62
	config.Logger = hclog.New(
		&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr})
	address := string(group.Servers[self].Address)
	where, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	links, err := raft.NewTCPTransport(address, where, 3, 10*time.Second,
		io.Discard)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return nil, err
	}
	disk, err := boltdb.NewBoltStore(filepath.Join(directory, "raft.db"))
	if err != nil {
		return nil, err
	}
	log, err := raft.NewLogCache(4096, disk)
	if err != nil {
		return nil, err
	}
	snapshots := raft.NewDiscardSnapshotStore()
	err = raft.BootstrapCluster(config, log, disk, snapshots, links, group)
	if err != nil {
		return nil, err
	}
	node, err := raft.NewRaft(config, nothing{}, log, disk, snapshots, links)
	if err != nil {
		return nil, err
	}
	return &hashicorp{node, []byte(strings.Repeat("x", 36))}, nil
}

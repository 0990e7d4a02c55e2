#pragma once

#include <functional>
#include <string>
#include <vector>

#include <troupe/cluster/group/roster.hpp>
#include <troupe/cluster/group/settings.hpp>
#include <troupe/cluster/link/settings.hpp>
#include <troupe/runtime/group/snapshot_codec.hpp>

namespace troupe::raft {

/// How one member of a group starts.
///
/// A new data directory begins in one of three ways: with `join` the member
/// asks those addresses to be let in; with `members` (the same list on each, in
/// any order, with its own address in it) it is one of the founders; with
/// neither it founds a group of its own. A directory that has been a member
/// comes back as the same one, whatever is said here.
struct group_options {
  std::string data; // directory
  /// host:port; port 0: a free one. From a host that is a number, and not a
  /// wildcard, it also dials the others.
  std::string listen = "127.0.0.1:0";
  std::string address; // for others; empty: as `listen`
  std::vector<founder> members;
  std::vector<std::string> join;
  bool join_votes = true; // false: a non-voting member
  boot_time join_timeout = std::chrono::seconds{60};

  group_settings settings;
  link::settings links;
  /// true: the state machine works on a thread of its own, so that a command
  /// that takes long does not keep the leader from its heartbeats; results and
  /// reads are then told there, and cost a change of threads. false: on the
  /// group's thread; each step should take less than a heartbeat.
  bool machine_thread = false;

  compression snapshots = compression::zlib;
  std::uint64_t segment_bytes = 16u << 20; // of the log, a multiple of 512

  /// Told once, on a thread of the group's, when the member has come to an end
  /// by itself: removed, or its disk failed. Empty: nobody is told.
  std::function<void(const refusal&)> on_end;
};

} // namespace troupe::raft

#pragma once

#include <memory>
#include <string_view>

#include <troupe/cluster/group/refusal.hpp>
#include <troupe/runtime/group/byte_stream.hpp>

namespace troupe::raft {

/// Who waits for the end of something.
class completion {
public:
  virtual ~completion() = default;
  virtual void fail(const refusal& why) = 0;
};

/// A copy of a state machine that no longer changes.
class frozen_machine {
public:
  virtual ~frozen_machine() = default;
  virtual bool save(byte_sink& to) const = 0;
};

/// The user's state machine without its types; see machine.hpp for what it
/// must be.
///
/// Threads: one at a time.
class machine_port {
public:
  virtual ~machine_port() = default;

  /// `done`, if somebody here waits, is told the result.
  virtual void apply(log_index at, std::string_view command,
                     completion* done) = 0;
  virtual std::unique_ptr<frozen_machine> freeze() = 0;

  /// Another one, as new.
  virtual std::unique_ptr<machine_port> make() const = 0;
  /// Of a new one: takes the state that a frozen one saved. False: it cannot.
  virtual bool restore(byte_source& from) = 0;
};

} // namespace troupe::raft

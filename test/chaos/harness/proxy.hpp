#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <test/chaos/harness/waiting.hpp>

namespace troupe::chaos {

/// The network between processes: they dial each other through it, and what
/// passes can be held up, lost, delayed and cut off.
///
/// Each process has a host (127.x.y.z) of its own, listens on it and dials from
/// it, so both ends of a connection are known by their hosts. What holds from
/// one host to another holds for the bytes that go that way, whoever dialled.
/// While one of the two ways between hosts is held up or cut, a new connection
/// is taken and goes nowhere, and no end hears that the other has died.
///
/// Out:     when a call returns, it is in force.
/// Threads: any; has one of its own.
class proxy {
public:
  proxy();
  ~proxy();
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;

  /// Takes connections for `address`. The host:port that others are to dial.
  std::string serve(const std::string& address);

  /// Holds up what is sent, until healed.
  void stall(const std::string& from, const std::string& to);

  /// Loses what is sent. A connection that has lost something is reset once
  /// that way is healed.
  void cut(const std::string& from, const std::string& to);

  /// What comes from now on arrives so much later, in order; 0: at once.
  void delay(const std::string& from, const std::string& to, milliseconds by);

  /// Resets the connections between the two, now.
  void break_now(const std::string& one, const std::string& other);

  /// The same once `bytes` more have gone from one to the other: most likely in
  /// the middle of a frame.
  void break_after(const std::string& from, const std::string& to,
                   std::uint64_t bytes);

  /// Ends what holds from one to the other, or everywhere.
  void heal(const std::string& from, const std::string& to);
  void heal();

  struct totals {
    std::uint64_t connections = 0; // taken
    std::uint64_t resets = 0;      // by break_*, and after something was lost
    std::uint64_t bytes = 0;       // passed on
  };
  totals seen() const;

  /// Connections that one has dialled to the other.
  std::uint64_t dialled(const std::string& from, const std::string& to) const;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::chaos

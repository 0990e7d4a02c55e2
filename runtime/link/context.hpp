#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <troupe/cluster/link/settings.hpp>
#include <troupe/cluster/link/transport.hpp>
#include <troupe/runtime/link/connection.hpp>

namespace troupe::link {

class peer_link;

/// What all links of one transport share.
///
/// Threads: `self`, `next_serial` and the counters from any; the rest on the
///          transport's thread.
struct context : std::enable_shared_from_this<context> {
  context(const settings& x, transport_handler& to)
      : what(x), handler(to), engine(x.seed) {}

  asio::io_context io{1};
  const settings what;
  transport_handler& handler;
  std::mt19937_64 engine;
  std::optional<asio::ip::address> source; // of what is dialled

  /// While `gathers`: links that are to write at its end.
  std::vector<peer_link*> gathered;
  bool gathers = false;

  /// None before set_identity.
  std::atomic<const identity*> self{nullptr};

  /// Numbers sessions and dials; both grow for the life of the process.
  std::uint64_t next_serial() { return ++serial; }
  std::atomic<std::uint64_t> serial{0};

  /// Counts and reports bytes that no correct peer sends.
  void malformed(const connection& from, malformed_reason why) {
    ++malformed_count[static_cast<std::size_t>(why)];
    handler.on_malformed(from.remote(), why);
  }

  using counter = std::atomic<std::uint64_t>;
  std::array<counter, malformed_reasons> malformed_count{};
  counter connections_opened{0};
  counter connections_closed{0};
  counter strangers_closed{0};
  counter refused_here{0};
  counter refused_by_peer{0};
  counter introductions_served{0};
};

/// Lets all links write that were to.
void flush_sends(context& in);

/// What is sent within its scope, on the transport's thread, leaves at its end
/// and not by another turn of the loop.
class gather_sends {
public:
  explicit gather_sends(context& in) : in_(in) { in_.gathers = true; }
  ~gather_sends() {
    in_.gathers = false;
    flush_sends(in_);
  }
  gather_sends(const gather_sends&) = delete;
  gather_sends& operator=(const gather_sends&) = delete;

private:
  context& in_;
};

/// Refusals that are part of the protocol's ordinary course: not reported, and
/// no reason to dial more slowly.
bool is_passing(refusal_code x);

/// Writes a refusal and ends the connection behind it.
void refuse(context& in, connection& to, const refusal& why);

} // namespace troupe::link

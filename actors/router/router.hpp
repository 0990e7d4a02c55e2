#pragma once

#include <chrono>
#include <string>

#include <caf/monitorable_actor.hpp>

#include <troupe/cluster/ids.hpp>
#include <troupe/cluster/map/error.hpp>

namespace troupe {

class data_plane;
struct region_plane;

/// The first element of a message that names its partition itself instead of
/// leaving it to the key. The actor gets `key` all the same.
struct to_partition {
  partition_id partition = 0;
  std::string key;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, to_partition& x) {
  return f(x.partition, x.key);
}

/// A node's handle for a region: takes `(key, payload...)` from any actor and
/// relays it to the partition that owns the key, wherever that is.
///
/// Routes in the sender's thread: it has no mailbox. Lives as long as its node.
///
/// Errors:  as responses to requests; to senders of plain messages as an
///          `error` message; always as a dead letter.
/// Threads: any number at once.
class router : public caf::monitorable_actor {
public:
  router(caf::actor_config& cfg, data_plane& plane, region_plane& region)
      : monitorable_actor(cfg), plane_(plane), region_(region) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what,
               caf::execution_unit* ctx) override;
  const char* name() const override { return "troupe.router"; }

  /// Sends `(key, payload...)` as nobody, and says at once if it is refused.
  errc send(caf::message what);
  /// Waits for room while it would be `overloaded`, up to `limit`. Blocks: for
  /// threads, not for actors that share theirs.
  errc send_within(std::chrono::milliseconds limit, const caf::message& what);

private:
  data_plane& plane_;
  region_plane& region_;
};

/// Which partition a key belongs to: xxh3_64(key) % partitions.
partition_id partition_of(std::string_view key, std::uint32_t partitions);

} // namespace troupe

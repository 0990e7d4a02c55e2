#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include <caf/message.hpp>
#include <caf/monitorable_actor.hpp>

#include <troupe/cluster/ids.hpp>

namespace troupe {

/// An answer with the way it took.
struct traced_answer {
  caf::message content; // one caf::error if it failed
  epoch at;
  std::vector<std::uint64_t> path; // nodes, the one that processed it last
};

/// Asks on behalf of something that is no actor (the HTTP interface): gets the
/// first response and hands it on, then is done.
///
/// Threads: any number at once; the callback runs once, in the thread that
///          answers, and must not block.
class ask_sink : public caf::monitorable_actor {
public:
  using callback = std::function<void(traced_answer)>;

  ask_sink(caf::actor_config& cfg, node_id self, callback done)
      : monitorable_actor(cfg), self_(self), done_(std::move(done)) {}

  void finish(traced_answer answer) {
    if (!finished_.exchange(true))
      std::exchange(done_, nullptr)(std::move(answer));
  }

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override;
  const char* name() const override { return "troupe.ask_sink"; }

private:
  node_id self_;
  std::atomic<bool> finished_{false};
  callback done_;
};

} // namespace troupe

// From a member of a cluster to nothing.
#include <filesystem>

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/http_backend.hpp>
#include <troupe/runtime/node_impl.hpp>

namespace troupe {

void node::impl::request_stop(stop_kind how) noexcept {
  int none = -1;
  stop_asked_.compare_exchange_strong(none, static_cast<int>(how));
  stop_signal_.release(); // safe in a signal handler, unlike a condition
}

node::end node::impl::wait() {
  stop_signal_.acquire();
  end out;
  out.how = static_cast<stop_kind>(std::max(0, stop_asked_.load()));
  std::lock_guard guard{mutex_};
  if (broken_)
    out.why = *broken_;
  return out;
}

bool node::impl::wait_for(std::chrono::milliseconds limit,
                          std::function<bool()> check) {
  std::unique_lock guard{mutex_};
  return changed_.wait_for(guard, limit, [&] { return check() || broken_; });
}

// So that nobody waits for an election when this node has gone.
void node::impl::hand_over() {
  auto began = std::make_shared<std::atomic<int>>(-1);
  post([this, began](coordinator_actor& c) {
    *began = c.core().hand_over() ? 1 : 0;
    changed_.notify_all();
  });
  wait_for(std::chrono::seconds{2}, [&] {
    return *began == 0
           || (*began > 0
               && mirror_.state().leadership.leader != identity_.node);
  });
}

// Whether the voters that stay are enough. A node alone takes nothing away.
bool node::impl::quorum_without_us() const {
  auto voters = mirror_.state().members.voters;
  std::size_t stay = 0;
  for (auto id : voters)
    if (auto node = mirror_.node(id); node && id != identity_.node)
      stay += node->liveness == liveness::up && node->intent == intent::none;
  return voters.size() <= 1 || stay >= voters.size() / 2 + 1;
}

// Gives everything away, or saves it for the return.
bool node::impl::leave(stop_kind how) {
  auto self = identity_.node;
  auto intent_now = [&] {
    auto node = mirror_.node(self);
    return node ? node->intent : intent::none;
  };
  auto wish = how == stop_kind::drain ? intent::drain : intent::restart;
  auto alone = mirror_.nodes().size() <= 1;
  if (how == stop_kind::drain && alone)
    return true;
  // The answer may come when nobody waits for it any more.
  auto ask = [this](proto::CommandRequest what, std::chrono::seconds limit) {
    auto answered = std::make_shared<std::atomic<int>>(-1);
    command(std::move(what), [this, answered](const proto::CommandReply& r) {
      if (r.code() != 0)
        spdlog::warn("{}: {}", identity_.name, r.detail());
      *answered = static_cast<int>(r.code());
      changed_.notify_all();
    });
    wait_for(limit, [&] { return *answered >= 0; });
    return *answered == 0;
  };
  if (intent_now() != wish) {
    proto::CommandRequest what;
    auto& cmd = *what.mutable_map()->mutable_set_intent();
    cmd.set_node(self.value);
    cmd.set_intent(wish == intent::drain ? proto::INTENT_DRAIN
                                         : proto::INTENT_RESTART);
    cmd.set_cause("stop");
    if (!ask(std::move(what), std::chrono::seconds{15}))
      return false;
  }
  auto& times = options_.settings;
  if (wish == intent::restart) {
    auto alive = std::make_shared<std::atomic<int>>(-1);
    auto until = boot_now() + times.stop_deadline + times.move_step;
    while (*alive != 0 && boot_now() < until) {
      *alive = -1;
      post([this, alive](coordinator_actor& c) {
        *alive = static_cast<int>(c.actors());
        changed_.notify_all();
      });
      wait_for(std::chrono::seconds{5}, [&] { return *alive >= 0; });
      wait_for(std::chrono::milliseconds{20}, [] { return false; });
    }
    hand_over();
    // The others may be told to restart at this moment too, and their saying so
    // needs the quorum that would go with this node.
    if (!quorum_without_us())
      wait_for(times.stabilisation, [] { return false; });
    return *alive == 0;
  }
  bool empty = wait_for(times.drain, [&] {
    for (auto& [region, count] : mirror_.owned(self))
      if (count > 0)
        return false;
    return true;
  });
  if (!empty)
    spdlog::warn("{}: still owns partitions after {} ms of draining",
                 identity_.name, times.drain.count());
  // What clients asked through this node is answered while it is a member.
  if (http_)
    http_->stop();
  hand_over(); // and ask the next leader to be let go
  proto::CommandRequest what;
  what.mutable_leave()->set_incarnation(identity_.self.value);
  return ask(std::move(what), std::chrono::seconds{12});
}

void node::impl::stop_core() {
  caf::actor coordinator;
  {
    std::lock_guard guard{mutex_};
    coordinator.swap(coordinator_);
  }
  if (!coordinator)
    return;
  std::vector<caf::actor> partitions;
  caf::scoped_actor self{*system_};
  caf::anon_send(coordinator, coordinator_task{[&](coordinator_actor& c) {
                   partitions = c.shut_down();
                 }});
  self->wait_for(coordinator);
  for (auto& one : partitions)
    self->wait_for(one);
}

void node::impl::stop(stop_kind how) {
  auto before = phase_.exchange(phase::stopping);
  if (before == phase::stopping || before == phase::stopped) {
    phase_ = before;
    return;
  }
  bool works = before == phase::started && !broken_;
  if (works && how != stop_kind::now && !leave(how))
    spdlog::warn("{}: stops without having left in good order", identity_.name);
  if (http_)
    http_->stop();
  plane_->stop();
  if (links_)
    links_->stop(how == stop_kind::now ? std::chrono::milliseconds{100}
                                       : std::chrono::milliseconds{1000});
  stop_core();
  if (disk_)
    disk_->stop();
  disk_.reset();
  states_.reset();
  lock_.reset();
  if (temporary_) {
    std::error_code ignored;
    std::filesystem::remove_all(data_, ignored);
  }
  phase_ = phase::stopped;
  changed_.notify_all();
}

} // namespace troupe

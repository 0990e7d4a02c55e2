// From a member of a cluster to nothing.
#include <algorithm>
#include <filesystem>

#include <caf/scoped_actor.hpp>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/http_backend.hpp>
#include <troupe/runtime/logger.hpp>
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
// A leader that removed itself could be gone before the others know that this
// is committed, and then they would miss its vote. It cannot hand over while
// the voters change, as they do when several nodes stop at once: it tries
// again.
void node::impl::hand_over() {
  auto leads = [this] {
    return mirror_.state().leadership.leader == identity_.node;
  };
  auto until = boot_now() + std::chrono::seconds{2};
  do {
    auto began = std::make_shared<std::atomic<int>>(-1);
    post([this, began](coordinator_actor& c) {
      *began = c.core().hand_over() ? 1 : 0;
      changed_.notify_all();
    });
    wait_for(std::chrono::seconds{2},
             [&] { return *began == 0 || (*began > 0 && !leads()); });
    if (leads())
      wait_for(std::chrono::milliseconds{20}, [&] { return !leads(); });
  } while (leads() && !is_last() && boot_now() < until);
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
  if (how == stop_kind::drain && is_last())
    return true;
  // The answer may come when nobody waits for it any more.
  auto ask = [this](proto::CommandRequest what, std::chrono::seconds limit) {
    struct answer {
      std::atomic<bool> there{false};
      proto::CommandReply reply;
    };
    auto answered = std::make_shared<answer>();
    command(std::move(what), [this, answered](const proto::CommandReply& r) {
      answered->reply = r;
      answered->there = true;
      changed_.notify_all();
    });
    wait_for(limit, [&] { return answered->there || is_cut_off(); });
    proto::CommandReply out;
    if (answered->there)
      out = answered->reply;
    if (!answered->there || (out.code() != 0 && is_cut_off())) {
      out.set_code(static_cast<std::uint32_t>(errc::no_quorum));
      out.set_detail("no majority of the voters answers");
    }
    return out;
  };
  // Again when somebody has taken it back meanwhile.
  auto say_wish = [&]() -> proto::CommandReply {
    if (intent_now() == wish)
      return {};
    proto::CommandRequest what;
    auto& cmd = *what.mutable_map()->mutable_set_intent();
    cmd.set_node(self.value);
    cmd.set_intent(wish == intent::drain ? proto::INTENT_DRAIN
                                         : proto::INTENT_RESTART);
    cmd.set_cause("stop");
    cmd.set_ends(true);
    // A leader that goes with the question is no answer.
    auto until = boot_now() + std::chrono::seconds{15};
    auto said = ask(what, std::chrono::seconds{15});
    auto is = [&](errc code) { return static_cast<errc>(said.code()) == code; };
    while (!is(errc::none) && !is(errc::conflict) && !is(errc::no_quorum)
           && boot_now() < until) {
      wait_for(std::chrono::milliseconds{50}, [] { return false; });
      said = ask(what, std::chrono::seconds{15});
    }
    if (is(errc::none))
      wait_for(std::chrono::seconds{1}, [&] { return intent_now() == wish; });
    return said;
  };
  if (auto said = say_wish(); said.code() != 0)
    return wish == intent::drain && stay_to_the_end(said);
  auto& times = options_.settings;
  if (wish == intent::restart) {
    auto alive = std::make_shared<std::atomic<int>>(-1);
    auto refused = std::make_shared<std::atomic<std::size_t>>(0);
    auto until = boot_now() + times.stop_deadline + times.move_step;
    while (*alive != 0 && *refused == 0 && boot_now() < until) {
      *alive = -1;
      post([this, alive, refused](coordinator_actor& c) {
        *refused = c.states_refused();
        *alive = static_cast<int>(c.actors() + c.states_open());
        changed_.notify_all();
      });
      wait_for(std::chrono::seconds{5}, [&] { return *alive >= 0; });
      wait_for(std::chrono::milliseconds{20}, [] { return false; });
      (void)say_wish();
    }
    if (*refused > 0) {
      // They are in memory alone: others take them, instead of a restart.
      logger().error("{}: no room in {} for what its partitions save: it gives "
                     "them to other nodes and leaves; make room, then start it "
                     "again",
                     identity_.name, data_);
      return leave(stop_kind::drain);
    }
    hand_over();
    // The leader need not wait for the end of the lease.
    post([](coordinator_actor& c) { c.retire(); });
    wait_for(times.heartbeat * 5, [&] {
      auto node = mirror_.node(self);
      return !node || node->liveness != liveness::up;
    });
    // The others may be told to restart at this moment too, and their saying so
    // needs the quorum that would go with this node.
    if (!quorum_without_us())
      wait_for(times.stabilisation, [] { return false; });
    return *alive == 0;
  }
  auto until = boot_now() + times.drain;
  auto gives_away = [&] { return intent_now() == wish; };
  auto empty = [&] { return mirror_.movable(self) == 0 || is_cut_off(); };
  while (!(empty() && gives_away()) && boot_now() < until) {
    if (say_wish().code() != 0)
      break;
    wait_for(std::chrono::duration_cast<std::chrono::milliseconds>(
                 std::max(until - boot_now(), boot_time{0})),
             [&] { return empty() || !gives_away(); });
  }
  std::uint32_t left = 0;
  for (auto& [region, count] : mirror_.owned(self))
    left += count;
  // What clients asked through this node is answered while it is a member.
  if (http_)
    http_->stop();
  hand_over(); // and ask the next leader to be let go
  if (left > 0) {
    // They run until the process ends: their next owners wait for the lease.
    logger().warn("{}: {} partitions that no other node took end with it",
                  identity_.name, left);
    return false;
  }
  proto::CommandRequest what;
  what.mutable_leave()->set_incarnation(identity_.self.value);
  return ask(std::move(what), std::chrono::seconds{12}).code() == 0;
}

// Nobody is left to give anything to.
bool node::impl::is_last() const {
  auto nodes = mirror_.nodes();
  bool others = std::any_of(nodes.begin(), nodes.end(), [&](auto& kv) {
    return kv.first != identity_.node && kv.second.liveness == liveness::up;
  });
  if (!others && nodes.size() > 1)
    logger().info("{}: the last node that runs: it gives nothing away",
                  identity_.name);
  return !others;
}

// For so long that no election explains it.
bool node::impl::is_cut_off() const {
  return boot_now() - std::max(mirror_.state().lease_end, started_at_)
         > 2 * options_.settings.election_max + std::chrono::seconds{1};
}

// This node cannot give anything away. That is so when all stop at once: then
// it is the one that the others give to, and lets them finish.
bool node::impl::stay_to_the_end(const proto::CommandReply& refused) {
  auto others_drain = [&] {
    for (auto& [id, node] : mirror_.nodes())
      if (id != identity_.node && node.liveness == liveness::up
          && node.intent == intent::drain)
        return true;
    return false;
  };
  wait_for(options_.settings.drain, [&] {
    bool seen = mirror_.state().version.value >= refused.index();
    return (seen && !others_drain()) || is_cut_off();
  });
  if (is_last())
    return true;
  logger().warn("{}: ends with all that it owns: {}", identity_.name,
                refused.detail());
  return false;
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
  bool wished = before == phase::started && !broken_ && how != stop_kind::now;
  bool in_order = wished && leave(how);
  if (http_)
    http_->stop();
  plane_->stop();
  // A goodbye says that all that was taken has been seen to.
  if (links_ && in_order)
    links_->stop(std::chrono::milliseconds{1000});
  else if (links_)
    links_->abandon();
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

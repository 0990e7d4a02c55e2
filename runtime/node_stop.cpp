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

void node::impl::goes_on_leaving(const departing& what) {
  if (what.now == departing::stage::no_room)
    logger().error("{}: no room in {} for what its partitions save: it gives "
                   "them to other nodes and leaves; make room, then start it "
                   "again",
                   identity_.name, data_);
  std::lock_guard guard{mutex_};
  departing_ = what;
  changed_.notify_all();
}

// Gives everything away, or saves it for the return. True: nobody waits for
// anything that is left here.
bool node::impl::leave(stop_kind how) {
  post([how](coordinator_actor& c) {
    c.core().depart(how == stop_kind::drain ? departure::goal::leave
                                            : departure::goal::restart);
  });
  auto is = [this](departing::stage x) {
    return departing_ && departing_->now == x;
  };
  // It ends by itself; `limit` is for a coordinator that does not run.
  auto& times = options_.settings;
  auto limit = times.drain * 2 + times.stop_deadline + times.move_step
               + std::chrono::seconds{60};
  wait_for(limit, [&] {
    return is(departing::stage::serves_nobody) || is(departing::stage::ended);
  });
  bool serves = true;
  {
    std::lock_guard guard{mutex_};
    serves = !is(departing::stage::serves_nobody);
  }
  if (!serves) {
    if (http_)
      http_->stop();
    post([](coordinator_actor& c) { c.core().clients_gone(); });
    wait_for(limit, [&] { return is(departing::stage::ended); });
  }
  std::lock_guard guard{mutex_};
  if (!is(departing::stage::ended))
    return false;
  auto& end = *departing_;
  if (end.last)
    logger().info("{}: the last node that runs: it gives nothing away",
                  identity_.name);
  if (end.kept > 0)
    logger().warn("{}: {} partitions that no other node took end with it",
                  identity_.name, end.kept);
  else if (!end.in_order && !end.refused.empty())
    logger().warn("{}: ends with all that it owns: {}", identity_.name,
                  end.refused);
  return end.in_order;
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

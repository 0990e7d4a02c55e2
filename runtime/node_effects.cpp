// What the coordinator has decided, performed.
#include <algorithm>
#include <cstdlib>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/event_rows.hpp>
#include <troupe/runtime/logger.hpp>
#include <troupe/runtime/node_impl.hpp>

namespace troupe {

void node::impl::persist(raft::persist_batch batch) {
  disk_->persist(std::move(batch));
}

void node::impl::save_snapshot(raft::snapshot_meta meta,
                               std::shared_ptr<const std::string> bytes) {
  disk_->save_snapshot(std::move(meta), std::move(bytes));
}

void node::impl::store_snapshot(raft::snapshot_meta meta,
                                std::shared_ptr<const std::string> bytes) {
  disk_->store_snapshot(std::move(meta), std::move(bytes));
}

void node::impl::keep_state(partition_key key, std::string region, epoch at,
                            partition_state state) {
  disk_->keep_state(key, std::move(region), at, std::move(state));
}

void node::impl::drop_state(partition_key key, std::string region) {
  disk_->drop_state(key, std::move(region));
}

std::optional<partition_state>
node::impl::find_state(partition_key key, const std::string& region, epoch at) {
  auto found = states_->load(region, key.partition);
  if (!found || !*found || (*found)->epoch != at || (*found)->bytes.empty())
    return std::nullopt;
  auto& bytes = (*found)->bytes;
  partition_state out;
  out.present = bytes[0] != '\0';
  if (out.present)
    out.bytes = std::make_shared<const std::string>(bytes.substr(1));
  return out;
}

void node::impl::ticked(const node_core& core) {
  auto now = boot_now();
  mirror_.update(core, now);
  for (auto i = unlink_at_.begin(); i != unlink_at_.end();) {
    if (now < i->second) {
      ++i;
      continue;
    }
    links_->drop_peer(i->first);
    i = unlink_at_.erase(i);
  }
  changed_.notify_all();
  std::vector<caf::strong_actor_ptr> late;
  {
    std::lock_guard guard{asks_mutex_};
    while (!asks_.empty() && asks_.begin()->first <= now) {
      late.push_back(std::move(asks_.begin()->second));
      asks_.erase(asks_.begin());
    }
  }
  for (auto& who : late)
    static_cast<ask_sink*>(who->get())
        ->finish({caf::make_message(
                      make_error(errc::outcome_unknown,
                                 "no answer in time; the message may have been "
                                 "processed")),
                  {},
                  {}});
}

void node::impl::region_changed(const region_record& region) {
  mirror_.update(region);
}

void node::impl::partition_changed(partition_key key, const assignment& now) {
  mirror_.update(key, now);
}

void node::impl::nodes_changed(const node_core& core) {
  mirror_.update_nodes(core);
  std::vector<link::peer_address> peers;
  std::set<node_id> linked;
  bool restart = false;
  for (auto& [id, node] : core.map().nodes()) {
    if (id == identity_.node) {
      restart = node.intent == intent::restart
                && node.incarnation == identity_.self
                && node.liveness == liveness::up;
      continue;
    }
    if (node.liveness == liveness::removed || node.liveness == liveness::left)
      continue;
    peers.push_back({id, node.incarnation, node.address});
    linked.insert(id);
  }
  links_->set_peers(peers);
  for (auto id : linked)
    unlink_at_.erase(id);
  for (auto id : linked_) {
    if (linked.count(id) != 0)
      continue;
    auto* node = core.map().node(id);
    if (node && node->liveness == liveness::left)
      unlink_at_[id] = boot_now() + options_.settings.farewell;
    else
      links_->drop_peer(id);
  }
  linked_ = std::move(linked);
  if (restart && phase_ == phase::started)
    request_stop(stop_kind::restart);
}

void node::impl::happened(const proto::Event& event) {
  bool degraded = event.kind() == proto::EVENT_KIND_DEGRADED;
  if (degraded || event.kind() == proto::EVENT_KIND_RESTORED) {
    mirror_.happened(event, boot_now());
    auto& level = metrics_.level(
        "troupe_degraded_level",
        "alerts of a region that runs on without a lease: 1 notice, 2 warning, "
        "3 critical; 0: it has one",
        {{"region", event.region()}});
    level.set(degraded ? level.value() + 1 : 0);
  }
  std::lock_guard guard{events_mutex_};
  std::uint64_t seq = event.seq();
  if (event.local())
    seq = local_events_.append_next(to_row(event));
  else
    cluster_events_.append(to_row(event));
  for (auto& who : subscribers_) {
    auto told = event;
    told.set_seq(seq);
    caf::anon_send(who, std::move(told));
  }
}

void node::impl::stop_process(const failure& why) {
  logger().error("{}: {}: {}; {}", identity_.name, to_string(why.code),
                 why.detail, why.hint);
  {
    std::lock_guard guard{mutex_};
    if (!broken_)
      broken_ = why;
  }
  // The thread of a handler that hangs cannot be ended, and an orderly end
  // would wait for it.
  if (why.code == errc::overrun) {
    logger().flush();
    std::_Exit(exit_overrun);
  }
  request_stop(stop_kind::now);
}

} // namespace troupe

// The map on this node: what an entry or a snapshot changes.
#include <algorithm>
#include <set>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/node/node_core.hpp>
#include <troupe/cluster/raft/codec.hpp>

namespace troupe {

void node_core::apply(boot_time now, const raft::entry& entry) {
  applied_ = entry.index;
  applied_term_ = entry.term;
  if (std::holds_alternative<raft::configuration_change>(entry.body)) {
    members_ = raft_.apply_change(entry);
    publish(now, map_.apply_members(entry.index, members_));
  } else if (auto* command = std::get_if<raft::payload>(&entry.body)) {
    proto::MapEntry what;
    if (!what.ParseFromString(**command)) {
      emit(stop_process{{errc::data_directory,
                         "entry " + std::to_string(entry.index.value)
                             + " of the log is not a command",
                         "upgrade this node to the version that wrote it"}});
      return;
    }
    auto done = map_.apply(entry.index, what);
    auto results = std::move(done.results);
    publish(now, std::move(done));
    if (proposed_ && proposed_->index == entry.index) {
      auto mine = *std::exchange(proposed_, std::nullopt);
      if (mine.term == entry.term)
        coordinator_.done(mine.what, entry.index, results);
      else
        coordinator_.failed(mine.what, errc::not_leader);
    }
  }
}

// What an entry changed, told to everybody on this node: first who is lost,
// then where partitions are.
void node_core::publish(boot_time now, troupe::applied what) {
  // Streams to itself are never given up: what its own actors did not begin
  // comes back in order when they are killed.
  for (auto id : what.lost)
    if (id != config_.self)
      lose(now, id);
  if (what.nodes) // a way there before a route
    emit(nodes_changed{});
  for (auto& event : what.events)
    if (event.kind() == proto::EVENT_KIND_NODE_UP
        && event.node() == config_.self.value)
      announce_at_ = boot_time{0};
  for (auto id : what.regions)
    emit(region_changed{id});
  for (auto key : what.partitions) {
    auto* a = map_.find(key);
    if (!a) { // the region shrank
      route nowhere;
      nowhere.version = applied_;
      if (routing_)
        emit(route_changed{key, nowhere});
      host_.forget(key);
      perform_host();
      continue;
    }
    if (routing_)
      emit(route_changed{key, route_of(*a)});
    host_.learn(key, *a);
    perform_host();
  }
  host_.lost(what.lost);
  begin_routing();
  coordinator_.applied(now, what, map_);
  if (!what.events.empty())
    emit(happened{std::move(what.events)});
  // An earlier start may be somebody else's, whose id was free.
  if (auto* self = map_.node(config_.self);
      self
      && (self->incarnation > config_.started
          || (self->incarnation == config_.started
              && self->liveness == liveness::removed)))
    emit(stop_process{{errc::foreign_node,
                       "another process was started as this node, later",
                       "stop one of the two; a copied data directory must not "
                       "be started"}});
}

// Who went in order still answers fences, and says goodbye: until then nothing
// that was sent to it is unknown.
void node_core::lose(boot_time now, node_id id) {
  owner_lost lost{id, incarnation{~0ull}, applied_};
  bool in_order = false;
  if (auto* node = map_.node(id)) {
    lost.upto = node->incarnation;
    if (node->liveness == liveness::up && lost.upto.value > 0)
      --lost.upto.value;
    in_order = node->liveness == liveness::left
               || (node->liveness == liveness::down
                   && node->intent == intent::restart);
  }
  farewells_.erase(id);
  if (in_order)
    farewells_[id] = {now + config_.settings.farewell, lost};
  else
    emit(lost);
}

// Until the map shows this node up it is history that is read, from the disk or
// from the leader: whoever owned something then may be gone for long.
void node_core::begin_routing() {
  if (routing_ || !joined())
    return;
  routing_ = true;
  for (auto& [id, region] : map_.regions())
    for (partition_id p = 0; p < region.partitions.size(); ++p)
      emit(route_changed{{id, p}, route_of(region.partitions[p])});
}

void node_core::publish_all(boot_time now, const std::vector<node_id>& lost) {
  std::map<region_id, std::size_t> known;
  for (auto& [id, region] : map_.regions()) {
    known[id] = region.partitions.size();
    emit(region_changed{id});
  }
  host_.forget_unless(known);
  perform_host();
  for (auto id : lost)
    if (id != config_.self)
      lose(now, id);
  emit(nodes_changed{});
  for (auto& [id, region] : map_.regions())
    for (partition_id p = 0; p < region.partitions.size(); ++p) {
      if (routing_)
        emit(route_changed{{id, p}, route_of(region.partitions[p])});
      host_.learn({id, p}, region.partitions[p]);
      perform_host();
    }
  host_.lost(lost);
  begin_routing();
  coordinator_.restored(now, map_);
}

void node_core::restore(boot_time now, const raft::snapshot_meta& meta,
                        std::string_view bytes) {
  std::map<node_id, incarnation> before;
  for (auto& [id, node] : map_.nodes())
    before[id] = node.incarnation;
  proto::MapSnapshot snapshot;
  if (!snapshot.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))
      || !map_.restore(snapshot)) {
    emit(stop_process{{errc::data_directory,
                       "the map's snapshot at index "
                           + std::to_string(meta.index.value)
                           + " cannot be read",
                       "upgrade this node to the version that wrote it"}});
    return;
  }
  members_ = meta.conf;
  applied_ = meta.index;
  applied_term_ = meta.term;
  // Who may have gone while this node did not look.
  std::vector<node_id> lost;
  for (auto& [id, started] : before)
    if (auto* node = map_.node(id);
        !node || node->incarnation != started || node->liveness != liveness::up)
      lost.push_back(id);
  publish_all(now, lost);
  if (lease_.applied(applied_))
    emit(lease_extended{lease_.end()});
}

void node_core::take_snapshot() {
  proto::MapSnapshot snapshot;
  map_.save(snapshot);
  saving_meta_ = {applied_, applied_term_, members_};
  saving_bytes_ =
      std::make_shared<const std::string>(snapshot.SerializeAsString());
  saving_ = true;
  emit(save_snapshot{saving_meta_, saving_bytes_});
}

void node_core::snapshot_saved(log_index at) {
  saving_ = false;
  snapshot_at_ = std::max(snapshot_at_, at);
  (void)raft_.compact(raft_.snapshot_taken(at));
}

} // namespace troupe

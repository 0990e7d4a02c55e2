#include <troupe/cluster/move/partition_host.hpp>

#include <algorithm>
#include <utility>

namespace troupe {

template <class F>
void partition_host::update(partition_key key, F change) {
  auto& r = records_[key];
  change(r);
  drive(key, r);
  if (has_fact(r)) {
    with_facts_.insert(key);
    news_.insert(key);
  } else {
    with_facts_.erase(key);
    news_.erase(key);
  }
  bool idle = r.actor == life::none && !r.saved && !r.received
              && r.now.owner != self_ && r.now.target != self_;
  if (idle)
    records_.erase(key);
}

void partition_host::recovered(partition_key key, epoch at,
                               partition_state state) {
  update(key, [&](record& r) {
    r.saved = kept_state{at, std::move(state), {}, {}, true, true};
  });
}

void partition_host::learn(partition_key key, const assignment& now) {
  bool concerns =
      now.owner == self_ || now.target == self_ || records_.count(key) != 0;
  if (concerns)
    update(key, [&](record& r) {
      r.now = {now.stage,  now.owner,  now.owner_incarnation, now.epoch,
               now.target, now.source, now.source_epoch};
    });
}

void partition_host::forget(partition_key key) {
  auto i = records_.find(key);
  if (i == records_.end())
    return;
  auto& r = i->second;
  if (r.saved && r.saved->asked_disk)
    effects_.push_back(drop_from_disk{key, r.saved->epoch});
  r.saved.reset();
  r.received.reset();
  with_facts_.erase(key);
  news_.erase(key);
  awaited_.erase(key);
  if (r.actor != life::none) { // until it has stopped
    kill(key, r);
    r.now = {};
    return;
  }
  records_.erase(i);
}

void partition_host::forget_unless(
    const std::map<region_id, std::size_t>& known) {
  std::vector<partition_key> gone;
  for (auto& [key, r] : records_)
    if (auto i = known.find(key.region);
        i == known.end() || key.partition >= i->second)
      gone.push_back(key);
  for (auto key : gone)
    forget(key);
}

void partition_host::started(partition_key key, epoch at) {
  auto i = records_.find(key);
  if (i == records_.end() || i->second.actor != life::starting
      || i->second.epoch != at)
    return;
  update(key, [&](record& r) { set_life(key, r, life::running); });
}

void partition_host::stopped(partition_key key, epoch at,
                             std::optional<partition_state> state) {
  auto i = records_.find(key);
  if (i == records_.end() || i->second.actor == life::none
      || i->second.epoch != at)
    return;
  update(key, [&](record& r) {
    set_life(key, r, life::none);
    if (state)
      r.saved = kept_state{at, std::move(*state), {}, {}, false, false};
  });
}

void partition_host::failed(partition_key key, epoch at, std::string why) {
  auto i = records_.find(key);
  if (i == records_.end() || i->second.actor == life::none
      || i->second.epoch != at)
    return;
  update(key, [&](record& r) {
    set_life(key, r, life::none);
    fail(r, at, std::move(why), false);
  });
}

void partition_host::kept(partition_key key, epoch at) {
  auto i = records_.find(key);
  if (i == records_.end() || !i->second.saved || i->second.saved->epoch != at)
    return;
  update(key, [&](record& r) { r.saved->on_disk = true; });
}

void partition_host::state_arrived(node_id from, partition_key key, epoch at,
                                   partition_state state) {
  update(key, [&](record& r) {
    effects_.push_back(acknowledge_state{from, key, at});
    if (!r.received || r.received->epoch < at)
      r.received = kept_state{at, std::move(state), {}, {}, false, false};
  });
}

void partition_host::state_taken(node_id by, partition_key key, epoch at) {
  auto i = records_.find(key);
  if (i == records_.end() || !i->second.saved || i->second.saved->epoch != at)
    return;
  update(key, [&](record& r) { r.saved->taken_by = by; });
}

void partition_host::session_ended(node_id with) {
  std::vector<partition_key> again;
  for (auto& [key, r] : records_)
    if ((r.saved && r.saved->sent_to == with)
        || (r.received && r.received->sent_to == with))
      again.push_back(key);
  for (auto key : again)
    update(key, [&](record& r) {
      for (auto* kept : {r.saved.get(), r.received.get()})
        if (kept && kept->sent_to == with)
          kept->sent_to = kept->taken_by = {};
    });
}

// Who waits for a state from there waits in vain: the leader looks for another
// copy, and says so if there is none.
void partition_host::lost(const std::vector<node_id>& nodes) {
  if (nodes.empty())
    return;
  std::vector<partition_key> vain;
  for (auto& [key, r] : records_)
    if (awaits_state(r)
        && std::binary_search(nodes.begin(), nodes.end(), r.now.source))
      vain.push_back(key);
  for (auto key : vain)
    update(key, [](record& r) {
      give_up(r, "the node that held the state is gone");
    });
}

// The leader gives it to who holds the state, or to another that may reach it.
void partition_host::give_up_states(boot_time now, boot_time limit) {
  std::vector<partition_key> late;
  for (auto& [key, one] : awaited_) {
    if (one.since == boot_time{0})
      one.since = now;
    if (now - one.since > limit)
      late.push_back(key);
  }
  for (auto key : late)
    update(key, [](record& r) {
      give_up(r, "its state has not come from node "
                     + std::to_string(r.now.source.value));
    });
}

// -- what follows from a record -----------------------------------------------

bool partition_host::awaits_state(const record& r) const {
  auto here = [&](const rare<kept_state>& kept) {
    return kept && kept->epoch == r.now.source_epoch;
  };
  return mine(r) && r.now.stage == stage::starting && r.actor == life::none
         && !r.has_failed() && r.now.source && r.now.source != self_
         && !here(r.saved) && !here(r.received);
}

void partition_host::fail(record& r, troupe::epoch at, std::string why,
                          bool unstarted) {
  r.failed = failed_start{at, std::move(why), unstarted};
}

void partition_host::give_up(record& r, std::string why) {
  fail(r, r.now.epoch, std::move(why), true);
}

void partition_host::set_life(partition_key key, record& r, life next) {
  alive_ += (next != life::none) - (r.actor != life::none);
  r.actor = next;
  if (next == life::none)
    r.killed = false;
  if (next == life::starting || next == life::stopping)
    watched_[key] = {next == life::starting};
  else if (!r.killed)
    watched_.erase(key);
}

auto partition_host::overruns(boot_time now, boot_time limit)
    -> std::vector<overrun> {
  std::vector<overrun> out;
  for (auto& [key, one] : watched_) {
    if (one.since == boot_time{0})
      one.since = now;
    if (!one.told && now - one.since > limit) {
      one.told = true;
      out.push_back({key, records_.at(key).epoch, one.since, one.starts});
    }
  }
  return out;
}

void partition_host::kill(partition_key key, record& r) {
  if (std::exchange(r.killed, true))
    return;
  if (auto& one = watched_[key]; one.starts)
    one = {};
  effects_.push_back(kill_actor{key, r.epoch});
}

partition_host::kept_state* partition_host::state_of(record& r, epoch at) {
  if (r.saved && r.saved->epoch == at)
    return r.saved.get();
  if (r.received && r.received->epoch == at)
    return r.received.get();
  return nullptr;
}

void partition_host::drive(partition_key key, record& r) {
  drive_actor(key, r);
  drive_start(key, r);
  drive_state(key, r);
  if (!awaits_state(r))
    awaited_.erase(key);
  else if (auto& one = awaited_[key]; one.epoch != r.now.epoch)
    one = {r.now.epoch};
}

// An actor that lives: does it still own the partition, and is it to stop?
void partition_host::drive_actor(partition_key key, record& r) {
  if (r.actor == life::none)
    return;
  auto& now = r.now;
  // The move was rolled back before the actor had stopped, or even heard of
  // it: it stops all the same, and then starts again from what it saved.
  bool rolled_back =
      mine(r) && now.source == self_ && now.source_epoch == r.epoch;
  if (!rolled_back && !(mine(r) && now.epoch == r.epoch)) {
    kill(key, r);
  } else if ((rolled_back || now.stage == stage::pausing)
             && r.actor == life::running) {
    set_life(key, r, life::stopping);
    effects_.push_back(stop_actor{key, r.epoch});
  }
}

// No actor, and the map wants one here.
void partition_host::drive_start(partition_key key, record& r) {
  auto& now = r.now;
  if (r.actor != life::none || !mine(r) || r.has_failed())
    return;
  if (now.stage == stage::pausing && (!r.saved || r.saved->epoch < now.epoch)) {
    // Called off before it began. What it would have started from is passed
    // on; without it only the leader can say what comes next.
    return give_up(r, "moved again before it had started");
  }
  if (now.stage != stage::starting)
    return;
  partition_state state;
  if (now.source) {
    auto* found = state_of(r, now.source_epoch);
    if (found) {
      state = found->state;
    } else if (now.source == self_) {
      return give_up(r, "the state saved here is gone");
    } else {
      return; // on its way: the source sends it when it sees the same entry
    }
  }
  set_life(key, r, life::starting);
  r.epoch = now.epoch;
  effects_.push_back(start_actor{key, now.epoch, std::move(state)});
}

// States that are kept for others, and when they may go.
void partition_host::drive_state(partition_key key, record& r) {
  auto& now = r.now;
  if (r.received && now.stage == stage::running
      && now.epoch > r.received->epoch)
    r.received.reset();
  for (auto* kept : {r.saved.get(), r.received.get()}) {
    if (!kept)
      continue;
    node_id to;
    if (now.stage == stage::pausing && now.epoch == kept->epoch
        && now.owner == self_)
      to = now.target;
    else if (now.stage == stage::starting && now.source == self_
             && now.source_epoch == kept->epoch)
      to = now.owner;
    if (to && to != self_ && kept->sent_to != to) {
      kept->sent_to = to;
      kept->taken_by = {};
      effects_.push_back(send_state{to, key, kept->epoch, kept->state});
    } else if (to == self_ && now.stage == stage::pausing
               && !kept->asked_disk) {
      kept->asked_disk = true;
      effects_.push_back(keep_on_disk{key, kept->epoch, kept->state});
    }
  }
  if (r.saved && now.stage == stage::running && now.epoch > r.saved->epoch) {
    if (r.saved->asked_disk)
      effects_.push_back(drop_from_disk{key, r.saved->epoch});
    r.saved.reset();
  }
}

// -- facts --------------------------------------------------------------------

bool partition_host::has_fact(const record& r) const {
  auto& now = r.now;
  if (r.has_failed() && now.stage != stage::unassigned)
    return true;
  if (holds_orphan(r))
    return true;
  if (now.stage == stage::starting)
    return r.actor == life::running && r.epoch == now.epoch;
  if (now.stage != stage::pausing)
    return false;
  if (r.saved && r.saved->epoch == now.epoch && now.owner == self_)
    return now.target == self_ ? r.saved->on_disk
                               : r.saved->taken_by == now.target;
  return r.received && r.received->epoch == now.epoch && now.target == self_;
}

// Of two holders the leader takes the one that says so first: the states are
// the same.
bool partition_host::holds_orphan(const record& r) const {
  auto holds = [&](const rare<kept_state>& kept) {
    return kept && kept->epoch == r.now.source_epoch;
  };
  return r.now.stage == stage::unassigned && r.now.source_epoch
         && (holds(r.saved) || holds(r.received));
}

proto::Facts partition_host::facts(std::size_t rows_max) const {
  proto::Facts out;
  for (auto key : with_facts_) {
    if (rows_max-- == 0)
      break;
    add_fact(out, key);
  }
  return out;
}

proto::Facts partition_host::take_news() {
  proto::Facts out;
  for (auto key : std::exchange(news_, {}))
    add_fact(out, key);
  return out;
}

void partition_host::add_fact(proto::Facts& to, partition_key key) const {
  auto& r = records_.at(key);
  proto::PartitionRow* row;
  if (holds_orphan(r)) {
    row = to.add_holding();
  } else if (r.has_failed()) {
    row = to.add_failed();
    row->set_text(r.failed->why);
    row->set_unstarted(r.failed->unstarted);
  } else if (r.now.stage == stage::starting) {
    row = to.add_started();
  } else if (r.now.owner == self_ && r.now.target != self_) {
    row = to.add_confirmed();
  } else {
    row = to.add_holding();
  }
  row->set_region(key.region.value);
  row->set_partition(key.partition);
  row->set_epoch(r.now.epoch.value);
  row->set_node(self_.value);
}

} // namespace troupe

// What happens to the members: crashes, pauses, cuts, broken disks, and who
// comes and goes.
#include "world.hpp"

#include <algorithm>

namespace troupe::sim {

using namespace raft;
using namespace std::chrono_literals;

void world::schedule_fault() {
  time_.after(luck_.between(10ms, 2 * plan_.fault_every), [this] {
    if (!faulty_)
      return;
    fault();
    schedule_fault();
  });
}

void world::fault() {
  auto& p = plan_;
  auto at = luck_.below(p.crashes + p.kills + p.pauses + p.cuts + p.disk_faults
                        + p.membership + p.transfers);
  auto place = luck_.below(members_.size());
  auto within = [&](std::uint64_t n) {
    bool out = at < n;
    at -= std::min(at, n);
    return out;
  };
  if (within(p.crashes))
    crash(place, true);
  else if (within(p.kills))
    crash(place, false);
  else if (within(p.pauses))
    pause(place);
  else if (within(p.cuts))
    cut();
  else if (within(p.disk_faults))
    break_disk();
  else if (within(p.membership))
    change_members();
  else if (auto* x = any_running())
    x->transfer();
}

void world::crash(std::size_t place, bool power) {
  auto& x = *members_[place];
  if (!x.running())
    return;
  ++count_.crashes;
  x.crash(power);
  if (luck_.one_in(6)) // all at once
    for (auto& other : members_)
      if (other->running()) {
        other->crash(power);
        time_.after(luck_.between(1ms, 500ms),
                    [this, at = other->place()] { revive(at); });
      }
  time_.after(luck_.between(1ms, 800ms), [=, this] { revive(place); });
}

void world::revive(std::size_t place) {
  auto& x = *members_[place];
  if (x.running() || x.left())
    return;
  if (!x.start()) {
    x.disk().set_capacity(0);
    x.disk().faults = {};
    if (!x.start())
      fail(x.address() + " cannot start from its disk");
  }
  for (auto& other : members_) {
    if (!x.running() || !other->running())
      continue;
    x.meet(other->id(), other->who().node_uuid);
    other->meet(x.id(), x.who().node_uuid);
  }
}

void world::failed(std::size_t place) {
  // Not from within: the member is at work.
  time_.after(0ms, [=, this] {
    auto& x = *members_[place];
    if (!x.running())
      return;
    x.crash(false);
    time_.after(luck_.between(10ms, 300ms), [=, this] { revive(place); });
  });
}

void world::pause(std::size_t place) {
  auto& x = *members_[place];
  if (!x.running() || x.paused())
    return;
  ++count_.pauses;
  x.pause();
  time_.after(luck_.between(20ms, 600ms), [&x] {
    if (x.paused())
      x.resume();
  });
}

void world::cut() {
  cuts_.clear();
  if (luck_.one_in(3))
    return;
  std::vector<bool> side;
  for (std::size_t i = 0; i < members_.size(); ++i)
    side.push_back(luck_.one_in(2));
  bool one_way = luck_.one_in(3);
  for (std::size_t a = 0; a < members_.size(); ++a)
    for (std::size_t b = 0; b < members_.size(); ++b)
      if (side[a] != side[b] && (!one_way || side[a]))
        cuts_.insert({a, b});
  time_.after(luck_.between(50ms, 900ms), [this] { cuts_.clear(); });
}

void world::break_disk() {
  auto* x = any_running();
  if (x == nullptr)
    return;
  ++count_.disk_faults;
  auto& disk = x->disk();
  auto soon = disk.calls() + 1 + luck_.below(20);
  switch (luck_.below(3)) {
  case 0:
    disk.faults.sync_fails_at = soon;
    break;
  case 1:
    disk.faults.call_fails_at = soon;
    break;
  default:
    disk.set_capacity(disk.used() + luck_.below(8192));
    time_.after(luck_.between(50ms, 500ms), [&disk] { disk.set_capacity(0); });
  }
}

// -- members ------------------------------------------------------------------

void world::change_members() {
  auto place = luck_.below(members_.size());
  auto& x = *members_[place];
  if (!x.is_member() && !x.left())
    return join(place);
  auto* through = any_running();
  if (through == nullptr || !x.is_member())
    return;
  proto::GroupMemberCommand what;
  switch (luck_.below(3)) {
  case 0:
    what.set_promote(x.id().value);
    break;
  case 1:
    what.set_demote(x.id().value);
    break;
  default:
    what.set_remove(x.id().value);
    return through->wish(what, [=, this](group_code why, member_id) {
      if (why == group_code::none)
        retire(place);
    });
  }
  through->wish(what, [](group_code, member_id) {});
}

void world::join(std::size_t place) {
  auto& x = *members_[place];
  auto* through = any_running();
  if (through == nullptr || !x.start())
    return;
  auto uuid = x.who().node_uuid;
  auto group = through->who().cluster;
  x.crash(false); // it starts when it is let in
  proto::GroupMemberCommand what;
  what.mutable_add()->set_address(x.address());
  what.mutable_add()->set_uuid(std::string(uuid.begin(), uuid.end()));
  what.mutable_add()->set_votes(luck_.one_in(2));
  through->wish(what, [=, this, &x](group_code why, member_id id) {
    if (why != group_code::none || x.is_member())
      return;
    ++count_.joined;
    places_[id] = place;
    x.let_in(group, id);
    time_.after(1ms, [=, this] { revive(place); });
  });
}

// Once the group agreed, somebody switches the member off, sooner or later.
void world::retire(std::size_t place) {
  ++count_.removed;
  time_.after(luck_.between(50ms, 3000ms), [=, this] {
    auto& x = *members_[place];
    for (auto& other : members_)
      if (other->running() && other->core().members().is_removed(x.id())) {
        if (x.running())
          x.crash(false);
        x.retire();
        return;
      }
    retire(place); // not in force yet
  });
}

} // namespace troupe::sim

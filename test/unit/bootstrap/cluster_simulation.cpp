#include "cluster_simulation.hpp"

#include <algorithm>
#include <type_traits>

#include <troupe/cluster/bootstrap/codec.hpp>
#include <troupe/cluster/bootstrap/member_answer.hpp>

namespace troupe::boot::test {

using namespace std::chrono_literals;

void cluster_simulation::add_node(address at, std::vector<address> join,
                                  std::uint32_t expect,
                                  std::chrono::milliseconds start_at) {
  node x;
  for (auto& byte : x.config.own.uuid.bytes)
    byte = static_cast<std::uint8_t>(engine_());
  x.config.own.name = "node-" + at;
  x.config.own.address = std::move(at);
  x.config.join = std::move(join);
  x.config.expect = expect;
  nodes_.push_back(std::move(x));
  put(start_at, {0, boot{nodes_.size() - 1}});
}

void cluster_simulation::run(const faults& bad,
                             std::chrono::milliseconds bad_for,
                             std::chrono::milliseconds good_for) {
  faults_ = bad;
  auto healed = false;
  auto healed_at = time_point{bad_for};
  auto all_ended = [&] {
    return std::all_of(nodes_.begin(), nodes_.end(),
                       [](auto& x) { return x.ended; });
  };
  while (flaw_.empty() && !all_ended() && !queue_.empty()) {
    auto next = queue_.begin();
    if (!healed && next->first >= healed_at) {
      healed = true;
      faults_ = {};
      now_ = healed_at;
      for (std::size_t i = 0; i < nodes_.size(); ++i)
        power_on(i);
      continue;
    }
    now_ = next->first;
    if (now_ > healed_at + good_for)
      return wrong("not over in time after all faults stopped");
    auto what = std::move(next->second);
    queue_.erase(next);
    step(what);
  }
  if (flaw_.empty() && !all_ended())
    wrong("nothing more happens, but not all nodes ended their start");
  healing_took_ = std::max(now_ - healed_at, time_point{});
}

time_point cluster_simulation::delay() {
  return std::chrono::microseconds{
      engine_() % (std::uint64_t(faults_.delay_max.count()) * 1000 + 1)};
}

// The pairs that are cut change every 700 ms.
bool cluster_simulation::cut(std::size_t i, std::size_t j) {
  if (faults_.cut == 0)
    return false;
  auto slot = static_cast<std::uint64_t>(now_ / 700ms);
  std::mt19937_64 draw{seed_ ^ slot << 40 ^ std::min(i, j) << 20
                       ^ std::max(i, j)};
  return std::uniform_real_distribution<>{0, 1}(draw) < faults_.cut;
}

bool cluster_simulation::lost(std::size_t i, std::size_t j) {
  return chance() < faults_.loss || cut(i, j);
}

void cluster_simulation::put(time_point at, event what) {
  queue_.emplace(at, std::move(what));
}

void cluster_simulation::step(const event& what) {
  auto alive = [&](std::size_t i) {
    return nodes_[i].machine && nodes_[i].life == what.life;
  };
  std::visit(
      [&](auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, boot>) {
          power_on(x.at);
        } else if constexpr (std::is_same_v<T, wake>) {
          if (alive(x.at) && nodes_[x.at].machine->wake_at() <= now_)
            perform(x.at, nodes_[x.at].machine->on(tick{}, now_));
        } else if constexpr (std::is_same_v<T, written>) {
          if (!alive(x.at))
            return;
          auto& it = nodes_[x.at];
          kept(x.at, *it.writing);
          it.writing.reset();
          perform(x.at, it.machine->on(founding_set_persisted{}, now_));
        } else if constexpr (std::is_same_v<T, request_in>) {
          auto to = std::find_if(nodes_.begin(), nodes_.end(), [&](auto& one) {
            return one.config.own.address == x.to;
          });
          if (to == nodes_.end() || !to->machine)
            return put(now_ + delay(), {what.life, failure_in{x.from, x.to}});
          auto i = static_cast<std::size_t>(to - nodes_.begin());
          auto bytes = serve(i, x.bytes);
          if (chance() >= faults_.loss)
            put(now_ + delay(), {what.life, reply_in{x.from, x.to, bytes}});
          if (chance() < faults_.duplication)
            put(now_ + delay(), {what.life, reply_in{x.from, x.to, bytes}});
          perform(i, {});
        } else if constexpr (std::is_same_v<T, reply_in>) {
          if (alive(x.to))
            perform(x.to,
                    nodes_[x.to].machine->on(replied{x.from, x.bytes}, now_));
        } else {
          if (alive(x.to))
            perform(x.to, nodes_[x.to].machine->on(
                              failed{x.from, "connection refused"}, now_));
        }
      },
      what.what);
}

// Performs the effects, or those before a crash.
void cluster_simulation::perform(std::size_t i, const effects& out) {
  for (auto& one : out) {
    if (chance() < faults_.crash_per_event)
      return crash(i);
    handle(i, one);
    if (!flaw_.empty() || !nodes_[i].machine)
      return;
  }
  auto& it = nodes_[i];
  if (chance() < faults_.crash_per_event)
    return crash(i);
  if (auto at = it.machine->wake_at(); at != time_point::max())
    put(at, {it.life, wake{i}});
}

void cluster_simulation::handle(std::size_t i, const effect& what) {
  auto& it = nodes_[i];
  auto send = [&](const address& to, const std::string& bytes) {
    auto peer = std::find_if(nodes_.begin(), nodes_.end(), [&](auto& one) {
      return one.config.own.address == to;
    });
    auto j = static_cast<std::size_t>(peer - nodes_.begin());
    if (!lost(i, j))
      put(now_ + delay(), {it.life, request_in{i, to, bytes}});
    else if (chance() < 0.5)
      put(now_ + delay(), {it.life, failure_in{i, to}});
    if (chance() < faults_.duplication && !cut(i, j))
      put(now_ + delay(), {it.life, request_in{i, to, bytes}});
  };
  std::visit(
      [&](auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<
                          T, introduce> || std::is_same_v<T, ask_to_join>) {
          send(x.to, x.request);
        } else if constexpr (std::is_same_v<T, persist_founding_set>) {
          if (it.writing)
            return wrong("two founding sets are written at once");
          it.writing = x.bytes;
          put(now_ + delay(), {it.life, written{i}});
        } else if constexpr (std::is_same_v<T, founded>) {
          on_founded(i, x);
        } else if constexpr (std::is_same_v<T, admitted>) {
          if (!clusters_.contains(x.cluster))
            return wrong("admitted to a cluster that nobody founded");
          it.disk.identity = identity{x.cluster, x.node};
          it.ended = true;
        } else if constexpr (std::is_same_v<T, resumed>) {
          it.ended = true;
        } else if constexpr (std::is_same_v<T, refused>) {
          wrong("refused: " + x.refusal.sentence);
        }
      },
      what);
}

// A member answers with the shared state of its cluster.
std::string cluster_simulation::serve(std::size_t i,
                                      const std::string& request) {
  auto& it = nodes_[i];
  if (!it.disk.identity || !it.ended)
    return it.machine->answer(request, now_);
  auto& group = clusters_[it.disk.identity->cluster];
  member_view view{
      it.disk.identity->cluster, it.config.own, group.led(), {}, {}};
  for (auto& [id, one] : group.members)
    view.members.push_back(one);
  auto reply = member_answer(request, view);
  if (!reply.join)
    return reply.bytes;
  auto& who = reply.join->who;
  if (!group.led())
    return join_answer(who.uuid, join_retry{50ms, "no leader"});
  if (!group.members.contains(who.uuid)) {
    node_id id{1};
    while (group.ids.contains(id))
      ++id.value;
    group.ids.insert(id);
    group.members[who.uuid] = {id, who.uuid, who.name, who.address};
  }
  return join_answer(who.uuid,
                     admitted{view.cluster, group.members[who.uuid].node,
                              incarnation{1}, raft::term{1}, view.members});
}

void cluster_simulation::crash(std::size_t i) {
  auto& it = nodes_[i];
  ++crashes_;
  ++it.life;
  it.machine.reset();
  it.ended = false;
  if (it.writing && chance() < 0.5)
    kept(i, *it.writing);
  it.writing.reset();
  put(now_ + std::chrono::milliseconds{engine_() % 1500}, {0, boot{i}});
}

void cluster_simulation::power_on(std::size_t i) {
  auto& it = nodes_[i];
  if (it.machine)
    return;
  if (it.life == 0)
    it.life = 1;
  it.machine.emplace(it.config, it.disk);
  perform(i, it.machine->start(now_));
}

void cluster_simulation::kept(std::size_t i, const std::string& bytes) {
  auto& it = nodes_[i];
  auto set = founding_set_from(bytes);
  if (!set)
    return wrong("a founding set that cannot be read");
  last_generation_ = std::max(last_generation_, set->generation);
  auto [row, added] = it.kept.emplace(set->generation, id_of(*set));
  if (row->second != id_of(*set))
    return wrong("two sets persisted in one generation");
  if (row->first != it.kept.rbegin()->first)
    return wrong("back to an older generation");
  it.disk.founding_set = bytes;
}

void cluster_simulation::on_founded(std::size_t i, const founded& how) {
  auto& it = nodes_[i];
  auto on_disk = [&](const uuid& who) -> std::optional<cluster_id> {
    for (auto& one : nodes_)
      if (one.config.own.uuid == who && one.disk.founding_set)
        return id_of(*founding_set_from(*one.disk.founding_set));
    return std::nullopt;
  };
  for (auto& one : how.founding.members)
    if (on_disk(one.uuid) != how.founding.cluster)
      return wrong(it.config.own.name + " founds, but the disk of " + one.name
                   + " holds another set");
  auto& group = clusters_[how.founding.cluster];
  for (auto& one : how.founding.members) {
    group.members.emplace(one.uuid, one);
    group.ids.insert(one.node);
  }
  if (clusters_.size() > 1)
    return wrong("two clusters");
  if (how.founding.members.at(how.own.value - 1).uuid != it.config.own.uuid)
    return wrong("the own id is of another founder");
  group.founders = how.founding.members.size();
  group.founded.insert(how.own);
  ++founders_;
  become_member(i, {how.founding.cluster, how.own});
}

// A crash may come before the identity is written.
void cluster_simulation::become_member(std::size_t i, identity as) {
  if (chance() < 5 * faults_.crash_per_event)
    return crash(i);
  nodes_[i].disk.identity = as;
  nodes_[i].ended = true;
}

void cluster_simulation::wrong(std::string what) {
  if (flaw_.empty())
    flaw_ = std::move(what);
}

} // namespace troupe::boot::test

#include "network.hpp"

#include <iterator>
#include <memory>
#include <set>

namespace troupe::sim {

namespace {
constexpr boot_time retry = std::chrono::milliseconds{20};
} // namespace

boot_time network::delay() {
  auto out = luck_.between(weather_.delay_min, weather_.delay_max);
  return luck_.one_in(64) ? out * 8 : out;
}

bool network::lives(process_id who) const {
  auto i = lives_.find(who.node);
  return i != lives_.end() && i->second == who.life;
}

void network::started(process_id who, incarnation as) {
  starts_[who] = as;
  lives_[who.node] = who.life;
  for (auto& [node, life] : lives_)
    if (node != who.node)
      meet(who, {node, life});
}

// A handshake, tried until it succeeds or one of the two has ended.
void network::meet(process_id a, process_id b) {
  time_.after(delay() + retry / 4, [this, a, b] {
    if (!lives(a) || !lives(b))
      return;
    if (!reachable(a.node, b.node) || !reachable(b.node, a.node)) {
      time_.after(retry, [this, a, b] { meet(a, b); });
      return;
    }
    greeted(a, b);
    greeted(b, a);
  });
}

void network::greeted(process_id who, process_id peer) {
  expect(who, peer.node, starts_.at(peer));
  met_[{who, peer.node}] = peer.life;
  if (auto i = unmet_.find({who, peer.node}); i != unmet_.end()) {
    auto& frames = lanes_[{who, peer}].frames;
    frames.insert(frames.end(), std::make_move_iterator(i->second.begin()),
                  std::make_move_iterator(i->second.end()));
    unmet_.erase(i);
  }
  move({who, peer});
}

void network::expect(process_id who, node_id peer, incarnation started) {
  auto met = met_.find({who, peer});
  if (met == met_.end())
    return;
  process_id before{peer, met->second};
  if (starts_.at(before) >= started)
    return;
  met_.erase(met);
  // A thread of its own tells of it.
  time_.after(boot_time{0}, [this, who, before] {
    say_goodbye(who, before);
    listener_.session_ended(who, before);
  });
}

void network::drop_lanes(process_id who) {
  std::erase_if(lanes_, [&](auto& kv) {
    return kv.first.first == who || kv.first.second == who;
  });
  std::erase_if(unmet_, [&](auto& kv) { return kv.first.first == who; });
}

void network::ended(process_id who) {
  lives_.erase(who.node);
  drop_lanes(who);
}

// Until a peer hears the goodbye, what it sends stays on its side.
void network::left(process_id who) {
  lives_.erase(who.node);
  // The goodbye is the last frame: who still misses others misses it too.
  std::set<node_id> cut;
  for (auto& [on, lane] : lanes_)
    if (on.first == who && !lane.frames.empty())
      cut.insert(on.second.node);
  for (auto& [node, life] : lives_)
    if (!reachable(node, who.node) || !reachable(who.node, node))
      cut.insert(node);
  std::erase_if(lanes_, [&](auto& kv) {
    return kv.first.first == who
           || (kv.first.second == who
               && (!lives(kv.first.first)
                   || cut.count(kv.first.first.node) != 0));
  });
  std::erase_if(unmet_, [&](auto& kv) { return kv.first.first == who; });
  for (auto& [node, life] : lives_) {
    process_id peer{node, life};
    auto met = met_.find({peer, who.node});
    if (cut.count(node) != 0 || (met != met_.end() && met->second != who.life))
      continue;
    // To whom it never spoke, it says goodbye at the first word.
    auto& lane = lanes_[{peer, who}];
    if (auto i = unmet_.find({peer, who.node}); i != unmet_.end()) {
      lane.frames.insert(lane.frames.end(),
                         std::make_move_iterator(i->second.begin()),
                         std::make_move_iterator(i->second.end()));
      unmet_.erase(i);
    }
    met_[{peer, who.node}] = who.life;
    time_.after(delay(), [this, peer, who] { say_goodbye(peer, who); });
  }
}

void network::say_goodbye(process_id peer, process_id who) {
  auto i = lanes_.find({peer, who});
  if (i == lanes_.end() || !lives(peer))
    return;
  std::vector<data_frame> untaken{
      std::make_move_iterator(i->second.frames.begin()),
      std::make_move_iterator(i->second.frames.end())};
  lanes_.erase(i);
  gone_.insert({peer, who});
  listener_.peer_left(peer, who, std::move(untaken));
}

void network::send_control(process_id from, node_id to, frame_kind kind,
                           std::string bytes) {
  if (luck_.permille(weather_.control_loss)
      || (lose_if_ && lose_if_(from.node, to, kind)))
    return;
  if (!is_said_once(kind) && luck_.permille(weather_.control_twice))
    carry(from, to, kind, bytes);
  carry(from, to, kind, std::move(bytes));
}

void network::carry(process_id from, node_id to, frame_kind kind,
                    std::string bytes) {
  time_.after(delay(), [this, from, to, kind, bytes = std::move(bytes)] {
    auto i = lives_.find(to);
    if (i == lives_.end() || !reachable(from.node, to))
      return;
    listener_.control_arrived({to, i->second}, from.node, kind, bytes);
  });
}

std::optional<data_frame> network::send_data(process_id from, node_id to,
                                             data_frame frame) {
  auto met = met_.find({from, to});
  if (met == met_.end()) {
    unmet_[{from, to}].push_back(std::move(frame));
    return std::nullopt;
  }
  link on{from, {to, met->second}};
  bool leaving = !lives(on.second) && lanes_.count(on) != 0;
  if (gone_.count(on) != 0)
    return frame;
  if (!lives(on.second) && !leaving)
    return std::nullopt; // void with the session, until the two meet again
  lanes_[on].frames.push_back(std::move(frame));
  if (!leaving)
    move(on);
  return std::nullopt;
}

bool network::in_session(process_id a, process_id b) const {
  auto i = met_.find({a, b.node});
  return i != met_.end() && i->second == b.life && lives(b);
}

std::size_t network::outgoing(process_id from) const {
  std::size_t n = 0;
  for (auto& [on, lane] : lanes_)
    if (on.first == from && lives(on.second))
      n += lane.frames.size();
  return n;
}

void network::move(link on) {
  auto i = lanes_.find(on);
  if (i == lanes_.end() || i->second.moving || i->second.frames.empty())
    return;
  i->second.moving = true;
  time_.after(delay(), [this, on] {
    auto i = lanes_.find(on);
    if (i == lanes_.end())
      return;
    i->second.moving = false;
    auto [from, to] = on;
    if (!lives(to) || !reachable(from.node, to.node)
        || !reachable(to.node, from.node))
      return; // goes on when it is healed
    // A burst arrives at once.
    auto count = 1 + luck_.below(i->second.frames.size());
    for (; count > 0; --count) {
      i = lanes_.find(on);
      if (i == lanes_.end() || i->second.frames.empty())
        return;
      auto frame = std::move(i->second.frames.front());
      i->second.frames.pop_front();
      listener_.data_arrived(to, from, std::move(frame));
    }
    move(on);
  });
}

void network::heal(node_id from, node_id to) {
  cuts_.erase({from, to});
  std::vector<link> waiting;
  for (auto& [on, lane] : lanes_)
    waiting.push_back(on);
  for (auto& on : waiting)
    move(on);
}

void network::heal_all() {
  cuts_.clear();
  heal({}, {});
}

} // namespace troupe::sim

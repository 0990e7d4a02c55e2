#include <troupe/runtime/testing/memory_network.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>

namespace troupe::testing {

memory_link& memory_network::open(link::transport_handler& handler) {
  links_.push_back(
      std::make_unique<memory_link>(*this, handler, links_.size() + 1));
  return *links_.back();
}

memory_link* memory_network::alive(node_id node) {
  auto i = alive_.find(node);
  return i == alive_.end() ? nullptr : i->second;
}

void memory_network::began(memory_link& who) {
  alive_[who.self_.node] = &who;
  // Whoever waited for this node finds it at the next try.
  for (auto& [node, link] : alive_)
    if (auto i = link->sessions_.find(who.self_.node);
        i != link->sessions_.end())
      dial(*link, who.self_.node, delay());
}

// -- connections --------------------------------------------------------------

void memory_network::dial(memory_link& who, node_id to, boot_time in) {
  who.sessions_[to].dialling = true;
  time_.after(in, [this, &who, to] {
    auto i = who.sessions_.find(to);
    if (who.closed_ || i == who.sessions_.end())
      return;
    i->second.dialling = false;
    auto* peer = alive(to);
    if (!peer)
      return; // dialled again when it begins
    if (i->second.connected && i->second.life == peer->life_)
      return;
    if (!reachable(who.self_.node, to))
      return dial(who, to, what_.redial);
    shake_hands(who, *peer);
  });
}

void memory_network::shake_hands(memory_link& a, memory_link& b) {
  auto refused = [&](memory_link& by, memory_link& other) {
    auto why = by.handler_.on_hello({{}, other.self_, by.self_.node, {}});
    if (!why)
      return false;
    by.handler_.on_refused(
        {other.self_.node, other.self_.address, *why, false});
    other.handler_.on_refused({by.self_.node, by.self_.address, *why, true});
    return true;
  };
  if (refused(a, b) || refused(b, a)) {
    if (!a.closed_)
      dial(a, b.self_.node, what_.redial * 20);
    return;
  }
  greet(a, b);
  greet(b, a);
}

void memory_network::greet(memory_link& who, memory_link& peer) {
  auto node = peer.self_.node;
  if (who.closed_ || peer.closed_)
    return;
  auto known = who.sessions_[node].life;
  if (known != 0 && known != peer.life_)
    who.end(node, link::end_reason::new_incarnation, link::close_reason::ended);
  auto& with = who.sessions_[node];
  with.life = peer.life_;
  with.incarnation = peer.self_.incarnation;
  if (!std::exchange(with.connected, true))
    who.handler_.on_connected(peer.self_);
  move(who, node);
}

void memory_network::cut(node_id a, node_id b) {
  if (a == b || !cuts_.insert(std::minmax(a, b)).second)
    return;
  time_.after(what_.silence, [this, a, b] {
    if (reachable(a, b))
      return;
    for (auto [node, other] : {std::pair{a, b}, std::pair{b, a}})
      if (auto* link = alive(node))
        link->disconnect(other, link::close_reason::silent);
  });
}

void memory_network::heal(node_id a, node_id b) {
  cuts_.erase(std::minmax(a, b));
  for (auto [node, other] : {std::pair{a, b}, std::pair{b, a}})
    if (auto* link = alive(node); link && link->sessions_.count(other) != 0)
      move(*link, other);
}

void memory_network::crashed(memory_link& who) {
  auto node = who.self_.node;
  if (alive(node) != &who)
    return;
  alive_.erase(node);
  for (auto& [other, link] : alive_) {
    auto i = link->sessions_.find(node);
    if (i == link->sessions_.end() || i->second.life != who.life_)
      continue;
    auto noticed = reachable(node, other) ? delay() : what_.silence;
    time_.after(noticed, [link = link, node, life = who.life_] {
      auto i = link->sessions_.find(node);
      if (i != link->sessions_.end() && i->second.life == life)
        link->disconnect(node, link::close_reason::lost);
    });
  }
}

void memory_network::left(memory_link& who) {
  auto node = who.self_.node;
  if (alive(node) != &who)
    return;
  alive_.erase(node);
  for (auto& [other, link] : alive_) {
    auto i = link->sessions_.find(node);
    if (i == link->sessions_.end() || i->second.life != who.life_)
      continue;
    bool hears = reachable(node, other);
    time_.after(hears ? delay() : what_.silence, [link = link, node, hears,
                                                  life = who.life_] {
      auto i = link->sessions_.find(node);
      if (i == link->sessions_.end() || i->second.life != life)
        return;
      if (hears)
        link->end(node, link::end_reason::goodbye, link::close_reason::goodbye);
      else
        link->disconnect(node, link::close_reason::silent);
    });
  }
}

// -- frames -------------------------------------------------------------------

void memory_network::arrived(node_id from, node_id to, std::uint8_t kind,
                             std::string_view bytes) {
  auto add = [this](std::uint64_t x) {
    trace_ = (trace_ ^ x) * 0x100000001b3;
    trace_ ^= trace_ >> 29;
  };
  add(static_cast<std::uint64_t>(time_.now().count()));
  add(from.value << 40 | to.value << 8 | kind);
  for (auto c : bytes)
    add(static_cast<unsigned char>(c));
}

void memory_network::carry(memory_link& from, node_id to, std::uint8_t kind,
                           std::string bytes) {
  auto life = from.sessions_[to].life;
  time_.after(delay(), [this, node = from.self_.node, to, life, kind,
                        bytes = std::move(bytes)] {
    auto* peer = alive(to);
    if (!peer || peer->life_ != life || !reachable(node, to))
      return;
    arrived(node, to, kind, bytes);
    peer->handler_.on_frame(node, link::lane::control, kind, bytes);
  });
}

void memory_network::move(memory_link& from, node_id to) {
  auto i = from.sessions_.find(to);
  if (i == from.sessions_.end() || i->second.moving || !i->second.connected
      || i->second.frames.empty())
    return;
  i->second.moving = true;
  time_.after(delay(), [this, &from, to, life = i->second.life] {
    // Nothing here outlives a call of a handler.
    auto find = [&]() -> memory_link::session* {
      auto i = from.sessions_.find(to);
      return from.closed_ || i == from.sessions_.end() || i->second.life != life
                 ? nullptr
                 : &i->second;
    };
    auto* with = find();
    if (!with)
      return;
    with->moving = false;
    auto* peer = alive(to);
    if (!peer || peer->life_ != life || !reachable(from.self_.node, to))
      return; // goes on when it is healed
    auto count =
        1 + time_.below(with->frames.size()); // a burst arrives at once
    for (; count > 0 && with && !with->frames.empty(); --count, with = find()) {
      auto one = std::move(with->frames.front());
      with->frames.pop_front();
      with->bytes -= one.bytes.size();
      ++with->taken;
      ++peer->sessions_[from.self_.node].received;
      arrived(from.self_.node, to, one.kind, one.bytes);
      peer->handler_.on_frame(from.self_.node, link::lane::data, one.kind,
                              one.bytes);
      if (peer->closed_)
        return;
    }
    move(from, to);
  });
}

// -- one process --------------------------------------------------------------

void memory_link::set_identity(const link::identity& self) {
  self_ = self;
  net_.began(*this);
}

void memory_link::set_peers(const std::vector<link::peer_address>& peers) {
  for (auto& peer : peers) {
    if (closed_ || peer.id == self_.node)
      continue;
    renew(peer.id, sessions_[peer.id], peer.incarnation);
  }
}

void memory_link::expect(node_id peer, incarnation started) {
  if (auto i = sessions_.find(peer); !closed_ && i != sessions_.end())
    renew(peer, i->second, started);
}

// A session with an earlier start is over.
void memory_link::renew(node_id peer, session& with, incarnation started) {
  if (with.life != 0 && started > with.incarnation) {
    auto gone = std::exchange(with, {});
    net_.time_.after(
        boot_time{0}, [this, peer, gone = std::move(gone)]() mutable {
          tell_end(peer, std::move(gone), link::end_reason::new_incarnation,
                   link::close_reason::ended);
        });
  }
  if (!with.connected && !with.dialling)
    net_.dial(*this, peer, net_.delay());
}

void memory_link::drop_peer(node_id peer) {
  auto i = sessions_.find(peer);
  if (closed_ || i == sessions_.end())
    return;
  auto gone = std::move(i->second);
  sessions_.erase(i);
  auto life = gone.life;
  net_.time_.after(boot_time{0},
                   [this, peer, gone = std::move(gone)]() mutable {
                     tell_end(peer, std::move(gone), link::end_reason::dropped,
                              link::close_reason::ended);
                   });
  // The other side hears of it, if it is there.
  net_.time_.after(net_.delay(), [this, peer, life] {
    auto* other = net_.alive(peer);
    if (!other || other->life_ != life || !net_.reachable(peer, self_.node))
      return;
    auto i = other->sessions_.find(self_.node);
    if (i != other->sessions_.end() && i->second.life == life_
        && sessions_.count(peer) == 0)
      other->end(self_.node, link::end_reason::peer_forgot,
                 link::close_reason::lost);
  });
}

link::send_result memory_link::send_if(node_id to, link::frame_class how,
                                       std::uint8_t kind, parts payload,
                                       predicate check) {
  using link::send_result;
  if (closed_)
    return send_result::stopped;
  auto i = sessions_.find(to);
  if (i == sessions_.end())
    return send_result::unknown_peer;
  if (!check())
    return send_result::rejected;
  std::string bytes;
  for (auto part : payload)
    bytes += part;
  if (bytes.size() > net_.what_.frame_bytes_max)
    return send_result::too_large;
  auto& with = i->second;
  if (how == link::frame_class::control) {
    if (!with.connected)
      return send_result::not_connected;
    net_.carry(*this, to, kind, std::move(bytes));
    return send_result::accepted;
  }
  if (how == link::frame_class::data
      && with.bytes + bytes.size() > net_.what_.unacknowledged_bytes_max)
    return send_result::overloaded;
  with.bytes += bytes.size();
  ++with.accepted;
  with.frames.push_back({kind, std::move(bytes)});
  net_.move(*this, to);
  return send_result::accepted;
}

void memory_link::introduce(const std::string&, std::string,
                            std::chrono::milliseconds,
                            introduction_callback done) {
  done(link::refusal{link::refusal_code::unreachable,
                     "simulated nodes are told of each other"});
}

void memory_link::disconnect(node_id peer, link::close_reason why) {
  auto i = sessions_.find(peer);
  if (closed_ || i == sessions_.end() || !i->second.connected)
    return;
  i->second.connected = false;
  handler_.on_disconnected(peer, why);
  if (!closed_ && sessions_.count(peer) != 0)
    net_.dial(*this, peer, net_.what_.redial);
}

void memory_link::end(node_id peer, link::end_reason why,
                      link::close_reason how) {
  auto i = sessions_.find(peer);
  if (closed_ || i == sessions_.end())
    return;
  auto gone = std::move(i->second);
  sessions_.erase(i);
  tell_end(peer, std::move(gone), why, how);
}

void memory_link::tell_end(node_id peer, session gone, link::end_reason why,
                           link::close_reason how) {
  if (closed_)
    return;
  if (gone.connected)
    handler_.on_disconnected(peer, how);
  link::session_end what;
  what.peer = peer;
  what.incarnation = gone.incarnation;
  what.reason = why;
  what.frames_accepted = gone.accepted;
  what.frames_acknowledged = gone.taken;
  what.frames_received = gone.received;
  if (why == link::end_reason::goodbye)
    for (auto& one : gone.frames)
      what.untaken.push_back({one.kind, std::move(one.bytes)});
  handler_.on_session_ended(what);
}

void memory_link::abandon() {
  if (!std::exchange(closed_, true))
    net_.crashed(*this);
  sessions_.clear();
}

void memory_link::say_goodbye() {
  if (!std::exchange(closed_, true))
    net_.left(*this);
  sessions_.clear();
}

std::size_t memory_link::outgoing() const {
  std::size_t out = 0;
  for (auto& [node, with] : sessions_) {
    auto* peer = net_.alive(node);
    if (peer && peer->life_ == with.life && net_.reachable(node, self_.node))
      out += with.frames.size();
  }
  return out;
}

} // namespace troupe::testing

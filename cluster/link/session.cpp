#include <troupe/cluster/link/session.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>

namespace troupe::link {

namespace {

std::string name_of(const identity& x) {
  auto result = "node " + std::to_string(x.node.value);
  if (!x.name.empty())
    result += " (" + x.name + ")";
  return result;
}

std::string text_of(protocol_range x) {
  if (x.min == x.max)
    return std::to_string(x.min);
  return std::to_string(x.min) + " to " + std::to_string(x.max);
}

std::string start_of(incarnation x) {
  return "start " + std::to_string(x.value);
}

} // namespace

std::uint32_t choose_protocol(protocol_range a, protocol_range b) {
  return std::min(a.max, b.max);
}

std::optional<refusal> check_hello(const hello& x, const identity& self,
                                   protocol_range ours) {
  if (choose_protocol(x.protocol, ours) < std::max(x.protocol.min, ours.min))
    return refusal{refusal_code::protocol,
                   name_of(x.from) + " speaks link protocol "
                       + text_of(x.protocol) + ", " + name_of(self) + " speaks "
                       + text_of(ours)
                       + "; upgrade the older of the two first"};
  if (x.from.cluster != self.cluster)
    return refusal{refusal_code::cluster,
                   name_of(x.from) + " belongs to cluster "
                       + to_hex(x.from.cluster) + ", " + name_of(self) + " to "
                       + to_hex(self.cluster)
                       + "; check its join list and its data directory"};
  if (x.from.node == self.node && x.from.boot == self.boot)
    return refusal{refusal_code::own_address,
                   name_of(self)
                       + " reached itself; check the addresses that "
                         "the nodes advertise"};
  if (x.to != self.node)
    return refusal{refusal_code::wrong_node,
                   "this is " + name_of(self) + ", not node "
                       + std::to_string(x.to.value)
                       + "; check the address that node "
                       + std::to_string(x.to.value) + " advertises"};
  if (x.from.node == self.node)
    return refusal{refusal_code::same_incarnation,
                   "two processes call themselves " + name_of(self)
                       + "; check for a copied data directory"};
  return std::nullopt;
}

void session::begin(std::uint64_t serial) {
  serial_ = serial;
  peer_session_ = 0;
}

void session::dialling() {
  connection_ = connecting{};
}

void session::greeting(std::uint64_t attempt) {
  TROUPE_ASSERT(std::holds_alternative<connecting>(connection_),
                "dial {} greets from state {}", attempt, connection_.index());
  connection_ = greeted{attempt};
}

void session::live_dialled() {
  auto* from = std::get_if<greeted>(&connection_);
  TROUPE_ASSERT(from != nullptr, "live from state {}", connection_.index());
  connection_ = live_by_us{from->attempt};
}

void session::disconnected() {
  connection_ = idle{};
}

bool session::live() const {
  return std::holds_alternative<live_by_us>(connection_)
         || std::holds_alternative<live_by_peer>(connection_);
}

resume_claim session::claim(std::uint64_t attempt,
                            std::uint64_t received) const {
  resume_claim result;
  result.attempt = attempt;
  result.session = serial_;
  result.attempt_seen = attempt_seen_;
  if (peer_session_ != 0) {
    result.peer_boot = peer_.boot;
    result.peer_session = peer_session_;
    result.received = received;
  }
  return result;
}

std::optional<refusal> session::check_process(const hello& x, incarnation known,
                                              incarnation gone) const {
  auto newest = std::max({known, gone, peer_.incarnation});
  if (x.from.incarnation < newest)
    return refusal{refusal_code::stale_incarnation,
                   name_of(x.from) + " is " + start_of(x.from.incarnation)
                       + ", but " + start_of(newest)
                       + " is known; end the older process"};
  if (gone && x.from.incarnation == gone)
    return refusal{refusal_code::stale_incarnation,
                   name_of(x.from) + " said goodbye in "
                       + start_of(x.from.incarnation) + "; start it anew"};
  if (x.from.incarnation == peer_.incarnation && x.from.boot != peer_.boot)
    return refusal{refusal_code::same_incarnation,
                   "two processes call themselves " + name_of(x.from) + ", "
                       + start_of(x.from.incarnation)
                       + "; check for a copied data directory"};
  return std::nullopt;
}

std::optional<refusal> session::check_race(const hello& x,
                                           const identity& self) const {
  auto superseded = [&] {
    return refusal{refusal_code::superseded,
                   "another connection between " + name_of(self) + " and "
                       + name_of(x.from) + " is kept; wait for it"};
  };
  if (x.from.boot == peer_.boot && x.resume.attempt <= attempt_seen_)
    return refusal{refusal_code::stale_hello,
                   "dial " + std::to_string(x.resume.attempt) + " of "
                       + name_of(x.from) + " comes after dial "
                       + std::to_string(attempt_seen_) + "; dial again"};
  // Did the peer take up our dial before it made its own? Then it has lost it.
  auto took_up = [&](std::uint64_t attempt) {
    return x.resume.peer_boot == self.boot && x.resume.attempt_seen >= attempt;
  };
  if (auto* ours = std::get_if<greeted>(&connection_);
      ours && !took_up(ours->attempt) && self.node < x.from.node)
    return superseded();
  // Our dial was answered by this very process, after it had sent this hello.
  if (auto* ours = std::get_if<live_by_us>(&connection_);
      ours && !took_up(ours->attempt) && x.from.boot == peer_.boot)
    return superseded();
  return std::nullopt;
}

std::variant<refusal, session::plan> session::judge(const hello& x,
                                                    const identity& self,
                                                    incarnation known,
                                                    incarnation gone) const {
  if (auto no = check_process(x, known, gone))
    return std::move(*no);
  if (auto no = check_race(x, self))
    return std::move(*no);
  plan result;
  if (known && x.from.incarnation > known)
    result.restart = end_reason::new_incarnation;
  else if (peer_session_ != 0
           && (x.from.boot != peer_.boot || x.resume.session != peer_session_))
    result.restart = end_reason::peer_forgot;
  if (x.resume.peer_session != 0
      && (result.restart || x.resume.peer_boot != self.boot
          || x.resume.peer_session != serial_))
    return refusal{refusal_code::session_over,
                   "the session that " + name_of(x.from)
                       + " wants to resume is over at " + name_of(self)
                       + "; begin a new one"};
  return result;
}

void session::accept(const hello& x) {
  learn(x);
  attempt_seen_ = x.resume.attempt;
  connection_ = live_by_peer{};
}

std::variant<refusal, session::plan>
session::judge_welcome(const hello& x, const identity& self, incarnation known,
                       incarnation gone) const {
  auto* ours = std::get_if<greeted>(&connection_);
  TROUPE_ASSERT(ours != nullptr, "welcome in state {}", connection_.index());
  if (auto no = check_process(x, known, gone))
    return std::move(*no);
  bool fits =
      x.resume.attempt == ours->attempt && x.resume.peer_boot == self.boot
      && x.resume.peer_session == serial_
      && (peer_session_ == 0
          || (x.from.boot == peer_.boot && x.resume.session == peer_session_));
  if (!fits)
    return refusal{refusal_code::malformed,
                   "the answer of " + name_of(x.from)
                       + " names another session; dial again"};
  plan result;
  if (known && x.from.incarnation > known)
    result.restart = end_reason::new_incarnation;
  return result;
}

void session::welcomed(const hello& x) {
  learn(x);
  live_dialled();
}

void session::learn(const hello& x) {
  if (x.from.boot != peer_.boot)
    attempt_seen_ = 0;
  peer_ = x.from;
  peer_session_ = x.resume.session;
}

} // namespace troupe::link

#include <troupe/cluster/raft/core_impl.hpp>

#include <algorithm>

// What a peer sends is looked at before it is believed.
namespace troupe::raft {

namespace {

template <class T>
bool is(const message& msg) {
  return std::holds_alternative<T>(msg.body);
}

bool without_term(const message& msg) {
  return is<read_request>(msg) || is<forward_commands>(msg)
         || is<forward_change>(msg) || is<forward_reply>(msg);
}

bool sane(log_index x) {
  return x.value < number_max;
}

bool sane(const configuration_change& x) {
  return std::all_of(x.changes.begin(), x.changes.end(),
                     [](auto& one) {
                       return one.member && one.op <= change_op::remove;
                     })
         && x.how <= transition::explicit_joint;
}

bool sane(const entry& x) {
  if (auto* command = std::get_if<payload>(&x.body))
    return *command != nullptr;
  if (auto* change = std::get_if<configuration_change>(&x.body))
    return sane(*change);
  return true;
}

bool sane(const append_request& x, term current) {
  if (!sane(x.prev_index) || !sane(x.commit) || x.prev_term > current
      || bool(x.prev_index) != bool(x.prev_term))
    return false;
  position at{x.prev_index, x.prev_term};
  for (auto& e : x.entries) {
    if (e.index.value != at.index.value + 1 || e.term < at.term || !e.term
        || e.term > current || !sane(e) || !sane(e.index))
      return false;
    at = {e.index, e.term};
  }
  return true;
}

bool sane(const snapshot_meta& x, term current) {
  return x.index && sane(x.index) && x.term && x.term <= current
         && is_sound(x.conf) && !x.conf.voters.empty();
}

bool sane(const forward_commands& x) {
  return std::find(x.commands.begin(), x.commands.end(), nullptr)
         == x.commands.end();
}

} // namespace

bool core::impl::is_plausible(const message& msg) const {
  if (!msg.from || msg.from == cfg_.self || (msg.to && msg.to != cfg_.self))
    return false;
  if (auto* x = std::get_if<forward_commands>(&msg.body))
    return sane(*x);
  if (auto* x = std::get_if<forward_change>(&msg.body))
    return sane(x->change);
  if (auto* x = std::get_if<forward_reply>(&msg.body))
    return x->why <= code::outcome_unknown && sane(x->placed_index);
  if (without_term(msg))
    return true;
  if (!msg.term || msg.term.value >= number_max)
    return false;
  if (auto* x = std::get_if<append_request>(&msg.body))
    return sane(*x, msg.term);
  if (auto* x = std::get_if<snapshot_offer>(&msg.body))
    return sane(x->meta, msg.term);
  if (auto* x = std::get_if<append_refusal>(&msg.body))
    return sane(x->index) && sane(x->hint);
  if (auto* x = std::get_if<heartbeat>(&msg.body))
    return sane(x->commit);
  if (auto* x = std::get_if<read_reply>(&msg.body))
    return sane(x->index);
  return true;
}

void core::impl::receive(message msg) {
  if (!is_plausible(msg)) {
    ++ignored_;
    return;
  }
  bool reply = is<append_reply>(msg) || is<append_refusal>(msg)
               || is<heartbeat_reply>(msg) || is<vote_reply>(msg)
               || is<pre_vote_reply>(msg);
  if (reply && members_.find(msg.from) == nullptr)
    return; // removed meanwhile
  if (!without_term(msg) && !take_term(msg))
    return;
  std::visit([&](auto& x) { on(msg, x); }, msg.body);
}

} // namespace troupe::raft

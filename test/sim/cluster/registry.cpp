#include "registry.hpp"

#include <algorithm>
#include <sstream>

namespace troupe::sim {

std::string to_text(partition_key key) {
  return std::to_string(key.region.value) + "/" + std::to_string(key.partition);
}

namespace {

std::string say(partition_key key) {
  return to_text(key);
}

std::string say(const message& m) {
  return "message " + std::to_string(m.number) + " of sender "
         + std::to_string(m.origin.value) + "." + std::to_string(m.life) + "."
         + std::to_string(m.sender) + " to " + say(m.key);
}

std::string say(process_id x) {
  return "node " + std::to_string(x.node.value) + " (process "
         + std::to_string(x.life) + ")";
}

std::string say(epoch x) {
  return "epoch " + std::to_string(x.value);
}

} // namespace

void registry::fail(std::string what) {
  if (broken_.empty())
    broken_ = std::move(what);
}

std::string registry::to_text(const content& x) {
  std::ostringstream out;
  for (auto& [who, last] : x) {
    auto [node, life, sender] = who;
    out << node.value << ' ' << life << ' ' << sender << ' ' << last << '\n';
  }
  return out.str();
}

registry::content registry::from_text(const std::string& text) {
  content out;
  std::istringstream in{text};
  std::uint64_t node = 0, life = 0, last = 0;
  std::uint32_t sender = 0;
  while (in >> node >> life >> sender >> last)
    out[{node_id{node}, life, sender}] = last;
  return out;
}

// -- messages -----------------------------------------------------------------

std::size_t registry::accepted(const message& msg) {
  ++count_.accepted;
  ++open_;
  messages_.push_back({});
  messages_.back().msg = msg;
  messages_.back().msg.id = messages_.size() - 1;
  return messages_.size() - 1;
}

void registry::settle(record& r, bool record::*how,
                      std::uint64_t counters::*count) {
  bool was = r.settled();
  if (!std::exchange(r.*how, true))
    ++(count_.*count);
  if (!was && r.settled())
    --open_;
}

// What came back goes first. [INV-STREAM-4]
void registry::goes(const message& msg) {
  auto i = back_.find({{msg.origin, msg.life}, msg.key});
  if (i == back_.end())
    return;
  i->second.erase(msg.id);
  for (auto id : i->second)
    if (auto& first = messages_[id]; first.msg.sender == msg.sender
                                     && first.msg.number < msg.number
                                     && !first.settled())
      fail(say(msg) + " sent ahead of number "
           + std::to_string(first.msg.number) + ", which came back");
}

void registry::sent(const message& msg, epoch at) {
  auto& r = messages_[msg.id];
  if (r.settled())
    fail(say(msg) + " sent again after it was accounted for");
  goes(msg);
  r.outstanding = at;
  outstanding_[{{msg.origin, msg.life}, msg.key}].insert(msg.id);
}

void registry::returned(const message& msg) {
  lane from{{msg.origin, msg.life}, msg.key};
  messages_[msg.id].outstanding = {};
  outstanding_[from].erase(msg.id);
  if (!messages_[msg.id].settled())
    back_[from].insert(msg.id);
}

void registry::dropped(const message& msg, errc why) {
  auto& r = messages_[msg.id];
  if (r.settled())
    fail(say(msg) + " dropped after it was accounted for");
  if (strict_ && why != errc::stopping)
    fail(say(msg) + " dropped: " + std::string{to_string(why)});
  settle(r, &record::dropped, &counters::dropped);
  back_[{{msg.origin, msg.life}, msg.key}].erase(msg.id);
}

void registry::lost(process_id router, partition_key key, epoch at,
                    std::uint64_t n) {
  std::uint64_t found = 0;
  auto& out = outstanding_[{router, key}];
  for (auto i = out.begin(); i != out.end();) {
    auto& r = messages_[*i];
    if (r.outstanding != at) {
      ++i;
      continue;
    }
    ++found;
    settle(r, &record::unknown, &counters::unknown);
    i = out.erase(i);
  }
  if (found != n)
    fail("router of " + say(router) + " gives up " + std::to_string(n)
         + " messages to " + say(key) + ", but " + std::to_string(found)
         + " were under way at " + say(at));
  if (strict_)
    fail("router of " + say(router) + " lost " + std::to_string(n)
         + " messages to " + say(key) + " at " + say(at));
}

void registry::settled(process_id router, partition_key key, epoch at) {
  auto& out = outstanding_[{router, key}];
  for (auto i = out.begin(); i != out.end();) {
    auto& r = messages_[*i];
    if (r.outstanding != at) {
      ++i;
      continue;
    }
    if (!r.processed)
      fail(say(r.msg) + " is covered by the fence of " + say(at)
           + " but was neither processed nor returned");
    i = out.erase(i);
  }
}

void registry::reported(process_id router, partition_key key, epoch at,
                        const std::vector<std::size_t>& messages) {
  auto& out = outstanding_[{router, key}];
  for (auto id : messages) {
    auto& r = messages_[id];
    if (!r.processed)
      fail(say(r.msg) + " is reported but was not processed");
    if (r.outstanding != at || out.erase(id) == 0)
      fail(say(r.msg) + " is reported at " + say(at)
           + " but was not under way there");
  }
}

void registry::router_gone(process_id router) {
  for (auto& r : messages_)
    if (r.msg.origin == router.node && r.msg.life == router.life
        && !r.settled())
      settle(r, &record::orphaned, &counters::orphaned);
}

// -- actors -------------------------------------------------------------------

// Cut off, a region that chose to runs on and gives the single owner up.
bool registry::degraded(const partition& p, process_id node) const {
  return p.last.keep_running && lease_runs_ && !lease_runs_(node);
}

void registry::started(const start& what, const partition_state& state) {
  auto& [node, key, at, source, fresh, keep_running, overrun] = what;
  auto& p = parts_[key];
  auto text = say(key) + " started at " + say(at) + " on " + say(node);
  if (at <= p.last.epoch)
    fail(text + " after " + say(p.last.epoch) + " on " + say(p.last.node));
  bool fenced = p.overruns && overrun == overrun_policy::fence;
  if (p.lives && !p.ends && !fenced && lease_runs_ && lease_runs_(p.last.node))
    fail(text + " while the lease of " + say(p.last.node)
         + " runs, which has not stopped it at " + say(p.last.epoch));
  for (auto& h : p.busy)
    if (!h.excused && !degraded(p, h.node))
      fail(text + " while " + say(h.node) + " processes at " + say(h.epoch));
  p.last = what;
  p.lives = true;
  p.overruns = false;
  p.ends = false;
  ++p.starts;
  ++count_.starts;
  if (!fresh) {
    auto bytes = state.present ? *state.bytes : std::string{};
    auto i = p.saved.find(source);
    if (i == p.saved.end())
      fail(say(key) + " started from a state that nobody saved, "
           + say(source));
    else if (i->second != bytes)
      fail(say(key) + " started from another state than was saved");
  }
  auto have = state.present ? *state.bytes : std::string{};
  p.whole = have == to_text(p.truth);
  if (strict_ && !p.whole)
    fail(text + " without all that was processed");
}

void registry::stopped(process_id node, partition_key key, epoch at) {
  auto& p = parts_[key];
  if (p.last.node == node && p.last.epoch == at)
    p.lives = false;
}

void registry::saved(partition_key key, epoch at, const std::string& state) {
  parts_[key].saved[at] = state;
}

void registry::begin(process_id node, const message& msg, epoch at,
                     bool overruns) {
  auto& p = parts_[msg.key];
  auto& r = messages_[msg.id];
  bool owns = at == p.last.epoch && node == p.last.node;
  if (degraded(p, node))
    ++count_.degraded;
  else if (!owns)
    fail(say(msg) + " begins on " + say(node) + " at " + say(at) + " though "
         + say(p.last.node) + " started at " + say(p.last.epoch));
  for (auto& h : p.busy)
    if (!h.excused && !degraded(p, node) && !degraded(p, h.node))
      fail(say(msg) + " begins on " + say(node)
           + " while another is processed on " + say(h.node));
  // What begins without a lease may end after the node has one again.
  p.busy.push_back({node, at, overruns || degraded(p, node)});
  if (owns && overruns)
    p.overruns = true;
  if (r.processed)
    fail(say(msg) + " processed twice, again on " + say(node));
  if (r.dropped)
    fail(say(msg) + " processed after it was dropped");
  settle(r, &record::processed, &counters::processed);
  if (degraded(p, node))
    return; // its order and content are its own
  auto& last = p.truth[{msg.origin, msg.life, msg.sender}];
  if (msg.number <= last)
    fail(say(msg) + " processed after number " + std::to_string(last));
  if (strict_ && msg.number != last + 1)
    fail(say(msg) + " processed right after number " + std::to_string(last));
  last = std::max(last, msg.number);
}

void registry::end(process_id node, const message& msg, epoch at) {
  auto& p = parts_[msg.key];
  std::erase_if(p.busy,
                [&](auto& h) { return h.node == node && h.epoch == at; });
  if (p.last.node == node && p.last.epoch == at)
    p.overruns = false;
}

void registry::killed(process_id node, partition_key key, epoch at) {
  auto& p = parts_[key];
  if (p.last.node != node || p.last.epoch != at
      || !(p.overruns || p.last.keep_running))
    return;
  p.ends = true;
  for (auto& h : p.busy)
    if (h.node == node && h.epoch == at)
      h.excused = true;
}

void registry::excuse(process_id node) {
  for (auto& [key, p] : parts_)
    for (auto& h : p.busy)
      if (h.node == node)
        h.excused = true;
}

void registry::gone(process_id node) {
  for (auto& [key, p] : parts_) {
    std::erase_if(p.busy, [&](auto& h) { return h.node == node; });
    if (p.last.node == node)
      p.lives = false;
  }
}

// -- accounts -----------------------------------------------------------------

void registry::check_accounts() {
  for (auto& r : messages_) {
    if (!r.settled())
      fail(say(r.msg) + " is neither processed nor accounted for");
    if (strict_ && !r.processed && !r.dropped && !r.orphaned)
      fail(say(r.msg) + " was lost");
  }
}

std::string registry::open_messages() const {
  std::string out;
  int n = 0;
  for (auto& r : messages_)
    if (!r.settled() && n++ < 5)
      out += say(r.msg) + "; ";
  return out + std::to_string(n) + " in all";
}

std::size_t registry::open_of(process_id router) const {
  return static_cast<std::size_t>(
      std::count_if(messages_.begin(), messages_.end(), [&](auto& r) {
        return r.msg.origin == router.node && r.msg.life == router.life
               && !r.settled();
      }));
}

} // namespace troupe::sim

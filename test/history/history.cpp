#include <test/history/history.hpp>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace troupe::sim {

namespace {

// A call or a return, in a doubly linked list ordered by time.
struct event {
  std::size_t op = 0;
  bool call = false;
  event* match = nullptr; // of a call: its return
  event* previous = nullptr;
  event* next = nullptr;
};

std::uint64_t writes(const operation& x) {
  return x.what == operation::kind::remove ? 0 : x.value;
}

// It only looks: the state is the same after it.
bool only_reads(const operation& x) {
  return x.what == operation::kind::get
         || (x.what == operation::kind::cas && x.returned
             && x.before != x.expected);
}

struct state {
  std::uint64_t value = 0;
  // Written by what nobody knows of, and not seen since: who comes next must
  // see it, or else it need not have happened.
  bool unseen = false;
  friend auto operator<=>(const state&, const state&) = default;
};

// The state after, if the operation may come next.
std::optional<state> step(const operation& x, state now) {
  if (x.returned) {
    if (x.before != now.value)
      return std::nullopt;
    return state{only_reads(x) ? now.value : writes(x)};
  }
  bool sees = x.what == operation::kind::cas;
  if (sees ? x.expected != now.value : now.unseen)
    return std::nullopt;
  return state{writes(x), true};
}

void lift(event& call) {
  call.previous->next = call.next;
  if (call.next)
    call.next->previous = call.previous;
  auto& back = *call.match;
  back.previous->next = back.next;
  if (back.next)
    back.next->previous = back.previous;
}

void unlift(event& call) {
  auto& back = *call.match;
  back.previous->next = &back;
  if (back.next)
    back.next->previous = &back;
  call.previous->next = &call;
  if (call.next)
    call.next->previous = &call;
}

// Without what nobody knows of and nobody saw a trace of: an order with it is
// one without it too. Each that stays may double what there is to try.
std::vector<operation> that_matter(std::vector<operation> ops) {
  for (;;) {
    std::set<std::uint64_t> seen{0}; // as keys begin, and are removed
    for (auto& x : ops) {
      if (x.returned)
        seen.insert(x.before);
      else if (x.what == operation::kind::cas)
        seen.insert(x.expected);
    }
    auto gone = std::erase_if(ops, [&](auto& x) {
      bool reads = x.what == operation::kind::get;
      return !x.returned && (reads || seen.count(writes(x)) == 0);
    });
    if (gone == 0)
      return ops;
  }
}

// Of equal ones that nobody knows of, the one called first goes first: the
// number of the one before, or its own.
std::vector<std::size_t> twins(const std::vector<operation>& ops) {
  using what = std::tuple<operation::kind, std::uint64_t, std::uint64_t>;
  std::map<what, std::size_t> last;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    out.push_back(i);
    auto& x = ops[i];
    if (x.returned)
      continue;
    auto [twin, fresh] = last.insert({{x.what, writes(x), x.expected}, i});
    out[i] = std::exchange(twin->second, i);
  }
  return out;
}

bool linearizable(const std::vector<operation>& ops) {
  std::vector<std::pair<boot_time, event>> order;
  constexpr auto never = boot_time::max();
  for (std::size_t i = 0; i < ops.size(); ++i) {
    order.push_back({ops[i].invoked, {i, true}});
    order.push_back({ops[i].returned.value_or(never), {i, false}});
  }
  // A call at the instant of a return may have come before it.
  std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) {
    return a.first != b.first ? a.first < b.first
                              : a.second.call && !b.second.call;
  });
  event head;
  std::vector<event*> returns(ops.size());
  event* last = &head;
  for (auto& [when, x] : order) {
    last->next = &x;
    x.previous = last;
    last = &x;
    if (!x.call)
      returns[x.op] = &x;
  }
  for (auto& [when, x] : order)
    if (x.call)
      x.match = returns[x.op];

  auto twin = twins(ops);
  std::vector<bool> done(ops.size());
  std::set<std::pair<std::vector<bool>, state>> tried;
  std::vector<std::pair<event*, state>> calls; // with the state before
  state now;
  // What was answered must all be placed; what nobody knows of need not be.
  auto open = std::count_if(ops.begin(), ops.end(),
                            [](auto& x) { return x.returned.has_value(); });
  auto* at = head.next;
  while (open > 0) {
    if (at != nullptr && at->call) {
      if (twin[at->op] != at->op && !done[twin[at->op]]) {
        at = at->next;
        continue;
      }
      auto after = step(ops[at->op], now);
      bool fresh = false;
      if (after) {
        done[at->op] = true;
        fresh = tried.insert({done, *after}).second;
        done[at->op] = false;
      }
      if (!fresh) {
        at = at->next;
        continue;
      }
      done[at->op] = true;
      calls.push_back({at, std::exchange(now, *after)});
      open -= ops[at->op].returned.has_value();
      lift(*at);
      at = head.next;
      continue;
    }
    // Another one instead of the last; not of one that only read: what may
    // come without it may come after it.
    for (bool read = true; read;) {
      if (calls.empty())
        return false;
      auto [call, before] = calls.back();
      calls.pop_back();
      now = before;
      done[call->op] = false;
      open += ops[call->op].returned.has_value();
      unlift(*call);
      at = call->next;
      read = only_reads(ops[call->op]);
    }
  }
  return true;
}

} // namespace

std::string to_string(const operation& x) {
  auto ms = [](boot_time t) {
    return std::to_string(static_cast<double>(t.count()) / 1e6);
  };
  std::string out = "client " + std::to_string(x.client) + " ";
  switch (x.what) {
  case operation::kind::get:
    out += "get " + x.key;
    break;
  case operation::kind::put:
    out += "put " + x.key + " = " + std::to_string(x.value);
    break;
  case operation::kind::remove:
    out += "remove " + x.key;
    break;
  case operation::kind::cas:
    out += "cas " + x.key + " " + std::to_string(x.expected) + " -> "
           + std::to_string(x.value);
    break;
  }
  out += " called " + ms(x.invoked);
  if (x.returned)
    return out + " returned " + ms(*x.returned) + " before "
           + std::to_string(x.before);
  return out + " unknown";
}

std::size_t history::invoke(operation x) {
  operations_.push_back(std::move(x));
  forgotten_.push_back(false);
  return operations_.size() - 1;
}

void history::answer(std::size_t at, boot_time now, std::uint64_t before) {
  operations_[at].returned = now;
  operations_[at].before = before;
}

void history::forget(std::size_t at) {
  forgotten_[at] = true;
}

std::size_t history::answered() const {
  return static_cast<std::size_t>(
      std::count_if(operations_.begin(), operations_.end(),
                    [](auto& x) { return x.returned.has_value(); }));
}

std::string history::find_flaw() const {
  std::map<std::string, std::vector<operation>> keys;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    auto& x = operations_[i];
    if (!forgotten_[i])
      keys[x.key].push_back(x);
  }
  for (auto& [key, ops] : keys) {
    std::stable_sort(ops.begin(), ops.end(),
                     [](auto& a, auto& b) { return a.invoked < b.invoked; });
    if (linearizable(that_matter(ops)))
      continue;
    std::string out = "key " + key + " is not linearizable:\n";
    for (auto& x : ops)
      out += "  " + to_string(x) + "\n";
    return out;
  }
  return {};
}

} // namespace troupe::sim

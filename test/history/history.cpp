#include <test/history/history.hpp>

#include <algorithm>
#include <set>
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

// The value after, if the operation may have this answer here.
std::optional<std::uint64_t> step(const operation& x, std::uint64_t state) {
  if (x.returned && x.before != state)
    return std::nullopt;
  switch (x.what) {
  case operation::kind::get:
    return state;
  case operation::kind::put:
    return x.value;
  case operation::kind::remove:
    return 0;
  case operation::kind::cas:
    return state == x.expected ? x.value : state;
  }
  return std::nullopt;
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

  std::vector<bool> done(ops.size());
  std::set<std::pair<std::vector<bool>, std::uint64_t>> tried;
  std::vector<std::pair<event*, std::uint64_t>> calls; // with the state before
  std::uint64_t state = 0;
  // What was answered must all be placed; what nobody knows of need not be.
  auto open = std::count_if(ops.begin(), ops.end(),
                            [](auto& x) { return x.returned.has_value(); });
  auto* at = head.next;
  while (open > 0) {
    if (at != nullptr && at->call) {
      auto after = step(ops[at->op], state);
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
      calls.push_back({at, std::exchange(state, *after)});
      open -= ops[at->op].returned.has_value();
      lift(*at);
      at = head.next;
      continue;
    }
    if (calls.empty())
      return false;
    auto [call, before] = calls.back();
    calls.pop_back();
    state = before;
    done[call->op] = false;
    open += ops[call->op].returned.has_value();
    unlift(*call);
    at = call->next;
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
    bool idle = x.what == operation::kind::get && !x.returned;
    if (!forgotten_[i] && !idle)
      keys[x.key].push_back(x);
  }
  for (auto& [key, ops] : keys) {
    if (linearizable(ops))
      continue;
    std::string out = "key " + key + " is not linearizable:\n";
    for (auto& x : ops)
      out += "  " + to_string(x) + "\n";
    return out;
  }
  return {};
}

} // namespace troupe::sim

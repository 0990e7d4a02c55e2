#include "world.hpp"

#include <algorithm>

namespace troupe::sim {

using namespace raft;
using namespace std::chrono_literals;

namespace {

// Eight times what a run takes.
constexpr std::uint64_t steps_max = 500'000;

class told final : public value_completion {
public:
  told(std::function<void(std::uint64_t)> done,
       std::function<void(group_code)> failed)
      : done_(std::move(done)), failed_(std::move(failed)) {}
  void done(std::uint64_t before) override { done_(before); }
  void fail(const refusal& why) override { failed_(why.why); }

private:
  std::function<void(std::uint64_t)> done_;
  std::function<void(group_code)> failed_;
};

// Certainly not done.
bool is_definite(group_code x) {
  return x == group_code::no_leader || x == group_code::busy
         || x == group_code::replaced || x == group_code::rejected
         || x == group_code::removed;
}

} // namespace

world::world(group_plan what) : plan_(std::move(what)), luck_(plan_.seed) {
  auto count = plan_.voters + plan_.learners + plan_.spares;
  for (std::size_t i = 0; i < count; ++i)
    members_.push_back(
        std::make_unique<sim_member>(i, plan_, time_, luck_, *this));
}

std::string world::run() {
  begin();
  run_until(plan_.faulty);
  if (failure_.empty())
    heal();
  if (failure_.empty())
    settle();
  if (failure_.empty())
    failure_ = history_.find_flaw();
  for (auto& x : members_)
    count_.restores += x->restores();
  count_.answered = history_.answered();
  count_.unknown = history_.operations().size() - count_.answered;
  return failure_;
}

void world::begin() {
  std::vector<founder> founders;
  for (std::size_t i = 0; i < plan_.voters + plan_.learners; ++i)
    founders.push_back({members_[i]->address(), i < plan_.voters});
  for (std::size_t i = 0; i < founders.size(); ++i) {
    members_[i]->found(founders);
    places_[members_[i]->id()] = i;
    revive(i);
  }
  for (int i = 0; i < static_cast<int>(plan_.clients); ++i)
    client(i);
  schedule_fault();
}

void world::run_until(boot_time end) {
  while (failure_.empty() && !time_.empty() && time_.next_at() <= end) {
    time_.step();
    if (++steps_ > steps_max)
      fail("messages breed messages: " + look());
  }
}

// -- the network --------------------------------------------------------------

sim_member* world::by_id(member_id id) {
  auto i = places_.find(id);
  return i == places_.end() ? nullptr : members_[i->second].get();
}

sim_member* world::any_running() {
  std::vector<sim_member*> out;
  for (auto& x : members_)
    if (x->running())
      out.push_back(x.get());
  return out.empty() ? nullptr : out[luck_.below(out.size())];
}

void world::sent(member_id from, member_id to, group_frame kind,
                 std::string bytes) {
  auto* sender = by_id(from);
  auto* receiver = by_id(to);
  if (receiver == nullptr || (faulty_ && luck_.permille(plan_.loss)))
    return;
  auto delay = luck_.between(50us, faulty_ ? plan_.delay : 1ms);
  if (faulty_ && luck_.one_in(200))
    delay = luck_.between(1ms, 300ms);
  time_.after(delay, [=, this, bytes = std::move(bytes)] {
    if (reachable(sender->place(), receiver->place()))
      receiver->receive(from, kind, bytes);
  });
}

// -- clients ------------------------------------------------------------------

void world::client(int number) {
  time_.after(luck_.between(0ms, 20ms), [=, this] { next_of(number); });
}

void world::next_of(int number) {
  auto* x = any_running();
  if (!asking_)
    return;
  if (x == nullptr)
    return client(number);
  operation what;
  what.client = number;
  what.key = std::string(1, static_cast<char>('a' + luck_.below(3)));
  what.invoked = time_.now();
  auto kind = luck_.below(10);
  if (kind >= 5) {
    what.what = kind == 5   ? operation::kind::remove
                : kind <= 7 ? operation::kind::cas
                            : operation::kind::put;
    what.value = ++values_;
    // Mostly one that may be there.
    what.expected = luck_.below(std::min<std::uint64_t>(values_, 6));
    what.expected = values_ - what.expected - 1;
    return propose(number, std::move(what));
  }
  auto key = what.key;
  auto at = history_.invoke(std::move(what));
  auto how = luck_.one_in(2) ? read_mode::lease : read_mode::linearizable;
  bool lease = how == read_mode::lease;
  // Its process may die; the client goes on without the answer.
  auto open = std::make_shared<bool>(true);
  auto go_on = [=, this] {
    if (std::exchange(*open, false))
      client(number);
  };
  time_.after(900ms, go_on);
  x->read(how, [=, this](const sim_machine* from) {
    if (*open && from != nullptr) {
      history_.answer(at, time_.now(), from->find(key));
      count_.lease_reads += lease;
    }
    go_on();
  });
}

void world::propose(int number, operation x) {
  auto* to = any_running();
  auto at = history_.invoke(x);
  auto open = std::make_shared<bool>(true);
  auto go_on = [=, this] {
    if (std::exchange(*open, false))
      client(number);
  };
  time_.after(900ms, go_on);
  auto waiting = std::make_unique<told>(
      [=, this](std::uint64_t before) {
        history_.answer(at, time_.now(), before);
        go_on();
      },
      [=, this](group_code why) {
        if (is_definite(why))
          history_.forget(at);
        go_on();
      });
  std::vector<std::unique_ptr<value_completion>> done;
  done.push_back(std::move(waiting));
  to->propose({x}, std::move(done));
}

// -- the checks ---------------------------------------------------------------

void world::applied(std::size_t place, log_index at, std::uint64_t digest) {
  auto [i, fresh] = digests_.insert({at, digest});
  if (!fresh && i->second != digest)
    fail(members_[place]->address() + " has another state at "
         + std::to_string(at.value));
}

void world::heal() {
  faulty_ = false;
  cuts_.clear();
  for (auto& x : members_) {
    x->disk().set_capacity(0);
    x->disk().faults = {};
    if (x->paused())
      x->resume();
    if (x->is_member())
      revive(x->place());
  }
  run_until(time_.now() + 2s);
  asking_ = false;
  // Who was let in and did not hear of it asks again.
  sim_member* through = nullptr;
  for (auto& x : members_)
    if (x->running()
        && (through == nullptr
            || x->core().applied_index() > through->core().applied_index()))
      through = x.get();
  for (auto& x : members_) {
    if (x->is_member() || x->left() || through == nullptr)
      continue;
    if (auto* row = through->core().members().find(x->address())) {
      places_[row->id] = x->place();
      x->let_in(through->who().cluster, row->id);
      revive(x->place());
    }
  }
  run_until(time_.now() + 1s);
}

// Everybody who is a member must come to the same state, and answer.
void world::settle() {
  auto end = time_.now() + 20s;
  while (failure_.empty() && !at_rest() && time_.now() < end)
    run_until(time_.now() + 100ms);
  if (!failure_.empty())
    return;
  if (!at_rest())
    return fail("no rest after healing: " + look());
  auto before = history_.answered();
  for (auto& x : members_) {
    if (!x->running() || x->core().members().find(x->id()) == nullptr)
      continue;
    for (auto* key : {"a", "b", "c"}) {
      operation what;
      what.key = key;
      what.invoked = time_.now();
      auto at = history_.invoke(what);
      x->read(read_mode::linearizable, [=, this](const sim_machine* from) {
        if (from != nullptr)
          history_.answer(at, time_.now(), from->find(key));
      });
    }
  }
  run_until(time_.now() + 1s);
  if (failure_.empty() && history_.answered() == before)
    fail("nobody reads after healing: " + look());
}

bool world::at_rest() const {
  sim_member* leader = nullptr;
  for (auto& x : members_)
    if (x->running() && x->core().leadership().role == role::leader
        && x->core().leadership().caught_up
        && (leader == nullptr
            || x->core().leadership().term > leader->core().leadership().term))
      leader = x.get();
  if (leader == nullptr)
    return false;
  auto& core = leader->core();
  if (core.conf() != core.members().wanted())
    return false;
  for (auto& row : core.members().rows()) {
    auto i = places_.find(row.id);
    auto& x = *members_[i->second];
    if (!x.running() || x.machine().digest() != leader->machine().digest()
        || x.core().applied_index() != core.applied_index()
        || x.core().members() != core.members())
      return false;
  }
  return true;
}

std::string world::look() const {
  std::string out;
  for (auto& x : members_) {
    out += "\n  " + x->address() + " id " + std::to_string(x->id().value);
    if (!x->running()) {
      out += x->left() ? " left" : " down";
      continue;
    }
    auto& core = x->core();
    auto v = core.raft().inspect();
    out += std::string{" "} + std::string{to_string(v.role)} + " term "
           + std::to_string(v.hard.term.value) + " commit "
           + std::to_string(v.hard.commit.value) + " last "
           + std::to_string(v.last.value) + " applied "
           + std::to_string(v.applied.value) + " voters";
    for (auto id : v.conf.voters)
      out += " " + std::to_string(id.value);
    out += " learners";
    for (auto id : v.conf.learners)
      out += " " + std::to_string(id.value);
    if (v.transferee)
      out += " hands over to " + std::to_string(v.transferee.value);
    if (v.pending_change > v.applied)
      out += " change at " + std::to_string(v.pending_change.value);
    out += " wanted";
    for (auto& row : core.members().rows())
      out += " " + std::to_string(row.id.value) + (row.votes ? "v" : "")
             + (row.leaving ? "-" : "");
  }
  return out;
}

} // namespace troupe::sim

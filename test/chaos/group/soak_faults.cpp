#include "soak_faults.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

namespace troupe::chaos {

namespace {

constexpr auto at_once_max = 3u;

std::string name_of(int i) {
  return "member " + std::to_string(i);
}

std::string for_ms(milliseconds x) {
  return " for " + std::to_string(x.count()) + " ms";
}

} // namespace

soak_faults::soak_faults(kv_trio& members, soak_load& load, std::uint64_t seed)
    : members_(members), load_(load), engine_(seed) {
  publish();
}

int soak_faults::draw(int low, int high) {
  return std::uniform_int_distribution<int>{low, high}(engine_);
}

void soak_faults::run(seconds length, const std::function<bool()>& stop) {
  auto end = clock::now() + length;
  auto next = clock::now() + seconds{1};
  auto calm = clock::now() + seconds{10};
  while (clock::now() < end && death_.empty() && !stop()) {
    auto now = clock::now();
    end_due(now);
    look_after();
    if (now >= calm) {
      end_all();
      note("all is well", "calm");
      next = now + milliseconds{draw(1000, 3000)};
      calm = next + milliseconds{draw(5000, 20000)};
    } else if (now >= next) {
      if (ends_.size() < at_once_max)
        begin_one();
      next = now + milliseconds{draw(50, 1200)};
    }
    // The schedule's own time.
    std::this_thread::sleep_for(milliseconds{10});
  }
}

void soak_faults::begin_one() {
  auto i = pick_member();
  auto dice = draw(0, 99);
  if (dice < 40)
    return hit_process(i);
  if (dice < 95)
    return hit_link(i);
  hand_over();
}

// -- processes ----------------------------------------------------------------

void soak_faults::hit_process(int i) {
  auto dice = draw(0, 99);
  if (dice < 45) {
    milliseconds down{draw(0, 3) == 0 ? draw(1000, 5000) : draw(0, 600)};
    if (!states_[i].runs)
      return;
    note("kill -9 " + name_of(i) + for_ms(down), "kill -9");
    kill(i);
    return end_in(down, [this, i] { start(i); });
  }
  if (dice < 50) {
    milliseconds down{draw(0, 500)};
    note("kill -9 all" + for_ms(down), "kill -9 of all");
    for (int k = 0; k < kv_trio::size; ++k)
      kill(k);
    return end_in(down, [this] {
      for (int k = 0; k < kv_trio::size; ++k)
        start(k);
    });
  }
  // The lease is below 350 ms, an election takes up to 700 ms.
  milliseconds asleep{dice < 65   ? draw(20, 250)
                      : dice < 80 ? draw(350, 800)
                                  : draw(900, 4500)};
  if (!states_[i].runs || states_[i].stopped)
    return;
  note("SIGSTOP " + name_of(i) + for_ms(asleep),
       dice < 65   ? "SIGSTOP within the lease"
       : dice < 80 ? "SIGSTOP past the lease"
                   : "SIGSTOP past an election");
  members_[i].signal(SIGSTOP);
  states_[i].stopped = true;
  publish();
  end_in(asleep, [this, i] { resume(i); });
}

void soak_faults::kill(int i) {
  states_[i] = {false, false};
  publish();
  members_[i].kill();
}

void soak_faults::resume(int i) {
  members_[i].signal(SIGCONT);
  states_[i].stopped = false;
  publish();
}

void soak_faults::start(int i) {
  if (states_[i].runs)
    return;
  members_.start(i);
  states_[i].runs = true;
  publish();
}

void soak_faults::hand_over() {
  auto from = leader();
  if (from < 0)
    return;
  note(name_of(from) + " is asked to hand over", "hand-over");
  members_.client(from).post("/leader", {}, milliseconds{300});
}

void soak_faults::look_after() {
  for (int i = 0; i < kv_trio::size; ++i)
    if (states_[i].runs && !members_[i].running())
      death_ =
          name_of(i) + " ended by itself; it printed:\n" + members_[i].output();
}

// -- links --------------------------------------------------------------------

void soak_faults::hit_link(int i) {
  auto k = (i + draw(1, 2)) % kv_trio::size;
  milliseconds length{draw(0, 3) == 0 ? draw(1500, 6000) : draw(100, 1500)};
  bool stalls = draw(0, 1) == 0;
  auto verb = std::string{stalls ? "stall " : "cut "};
  switch (draw(0, 8)) {
  case 0: // one pair
    hit_way(verb, i, k, length);
    return hit_way(verb, k, i, length);
  case 1: // alone
    for (int x = 0; x < kv_trio::size; ++x)
      if (x != i) {
        hit_way(verb, i, x, length);
        hit_way(verb, x, i, length);
      }
    return;
  case 2: // one direction
    return hit_way(verb, i, k, length);
  case 3: // it hears nobody
    for (int x = 0; x < kv_trio::size; ++x)
      if (x != i)
        hit_way(verb, x, i, length);
    return;
  case 4: // nobody hears it
    for (int x = 0; x < kv_trio::size; ++x)
      if (x != i)
        hit_way(verb, i, x, length);
    return;
  case 5:
    return hit_way("slow ", i, k, length);
  case 6: // a link that flaps
    for (int n = 0; n < 5; ++n)
      end_in(milliseconds{n * draw(20, 200)}, [this, i, k] {
        members_.net().break_now(members_.host(i), members_.host(k));
      });
    return note("break " + name_of(i) + " - " + name_of(k) + ", 5 times",
                "flapping");
  default:
    auto bytes = draw(1, 5000);
    note("break " + name_of(i) + " -> " + name_of(k) + " in "
             + std::to_string(bytes) + " bytes",
         "break in a frame");
    members_.net().break_after(members_.host(i), members_.host(k),
                               static_cast<std::uint64_t>(bytes));
  }
}

void soak_faults::hit_way(const std::string& how, int from, int to,
                          milliseconds length) {
  auto which = name_of(from) + " -> " + name_of(to);
  if (how == "slow ") {
    milliseconds late{draw(5, 150)};
    members_.net().delay(members_.host(from), members_.host(to), late);
    note("slow " + which + " by " + std::to_string(late.count()) + " ms"
             + for_ms(length),
         "slow way");
    return end_in(length, [=, this] {
      members_.net().delay(members_.host(from), members_.host(to),
                           milliseconds{0});
    });
  }
  note(how + which + for_ms(length), how == "cut " ? "way cut" : "way stalled");
  block(from, to, how == "cut ");
  end_in(length, [=, this] { open(from, to); });
}

void soak_faults::block(int from, int to, bool lose) {
  blocked_[from][to] = true;
  publish();
  auto& net = members_.net();
  if (lose)
    net.cut(members_.host(from), members_.host(to));
  else
    net.stall(members_.host(from), members_.host(to));
}

void soak_faults::open(int from, int to) {
  members_.net().heal(members_.host(from), members_.host(to));
  blocked_[from][to] = false;
  publish();
}

// -- the rest -----------------------------------------------------------------

int soak_faults::leader() {
  auto first = draw(0, kv_trio::size - 1);
  for (int n = 0; n < kv_trio::size; ++n) {
    auto i = (first + n) % kv_trio::size;
    if (!states_[i].runs || states_[i].stopped)
      continue;
    if (auto out = members_.leader_of(i, milliseconds{150}); out >= 0)
      return out;
  }
  return -1;
}

int soak_faults::pick_member() {
  auto any = draw(0, kv_trio::size - 1);
  if (draw(0, 1) == 0)
    return any;
  auto leads = leader();
  return leads < 0 ? any : leads;
}

void soak_faults::end_due(clock::time_point now) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    auto what = std::move(ends_.begin()->second);
    ends_.erase(ends_.begin());
    what();
  }
}

void soak_faults::end_in(milliseconds length, undo what) {
  ends_.emplace(clock::now() + length, std::move(what));
}

void soak_faults::end_all() {
  ends_.clear();
  members_.net().heal();
  for (auto& row : blocked_)
    std::fill(std::begin(row), std::end(row), false);
  for (int i = 0; i < kv_trio::size; ++i) {
    resume(i);
    start(i);
  }
}

// Two members at work that reach each other are a majority.
void soak_faults::publish() {
  auto works = [&](int i) { return states_[i].runs && !states_[i].stopped; };
  bool able = false;
  for (int i = 0; i < kv_trio::size; ++i)
    for (int k = 0; k < i; ++k)
      able =
          able || (works(i) && works(k) && !blocked_[i][k] && !blocked_[k][i]);
  load_.gaps.able(able);
}

void soak_faults::note(const std::string& what, const std::string& kind) {
  ++by_kind_[kind];
  char when[32];
  std::snprintf(when, sizeof when, "%10.3f s  ", ms_since(began_) / 1000);
  schedule_.push_back(when + what);
}

std::string soak_faults::schedule(std::size_t lines_max) const {
  std::string out;
  auto from = schedule_.size() - std::min(schedule_.size(), lines_max);
  for (auto i = from; i < schedule_.size(); ++i)
    out += schedule_[i] + "\n";
  return out;
}

} // namespace troupe::chaos

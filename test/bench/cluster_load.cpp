// A node beside a cluster of `counter node`s that hosts nothing and sends
// numbered Adds at a steady rate, each sender to every partition in turn. It is
// told what to do by lines on standard input, and answers each with one line of
// JSON; cluster_figures drives it.
//
//   bench_cluster_load --join A,B,C [--partitions 64] [--senders 8]
//                      [--preset fast] [--set name=value]
//
//   rate N            messages a second from now on, by all senders together
//   only all|P,P,...  to these partitions alone
//   loose 0|1         1: answers are not compared; for crashes, which take
//                     counters along
//   first T           by partition: ms from T to its first answer to a message
//                     sent since T
//   window A B [P,..] what was sent from A to B, to these partitions: counts by
//                     fate, and how long answers took
//   quiet A B P       the longest time between two answers of a partition
//   sound             what the answers showed; waits until none is missing
//
// Times are of CLOCK_MONOTONIC, in ns.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <troupe/troupe.hpp>

#include "counter.pb.h"

namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::size_t findings_max = 20;         // that a sender tells
constexpr auto keep = std::chrono::seconds{120}; // records, after their answer

std::int64_t now_ns() {
  return steady_clock::now().time_since_epoch().count();
}

/// What became of one message. 0 in `answered`: nobody knows yet.
struct record {
  std::int64_t sent = 0;
  std::int64_t answered = 0;
  std::uint32_t partition = 0;
  std::string_view error; // empty: none
};

/// What one sender knows of its key in one partition. Its n-th Add adds n, so
/// each answer tells which Adds were processed before it, and in which order.
struct stream {
  std::uint64_t sent = 0;
  std::int64_t applied_before = 0; // Adds of others' making, or less for losses
  std::int64_t total_before = 0;
};

/// What the senders share. The records of one sender are its own, and read
/// under its lock.
struct plan {
  caf::actor router;
  std::uint32_t partitions = 64;
  std::uint32_t senders = 8;
  std::atomic<std::uint64_t> rate{0};
  std::atomic<bool> loose{false};
  std::mutex mutex;
  std::vector<std::uint32_t> asked; // under the mutex
  std::atomic<std::uint64_t> asked_version{1};
};

struct book {
  std::mutex mutex;
  std::deque<record> records; // by `sent`
  std::uint64_t begun = 0;    // number of the first record
  std::uint64_t acknowledged = 0;
  std::uint64_t failed = 0;
  std::uint64_t open = 0;
  std::uint64_t wrong = 0;           // lost, doubled or out of order
  std::vector<std::string> findings; // the first of them
};

struct sender_state {
  std::uint32_t number = 0;
  std::string key;
  std::vector<stream> streams; // by partition
  std::vector<std::uint32_t> asked;
  std::uint64_t version = 0;
  std::uint64_t turn = 0;
  std::int64_t last = now_ns();
  double owed = 0;
};

using sender_actor = caf::stateful_actor<sender_state>;

void compare(book& mine, stream& of, std::uint64_t n, bool loose,
             const counter::Total& got, const std::string& what) {
  auto k = static_cast<std::int64_t>(n);
  auto applied = static_cast<std::int64_t>(got.applied()) - k;
  auto total = got.total() - k * (k + 1) / 2;
  if (applied == of.applied_before && total == of.total_before)
    return;
  if (!loose) {
    ++mine.wrong;
    if (mine.findings.size() < findings_max)
      mine.findings.push_back(what + ": Add " + std::to_string(n) + " is the "
                              + std::to_string(got.applied()) + "th, "
                              + std::to_string(now_ns()) + " ns");
  }
  of.applied_before = applied;
  of.total_before = total;
}

void send_one(sender_actor* self, plan& shared,
              const std::shared_ptr<book>& mine) {
  auto& s = self->state;
  // The senders are spread over the partitions, and each goes round.
  auto at = s.turn++ + s.number * s.asked.size() / shared.senders;
  auto p = s.asked[at % s.asked.size()];
  auto n = ++s.streams[p].sent;
  counter::Add add;
  add.set_by(static_cast<std::int64_t>(n));
  std::uint64_t number;
  {
    std::lock_guard guard{mine->mutex};
    number = mine->begun + mine->records.size();
    mine->records.push_back({now_ns(), 0, p, {}});
    ++mine->open;
  }
  auto done = [mine, number](std::string_view error) {
    --mine->open;
    ++(error.empty() ? mine->acknowledged : mine->failed);
    if (number < mine->begun)
      return;
    auto& of = mine->records[number - mine->begun];
    of.answered = now_ns();
    of.error = error;
  };
  self->request(shared.router, caf::infinite, troupe::to_partition{p, s.key},
                add)
      .then(
          [=, &shared](const counter::Total& got) {
            std::lock_guard guard{mine->mutex};
            done({});
            compare(*mine, self->state.streams[p], n, shared.loose, got,
                    self->state.key + " to partition " + std::to_string(p));
          },
          [=](const caf::error& why) {
            std::lock_guard guard{mine->mutex};
            done(troupe::to_string(troupe::code_of(why)));
          });
}

caf::behavior sender(sender_actor* self, std::uint32_t number, plan* shared,
                     std::shared_ptr<book> mine) {
  auto& s = self->state;
  s.number = number;
  s.key = "sender-" + std::to_string(number);
  s.streams.resize(shared->partitions);
  auto tick = caf::atom("tick");
  self->send(self, tick);
  return {[=](caf::atom_value) {
    auto& s = self->state;
    if (s.version != shared->asked_version) {
      std::lock_guard guard{shared->mutex};
      s.version = shared->asked_version;
      s.asked = shared->asked;
    }
    auto now = now_ns();
    auto each = static_cast<double>(shared->rate) / shared->senders;
    s.owed += each * static_cast<double>(now - s.last) / 1e9;
    s.owed = std::min(s.owed, 1 + each / 20); // not all at once after a stall
    s.last = now;
    for (; s.owed >= 1 && !s.asked.empty(); --s.owed)
      send_one(self, *shared, mine);
    {
      std::lock_guard guard{mine->mutex};
      auto& records = mine->records;
      while (!records.empty() && records.front().answered != 0
             && now - records.front().answered
                    > std::chrono::nanoseconds{keep}.count()) {
        records.pop_front();
        ++mine->begun;
      }
    }
    self->delayed_send(self, std::chrono::milliseconds{1}, tick);
  }};
}

// -- what is asked ------------------------------------------------------------

double in_ms(std::int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

std::vector<std::uint32_t> numbers(const std::string& text) {
  std::vector<std::uint32_t> out;
  std::istringstream in{text};
  for (std::string one; std::getline(in, one, ',');)
    out.push_back(static_cast<std::uint32_t>(std::stoul(one)));
  return out;
}

class reporter {
public:
  reporter(plan& shared, std::vector<std::shared_ptr<book>> books)
      : shared_(shared), books_(std::move(books)) {}

  json answer(const std::string& line) {
    std::istringstream in{line};
    std::string what;
    std::string list;
    std::int64_t from = 0;
    std::int64_t to = 0;
    in >> what;
    if (what == "rate") {
      in >> from;
      shared_.rate = static_cast<std::uint64_t>(from);
    } else if (what == "loose") {
      in >> from;
      shared_.loose = from != 0;
    } else if (what == "only") {
      in >> list;
      only(list);
    } else if (what == "first") {
      in >> from;
      return first(from);
    } else if (what == "window") {
      in >> from >> to >> list;
      return window(from, to, numbers(list));
    } else if (what == "quiet") {
      in >> from >> to >> list;
      return quiet(from, to, numbers(list).at(0));
    } else if (what == "sound") {
      return sound();
    } else {
      return {{"error", "no command '" + what + "'"}};
    }
    return json::object();
  }

private:
  void only(const std::string& list) {
    std::lock_guard guard{shared_.mutex};
    shared_.asked.clear();
    if (list != "all")
      shared_.asked = numbers(list);
    else
      for (std::uint32_t p = 0; p < shared_.partitions; ++p)
        shared_.asked.push_back(p);
    ++shared_.asked_version;
  }

  template <class F>
  void each(std::int64_t from, std::int64_t to, F f) {
    for (auto& one : books_) {
      std::lock_guard guard{one->mutex};
      auto& all = one->records;
      auto at = std::lower_bound(
          all.begin(), all.end(), from,
          [](const record& x, std::int64_t t) { return x.sent < t; });
      for (; at != all.end() && at->sent <= to; ++at)
        f(*at);
    }
  }

  json first(std::int64_t from) {
    std::map<std::uint32_t, std::int64_t> found;
    each(from, now_ns(), [&](const record& x) {
      if (x.answered == 0 || !x.error.empty())
        return;
      auto [at, anew] = found.emplace(x.partition, x.answered);
      if (!anew)
        at->second = std::min(at->second, x.answered);
    });
    json out = json::object();
    for (auto& [p, when] : found)
      out[std::to_string(p)] = in_ms(when - from);
    return out;
  }

  json window(std::int64_t from, std::int64_t to,
              const std::vector<std::uint32_t>& of) {
    std::vector<double> waits;
    std::map<std::string, std::uint64_t> failed;
    std::uint64_t open = 0;
    std::uint32_t slowest = 0;
    double slowest_at = 0;
    double longest = -1;
    std::vector<bool> wanted(shared_.partitions, of.empty());
    for (auto p : of)
      wanted.at(p) = true;
    each(from, to, [&](const record& x) {
      if (!wanted[x.partition])
        return;
      open += x.answered == 0;
      if (!x.error.empty())
        ++failed[std::string{x.error}];
      auto wait = in_ms((x.answered ? x.answered : now_ns()) - x.sent);
      waits.push_back(wait);
      if (wait > longest) {
        longest = wait;
        slowest = x.partition;
        slowest_at = in_ms(x.sent - from);
      }
    });
    std::sort(waits.begin(), waits.end());
    auto at = [&](double q) {
      return waits.empty() ? 0
                           : waits[static_cast<std::size_t>(
                               q * static_cast<double>(waits.size() - 1))];
    };
    return {{"sent", waits.size()}, {"open", open},
            {"failed", failed},     {"p50", at(0.5)},
            {"p99", at(0.99)},      {"max", at(1)},
            {"slowest", slowest},   {"slowest_at", slowest_at}};
  }

  json quiet(std::int64_t from, std::int64_t to, std::uint32_t p) {
    std::vector<std::int64_t> answers{from, to};
    each(from - 5'000'000'000, to, [&](const record& x) {
      if (x.partition == p && x.error.empty() && x.answered > from
          && x.answered < to)
        answers.push_back(x.answered);
    });
    std::sort(answers.begin(), answers.end());
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < answers.size(); ++i)
      longest = std::max(longest, answers[i] - answers[i - 1]);
    return {{"longest", in_ms(longest)}, {"answers", answers.size() - 2}};
  }

  json sound() {
    auto rate = shared_.rate.exchange(0);
    auto until = steady_clock::now() + std::chrono::seconds{30};
    auto open = [&] {
      std::uint64_t out = 0;
      for (auto& one : books_) {
        std::lock_guard guard{one->mutex};
        out += one->open;
      }
      return out;
    };
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    while (open() > 0 && steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    json out{{"open", open()},
             {"acknowledged", 0},
             {"failed", 0},
             {"wrong", 0},
             {"findings", json::array()}};
    for (auto& one : books_) {
      std::lock_guard guard{one->mutex};
      out["acknowledged"] =
          out["acknowledged"].get<std::uint64_t>() + one->acknowledged;
      out["failed"] = out["failed"].get<std::uint64_t>() + one->failed;
      out["wrong"] = out["wrong"].get<std::uint64_t>() + one->wrong;
      for (auto& what : one->findings)
        out["findings"].push_back(what);
    }
    shared_.rate = rate;
    return out;
  }

  plan& shared_;
  std::vector<std::shared_ptr<book>> books_;
};

int report(const troupe::failure& why) {
  std::cerr << "cluster_load: " << why.detail << "; " << why.hint << "\n";
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Sends to a cluster of counters", "bench_cluster_load"};
  troupe::node_options options;
  options.name = "load";
  options.weight = 0;
  options.log = "warn";
  plan shared;
  std::string preset = "normal";
  std::vector<std::string> set;
  app.add_option("--join", options.join)->delimiter(',')->required();
  app.add_option("--partitions", shared.partitions);
  app.add_option("--senders", shared.senders);
  app.add_option("--preset", preset)
      ->check(CLI::IsMember({"normal", "fast", "wan"}));
  app.add_option("--set", set);
  CLI11_PARSE(app, argc, argv);
  options.settings = *troupe::settings_preset(preset);
  for (auto& one : set)
    if (auto why = troupe::set_setting(options, one))
      return report(why);
  troupe::node node{options};
  troupe::region_options region;
  region.partitions = shared.partitions;
  shared.router = node.proxy_region("counter", region).router();
  if (auto why = node.start())
    return report(why);
  std::vector<std::shared_ptr<book>> books;
  std::vector<caf::actor> senders;
  for (std::uint32_t i = 0; i < shared.senders; ++i) {
    books.push_back(std::make_shared<book>());
    senders.push_back(node.system().spawn(sender, i, &shared, books.back()));
  }
  reporter reports{shared, books};
  reports.answer("only all");
  std::cout << "{}" << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << reports.answer(line).dump() << std::endl;
  for (auto& one : senders)
    caf::anon_send_exit(one, caf::exit_reason::kill);
  senders.clear();
  node.stop(troupe::node::stop_kind::now);
}

#include "soak_load.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace troupe::chaos {

namespace {

using kind = sim::operation::kind;

constexpr int clients_per_member = 3;
constexpr std::size_t keys_per_generation = 8;
constexpr unsigned unknown_max = 6;      // of one key
constexpr auto pause = milliseconds{20}; // of a client, between operations
constexpr auto patience = milliseconds{1500};
constexpr auto written_for = seconds{5};
constexpr auto read_for = seconds{60};

std::uint64_t below(std::mt19937_64& engine, std::uint64_t end) {
  return std::uniform_int_distribution<std::uint64_t>{0, end - 1}(engine);
}

std::uint64_t number(const json& from, const char* name) {
  auto text = from.is_object() ? from.value(name, "") : "";
  return std::strtoull(text.c_str(), nullptr, 10);
}

// What the answer says was there before; nothing: it does not.
std::optional<std::uint64_t> before(const sim::operation& what,
                                    const answer& got) {
  if (got.fate != fate::answered)
    return std::nullopt;
  auto said = got.body();
  if (what.what == kind::get) {
    if (got.status == 404)
      return 0;
    return got.status == 200 ? std::optional{number(said, "value")}
                             : std::nullopt;
  }
  if (got.status != 200 && got.status != 412)
    return std::nullopt;
  return number(said, "before");
}

bool certainly_not_done(const answer& got) {
  if (got.fate == fate::unsent)
    return true;
  if (got.fate == fate::lost)
    return false;
  auto said = got.body();
  auto code = said.is_object() ? said.value("code", "") : "";
  return code == "no_leader" || code == "busy" || code == "replaced";
}

} // namespace

soak_load::soak_load(std::vector<std::string> addresses, std::uint64_t seed)
    : addresses_(std::move(addresses)), seed_(seed) {
  add_generation();
  auto clients = clients_per_member * static_cast<int>(addresses_.size());
  for (int i = 0; i < clients; ++i)
    threads_.emplace_back([this, i] { work(i); });
  threads_.emplace_back([this] { keep_generations(); });
}

soak_load::~soak_load() {
  stop();
}

void soak_load::stop() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  stopped_.notify_all();
  for (auto& x : threads_)
    x.join();
  threads_.clear();
}

void soak_load::work(int number) {
  std::mt19937_64 engine{seed_ + static_cast<std::uint64_t>(number)};
  std::vector<http_client> members;
  for (auto& x : addresses_)
    members.emplace_back(x);
  for (;;) {
    {
      std::unique_lock guard{mutex_};
      if (stopped_.wait_for(guard, pause, [this] { return stopping_; }))
        return;
    }
    auto x = draw(number, engine);
    settle(x, perform(x, members[below(engine, members.size())]));
  }
}

auto soak_load::draw(int client, std::mt19937_64& engine) -> plan {
  std::lock_guard guard{mutex_};
  plan out;
  auto dice = below(engine, 100);
  bool revisit = dice >= 95;
  out.of = revisit ? generations_[below(engine, generations_.size())]
                   : generations_.back();
  auto& keys = out.of->keys;
  out.key = below(engine, keys.size());
  auto& key = keys[out.key];
  auto& x = out.what;
  x.key = key.name;
  x.client = client;
  x.what = kind::get;
  out.lease = below(engine, 2) == 0;
  if (!revisit && dice < 60 && key.unknown < unknown_max) {
    x.what = dice < 30 ? kind::put : dice < 50 ? kind::cas : kind::remove;
    if (x.what != kind::remove)
      x.value = next_value_++;
    if (x.what == kind::cas)
      x.expected = key.last;
  }
  x.invoked = now();
  out.number = out.of->told.invoke(x);
  ++out.of->open;
  return out;
}

answer soak_load::perform(const plan& x, http_client& to) {
  auto target = "/kv/" + x.what.key;
  switch (x.what.what) {
  case kind::get:
    return to.get(target + (x.lease ? "?read=lease" : "?read=linearizable"),
                  patience);
  case kind::remove:
    return to.erase(target, patience);
  case kind::cas:
    target += x.what.expected == 0 ? "?if_absent"
                                   : "?if=" + std::to_string(x.what.expected);
    break;
  case kind::put:
    break;
  }
  return to.post(target, std::to_string(x.what.value), patience);
}

void soak_load::settle(const plan& x, const answer& got) {
  static constexpr const char* names[] = {"get", "put", "remove",
                                          "compare-and-set"};
  auto found = before(x.what, got);
  bool write = x.what.what != kind::get;
  if (found && write && got.good())
    gaps.acknowledged();
  std::lock_guard guard{mutex_};
  auto& key = x.of->keys[x.key];
  --x.of->open;
  if (found) {
    x.of->told.answer(x.number, now(), *found);
    key.last = write && got.good() ? x.what.value : *found;
    ++seen_.done;
    ++by_kind_[write     ? names[static_cast<int>(x.what.what)]
               : x.lease ? "lease get"
                         : "linearizable get"];
    // What it says it did, and what it says it found, must agree.
    if (x.what.what == kind::cas && got.good() != (*found == x.what.expected)
        && flaw_.empty())
      flaw_ = sim::to_string(x.what) + " was answered " + got.text;
  } else if (!write || certainly_not_done(got)) {
    x.of->told.forget(x.number);
    ++seen_.failed;
  } else {
    ++key.unknown;
    ++seen_.unknown;
  }
}

// -- the history --------------------------------------------------------------

void soak_load::add_generation() {
  auto fresh = std::make_shared<generation>();
  fresh->born = clock::now();
  for (std::size_t i = 0; i < keys_per_generation; ++i) {
    keys_.push_back("k" + std::to_string(keys_.size()));
    fresh->keys.push_back({keys_.back()});
  }
  generations_.push_back(std::move(fresh));
}

void soak_load::keep_generations() {
  std::unique_lock guard{mutex_};
  while (!stopped_.wait_for(guard, milliseconds{200},
                            [this] { return stopping_; })) {
    auto now = clock::now();
    if (now - generations_.back()->born > written_for)
      add_generation();
    auto oldest = generations_.front();
    if (now - oldest->born < written_for + read_for || oldest->open > 0)
      continue;
    generations_.pop_front();
    guard.unlock();
    check(*oldest);
    guard.lock();
  }
}

void soak_load::check(const generation& x) {
  auto found = x.told.find_flaw();
  std::lock_guard guard{mutex_};
  seen_.keys_checked += x.keys.size();
  if (flaw_.empty())
    flaw_ = found;
}

bool soak_load::read_all() {
  std::vector<http_client> members;
  for (auto& x : addresses_)
    members.emplace_back(x);
  std::size_t turn = 0;
  for (auto& x : generations_)
    for (auto& key : x->keys) {
      sim::operation read;
      read.what = kind::get;
      read.key = key.name;
      read.client = -1;
      read.invoked = now();
      auto got = members[turn++ % members.size()].get("/kv/" + key.name);
      auto found = before(read, got);
      if (!found)
        return false;
      x->told.answer(x->told.invoke(read), now(), *found);
    }
  return true;
}

void soak_load::check_all() {
  for (auto& x : generations_)
    check(*x);
}

std::string soak_load::flaw() const {
  std::lock_guard guard{mutex_};
  return flaw_;
}

std::vector<std::string> soak_load::keys() const {
  std::lock_guard guard{mutex_};
  return keys_;
}

auto soak_load::seen() const -> totals {
  std::lock_guard guard{mutex_};
  return seen_;
}

std::map<std::string, std::uint64_t> soak_load::by_kind() const {
  std::lock_guard guard{mutex_};
  return by_kind_;
}

} // namespace troupe::chaos

#include <test/chaos/harness/load.hpp>

#include <algorithm>

namespace troupe::chaos {

load::load(std::vector<std::string> targets, load_options options)
    : options_(options),
      targets_(std::move(targets)),
      seen_(options.threads, 1) {
  for (unsigned i = 0; i < options_.keys; ++i)
    records_["key-" + std::to_string(i)];
  for (unsigned i = 0; i < options_.threads; ++i)
    threads_.emplace_back([this, i] { work(i); });
}

load::~load() {
  stop();
}

void load::stop() {
  stopping_ = true;
  for (auto& thread : threads_)
    thread.join();
  threads_.clear();
}

void load::set_targets(std::vector<std::string> targets) {
  std::uint64_t version;
  {
    std::lock_guard guard{mutex_};
    targets_ = std::move(targets);
    version = ++version_;
  }
  eventually(options_.timeout + seconds{5}, [&] {
    std::lock_guard guard{mutex_};
    return std::all_of(seen_.begin(), seen_.end(),
                       [&](auto one) { return one >= version; });
  });
}

bool load::flows(std::uint64_t more, milliseconds limit) {
  auto goal = acknowledged_ + more;
  return eventually(limit, [&] { return acknowledged_ >= goal; });
}

std::uint64_t load::refresh(std::vector<http_client>& clients) {
  std::lock_guard guard{mutex_};
  clients.clear();
  for (auto& one : targets_)
    clients.emplace_back(one);
  return version_;
}

void load::work(unsigned number) {
  std::vector<std::pair<std::string, key_record*>> mine;
  unsigned i = 0;
  for (auto& [key, record] : records_)
    if (i++ % options_.threads == number)
      mine.emplace_back(key, &record);
  std::vector<http_client> clients;
  auto version = refresh(clients);
  for (std::size_t n = number; !stopping_; ++n) {
    bool stale;
    {
      std::lock_guard guard{mutex_};
      stale = version != version_;
    }
    if (stale)
      version = refresh(clients);
    {
      std::lock_guard guard{mutex_};
      seen_[number] = version;
    }
    if (clients.empty())
      break;
    auto& [key, record] = mine[n % mine.size()];
    // Not in step with the keys, so that each goes through each node.
    add(clients[(n + n / mine.size()) % clients.size()], key, *record);
  }
  std::lock_guard guard{mutex_};
  seen_[number] = ~std::uint64_t{0};
}

void load::add(http_client& to, const std::string& key, key_record& record) {
  auto by = record.sent + 1;
  json body{{"type", "counter.Add"},
            {"message", {{"by", by}}},
            {"timeout_ms", options_.timeout.count()}};
  auto got = to.post("/v1/regions/" + options_.region + "/send?key=" + key,
                     body.dump(), options_.timeout + seconds{5});
  if (got.fate == fate::unsent) {
    std::this_thread::sleep_for(milliseconds{5}); // all may be down
    return;
  }
  ++record.sent;
  auto error = got.error();
  if (got.good()) {
    auto now = clock::now();
    ++record.acknowledged;
    ++acknowledged_;
    record.acknowledged_sum += by;
    check(key, record, got.body(), by);
    if (record.acknowledged_at != clock::time_point{})
      record.gap_ms = std::max(record.gap_ms, ms_since(record.acknowledged_at));
    record.acknowledged_at = now;
    return;
  }
  if (got.fate == fate::lost || error == "outcome_unknown") {
    ++record.unknown;
    ++record.unknown_since;
    ++unknown_;
    record.unknown_sum += by;
  } else {
    ++record.failed;
    ++failed_;
  }
  std::lock_guard guard{mutex_};
  ++refusals_[got.fate == fate::lost ? "lost: " + got.text
                                     : error + ": " + got.text];
}

void load::check(const std::string& key, key_record& record, const json& reply,
                 std::uint64_t by) {
  if (!reply.is_object() || !reply["message"].is_object()
      || !reply["epoch"].is_number())
    return problem("an answer without message or epoch: " + reply.dump());
  std::uint64_t applied = std::stoull(reply["message"].value("applied", "0"));
  auto epoch = reply["epoch"].get<std::uint64_t>();
  auto least = record.last_applied + 1;
  auto most = least + record.unknown_since;
  bool anew = options_.crashes && epoch > record.last_epoch && applied < least
              && applied >= 1 && applied <= 1 + record.unknown_since;
  if (epoch < record.last_epoch)
    problem(key + ": epoch " + std::to_string(epoch) + " after "
            + std::to_string(record.last_epoch));
  if (!anew && (applied < least || applied > most))
    problem(key + ": applied is " + std::to_string(applied) + " instead of "
            + std::to_string(least) + " to " + std::to_string(most)
            + " at Add number " + std::to_string(by) + ": " + reply.dump());
  // What is unknown may wait at another node's router, and be applied later.
  std::uint64_t known = anew ? 1 : least;
  if (applied > known)
    record.unknown_since -= std::min(record.unknown_since, applied - known);
  record.restarts += anew;
  record.last_applied = applied;
  record.last_epoch = epoch;
}

void load::verify(const std::string& http) {
  http_client to{http};
  for (auto& [key, record] : records_) {
    auto got = to.post("/v1/regions/" + options_.region + "/send?key=" + key,
                       R"({"type":"counter.Get","message":{}})");
    auto body = got.body();
    if (!got.good() || !body["message"].is_object()) {
      problem(key + ": no total: " + got.text);
      continue;
    }
    auto applied = std::stoull(body["message"].value("applied", "0"));
    auto total = std::stoull(body["message"].value("total", "0"));
    if (record.restarts > 0)
      continue; // counted step by step
    bool anew = options_.crashes && body["epoch"].is_number()
                && body["epoch"].get<std::uint64_t>() > record.last_epoch;
    auto wrong = [&](const char* what, std::uint64_t is, std::uint64_t least,
                     std::uint64_t most) {
      if (!anew && (is < least || is > most))
        problem(key + ": " + what + " is " + std::to_string(is) + " instead of "
                + std::to_string(least) + " to " + std::to_string(most));
    };
    wrong("applied", applied, record.acknowledged,
          record.acknowledged + record.unknown);
    wrong("total", total, record.acknowledged_sum,
          record.acknowledged_sum + record.unknown_sum);
  }
}

double load::longest_gap_ms() const {
  double out = 0;
  for (auto& [key, record] : records_)
    out = std::max(out, record.gap_ms);
  return out;
}

void load::problem(std::string text) {
  std::lock_guard guard{mutex_};
  problems_.push_back(std::move(text));
}

std::vector<std::string> load::problems() const {
  std::lock_guard guard{mutex_};
  return problems_;
}

std::string load::summary() const {
  auto out = std::to_string(acknowledged_) + " acknowledged, "
             + std::to_string(failed_) + " failed, " + std::to_string(unknown_)
             + " unknown";
  std::lock_guard guard{mutex_};
  for (auto& [why, n] : refusals_)
    out += "\n  " + std::to_string(n) + " x " + why;
  for (auto& one : problems_)
    out += "\n  " + one;
  return out;
}

} // namespace troupe::chaos

#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <test/chaos/harness/http_client.hpp>

namespace troupe::chaos {

/// What became of the Adds of one key. The n-th Add adds n.
struct key_record {
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t failed = 0;  // refused: not processed
  std::uint64_t unknown = 0; // may have been processed
  std::uint64_t last_applied = 0;
  std::uint64_t last_epoch = 0;
  std::uint64_t unknown_since = 0; // of those, not seen to be applied yet
  std::uint64_t acknowledged_sum = 0;
  std::uint64_t unknown_sum = 0;
  std::uint64_t restarts = 0; // began from nothing, under a greater epoch
  double gap_ms = 0;          // longest time between two acknowledgements
  clock::time_point acknowledged_at{};
};

struct load_options {
  unsigned threads = 3;
  unsigned keys = 24; // in all; each belongs to one thread
  /// A crash takes the state of its partitions with it: their keys may begin
  /// from nothing.
  bool crashes = false;
  milliseconds timeout{5000}; // of a message
  std::string region = "counter";
};

/// Adds to keys through several nodes in turn, from several threads, each
/// waiting for its answer. Checks as it goes that no answer shows a message
/// lost, doubled, or run by an owner of the past.
///
/// Errors:  what it found wrong is in `problems`.
/// Threads: `start` to `stop` belong to one.
class load {
public:
  explicit load(std::vector<std::string> targets, load_options options = {});
  ~load();

  /// Sends through these from now on; returns once no thread uses another.
  void set_targets(std::vector<std::string> targets);

  /// Waits until so many more were acknowledged.
  bool flows(std::uint64_t more, milliseconds limit = seconds{20});

  void stop();

  /// Asks for every key's total through `http`, and compares with what was
  /// acknowledged. After `stop`.
  void verify(const std::string& http);

  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t failed() const { return failed_; }
  std::uint64_t unknown() const { return unknown_; }
  double longest_gap_ms() const; // of any key; after `stop`
  std::vector<std::string> problems() const;
  std::string summary() const;

private:
  void work(unsigned number);
  void add(http_client& to, const std::string& key, key_record& record);
  void check(const std::string& key, key_record& record, const json& reply,
             std::uint64_t by);
  void problem(std::string text);
  std::uint64_t refresh(std::vector<http_client>& clients);

  load_options options_;
  mutable std::mutex mutex_; // guards what follows
  std::vector<std::string> targets_;
  std::vector<std::string> problems_;
  std::map<std::string, std::uint64_t> refusals_; // by error
  std::uint64_t version_ = 1;                     // of the targets
  std::vector<std::uint64_t> seen_;               // version, by thread
  std::map<std::string, key_record> records_;     // each its thread's
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

} // namespace troupe::chaos

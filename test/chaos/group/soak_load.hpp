#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <test/chaos/harness/http_client.hpp>
#include <test/history/history.hpp>

#include "gap_watch.hpp"

namespace troupe::chaos {

/// Clients that put, compare and set, delete and read, linearizably or under
/// the lease, through any member, and a history of it that is checked as it
/// grows.
///
/// A long history is cheap to check if no key has many operations in it. So
/// the keys go by generations: one is written for some seconds, then only read,
/// now and then, for a minute, then read a last time and checked. A key that
/// has seen too many unknown outcomes, each of which may happen at any time
/// later, rests.
///
/// Threads: of its own; calls from one.
class soak_load {
public:
  soak_load(std::vector<std::string> addresses, std::uint64_t seed);
  ~soak_load();

  /// Ends when all that is pending has ended.
  void stop();

  /// After `stop`, with all members at work: reads all keys of which histories
  /// are open once more. False: one could not be read.
  bool read_all();

  /// After `stop`: checks the histories that are open.
  void check_all();

  /// An operation that no order explains: the history of its key. Empty: none.
  std::string flaw() const;

  /// All keys ever used.
  std::vector<std::string> keys() const;

  struct totals {
    std::uint64_t done = 0;
    std::uint64_t failed = 0;  // certainly not done; reads without an answer
    std::uint64_t unknown = 0; // maybe done
    std::uint64_t keys_checked = 0;
  };
  totals seen() const;
  std::map<std::string, std::uint64_t> by_kind() const; // what was done

  gap_watch gaps;

private:
  struct key_state {
    std::string name;
    std::uint64_t last = 0; // a value that it had; 0: none
    unsigned unknown = 0;
  };
  struct generation {
    sim::history told;
    std::vector<key_state> keys;
    clock::time_point born;
    int open = 0; // operations
  };
  struct plan {
    std::shared_ptr<generation> of;
    std::size_t key = 0;
    std::size_t number = 0; // in the history
    sim::operation what;
    bool lease = false; // a get
  };

  void work(int number);
  plan draw(int client, std::mt19937_64& engine);
  answer perform(const plan& x, http_client& to);
  void settle(const plan& x, const answer& got);
  void keep_generations();
  void add_generation();
  void check(const generation& x);
  boot_time now() const { return clock::now() - began_; }

  std::vector<std::string> addresses_;
  std::uint64_t seed_;
  clock::time_point began_ = clock::now();

  mutable std::mutex mutex_; // for what follows
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::deque<std::shared_ptr<generation>> generations_; // the newest last
  std::vector<std::string> keys_;
  std::uint64_t next_value_ = 1;
  totals seen_;
  std::map<std::string, std::uint64_t> by_kind_;
  std::string flaw_;

  std::vector<std::thread> threads_;
};

} // namespace troupe::chaos

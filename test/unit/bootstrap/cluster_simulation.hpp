#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <troupe/cluster/bootstrap/bootstrap.hpp>
#include <troupe/cluster/bootstrap/founding_set.hpp>

namespace troupe::boot::test {

/// What happens to messages and processes while faults are on.
struct faults {
  double loss = 0;
  double duplication = 0;
  double crash_per_event = 0;
  double cut = 0; // share of the pairs that do not hear each other at a time
  std::chrono::milliseconds delay_max{5};
};

/// Nodes that start, with their disks and the network, in one thread from one
/// seed. Nodes that became members answer as a cluster with one honest leader
/// would. Every step is checked; `flaw` says what was first found wrong.
class cluster_simulation {
public:
  explicit cluster_simulation(std::uint64_t seed)
      : seed_(seed), engine_(seed) {}

  /// The name follows the address, the uuid the order of adding.
  void add_node(address at, std::vector<address> join, std::uint32_t expect,
                std::chrono::milliseconds start_at = {});

  /// Runs with faults, and then, all processes up and the network whole, until
  /// every node ended its start or the bound is over.
  void run(const faults& bad, std::chrono::milliseconds bad_for,
           std::chrono::milliseconds good_for);

  const std::string& flaw() const { return flaw_; }
  std::size_t clusters() const { return clusters_.size(); }
  std::uint64_t last_generation() const { return last_generation_; }
  std::size_t founders() const { return founders_; }
  std::size_t crashes() const { return crashes_; }
  time_point healing_took() const { return healing_took_; }

private:
  struct node {
    bootstrap_config config;
    disk_state disk;
    std::optional<bootstrap> machine;
    std::optional<std::string> writing; // neither on disk nor surely not
    std::uint64_t life = 0;             // grows with each crash
    bool ended = false;
    std::map<std::uint64_t, cluster_id> kept; // by generation, for ever
  };

  struct cluster {
    std::map<uuid, member> members;
    std::set<node_id> ids;
    std::set<node_id> founded;
    std::size_t founders = 0;
    bool led() const { return founded.size() * 2 > founders; }
  };

  struct wake {
    std::size_t at;
  };
  struct boot {
    std::size_t at;
  };
  struct written {
    std::size_t at;
  };
  struct request_in {
    std::size_t from;
    address to;
    std::string bytes;
  };
  struct reply_in {
    std::size_t to;
    address from;
    std::string bytes;
  };
  struct failure_in {
    std::size_t to;
    address from;
  };

  struct event {
    std::uint64_t life; // of the node that it is for; 0: any
    std::variant<wake, boot, written, request_in, reply_in, failure_in> what;
  };

  double chance() { return std::uniform_real_distribution<>{0, 1}(engine_); }
  time_point delay();
  bool cut(std::size_t i, std::size_t j);
  bool lost(std::size_t i, std::size_t j);
  void put(time_point at, event what);
  void step(const event& what);
  void perform(std::size_t i, const effects& out);
  void handle(std::size_t i, const effect& what);
  std::string serve(std::size_t i, const std::string& request);
  void crash(std::size_t i);
  void power_on(std::size_t i);
  void kept(std::size_t i, const std::string& bytes);
  void on_founded(std::size_t i, const founded& how);
  void become_member(std::size_t i, identity as);
  void wrong(std::string what);

  std::uint64_t seed_;
  std::mt19937_64 engine_;
  std::vector<node> nodes_;
  std::map<cluster_id, cluster> clusters_;
  std::multimap<time_point, event> queue_;
  faults faults_;
  time_point now_{};
  std::string flaw_;
  std::uint64_t last_generation_ = 0;
  std::size_t founders_ = 0;
  std::size_t crashes_ = 0;
  time_point healing_took_{};
};

} // namespace troupe::boot::test

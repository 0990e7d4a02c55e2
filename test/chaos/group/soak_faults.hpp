#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "kv_trio.hpp"
#include "soak_load.hpp"

namespace troupe::chaos {

/// What befalls three members, drawn from a seed: kill -9 and a start on the
/// same disk, SIGSTOP and SIGCONT, ways that are cut, stalled or slow,
/// connections that break in the middle of a frame, a leader that hands over.
/// Up to three things at once; now and then all is well for a while.
///
/// Threads: one, the one that made the processes.
class soak_faults {
public:
  soak_faults(kv_trio& members, soak_load& load, std::uint64_t seed);

  /// Until the time is over, or `stop` holds, which is asked often.
  void run(seconds length, const std::function<bool()>& stop);

  /// All processes run, and all ways are open.
  void end_all();

  std::map<std::string, int> by_kind() const { return by_kind_; }
  /// What was done when, a line each: the last so many.
  std::string schedule(std::size_t lines_max = 400) const;
  clock::time_point began() const { return began_; }
  /// A member that ended and was not killed. Empty: none.
  std::string death() const { return death_; }

private:
  struct member_state {
    bool runs = true;
    bool stopped = false;
  };
  using undo = std::function<void()>;

  void begin_one();
  void hit_process(int i);
  void hit_link(int i);
  void hit_way(const std::string& how, int from, int to, milliseconds length);
  void block(int from, int to, bool lose);
  void open(int from, int to);
  void kill(int i);
  void resume(int i);
  void start(int i);
  void hand_over();

  int draw(int low, int high);
  int pick_member();
  int leader();
  void end_due(clock::time_point now);
  void end_in(milliseconds length, undo what);
  void look_after();
  void publish();
  void note(const std::string& what, const std::string& kind);

  kv_trio& members_;
  soak_load& load_;
  std::mt19937_64 engine_;
  clock::time_point began_ = clock::now();
  member_state states_[kv_trio::size];
  bool blocked_[kv_trio::size][kv_trio::size] = {};
  std::multimap<clock::time_point, undo> ends_; // of what has begun
  std::map<std::string, int> by_kind_;
  std::vector<std::string> schedule_;
  std::string death_;
};

} // namespace troupe::chaos

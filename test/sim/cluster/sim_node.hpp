#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <troupe/cluster/node/node_core.hpp>

#include "disk.hpp"
#include "network.hpp"
#include "registry.hpp"

namespace troupe::sim {

class world;

/// A machine's clocks: both run at their own rate from their own start.
struct machine_clock {
  boot_time offset{0};
  std::int64_t drift_ppm = 0;
  std::int64_t wall_ms = 0;

  boot_time boot(boot_time truth) const {
    return offset + truth + truth * drift_ppm / 1'000'000;
  }
  /// How long it truly takes until this clock has gone on by so much.
  boot_time span(boot_time by) const {
    return by - by * drift_ppm / (1'000'000 + drift_ppm);
  }
  std::uint64_t wall(boot_time truth) const {
    return static_cast<std::uint64_t>(
        wall_ms
        + std::chrono::duration_cast<std::chrono::milliseconds>(truth).count());
  }
};

/// One machine: its clock and disk, and the process of a node on it when it
/// runs. The process is what a real node does around the core: it performs the
/// core's effects and runs partition actors, here in virtual time.
class sim_node {
public:
  enum class wish : std::uint8_t { none, restart, leave };

  sim_node(world& in, node_id id, std::string name, std::string uuid,
           incarnation first);
  ~sim_node();

  node_id id() const { return id_; }
  const std::string& name() const { return name_; }
  bool alive() const { return core_ != nullptr; }
  bool paused() const { return paused_; }
  bool left() const { return left_; }
  bool busy_leaving() const { return wish_ != wish::none; }
  process_id process() const { return {id_, life_}; }
  node_core& core() { return *core_; }
  sim::disk& disk() { return disk_; }
  machine_clock& clock() { return clock_; }
  boot_time now() const;

  // -- faults and orders ------------------------------------------------------
  void start();
  void crash();
  /// It was let go and crashed before it knew: nobody starts it again.
  void retire();
  void pause();
  void resume();
  void announce_restart(boot_time downtime);
  void leave();
  /// The next starts of partition actors here fail.
  void fail_starts(unsigned count) { failing_starts_ = count; }
  void fail_starts_of(partition_key key, bool always) {
    if (always)
      cursed_.insert(key);
    else
      cursed_.erase(key);
  }
  void slow_handlers(boot_time longest) { handler_max_ = longest; }
  /// The next message of the partition here takes so long.
  void hang(partition_key key, boot_time span) { hangs_[key] = span; }
  /// Of 1000 messages, so many kill the actor that processes them.
  void let_actors_die(std::uint32_t permille) { deaths_ = permille; }

  // -- users ------------------------------------------------------------------
  using reply_handler = std::function<void(const proto::CommandReply&)>;
  std::uint64_t request(proto::CommandRequest what, reply_handler then = {});
  std::size_t pending_requests() const { return requests_.size(); }
  bool accepts() const { return alive() && !paused_ && wish_ == wish::none; }
  void send(std::uint32_t sender, partition_key key, boot_time patience);

  /// Bytes that are no frame arrive from this node.
  void garbage_arrived(node_id from, frame_kind kind);

  // -- what the network brings ------------------------------------------------
  void control_arrived(node_id from, frame_kind kind, const std::string& bytes);
  void data_arrived(process_id from, data_frame frame);
  void session_ended(process_id with);
  void peer_left(process_id peer, std::vector<data_frame> untaken);

  // -- for checks -------------------------------------------------------------
  std::string unfinished() const; // empty: nothing is held or under way
  std::size_t held() const;
  bool has_actor(partition_key key) const;
  boot_time lease_end() const { return lease_end_; }

private:
  struct marker {};
  struct actor;
  struct place;
  struct env;

  template <class F>
  std::function<void()> guarded(F f);
  void run(std::function<void()> f);
  void flush();
  void tick();
  void end_process();
  bool gate_open() const;
  bool gate_open(partition_key key) const;
  const region_settings& settings_of(partition_key key) const;
  place& at(partition_key key);
  template <class F>
  void with(partition_key key, F f);

  void perform(persist& x);
  void perform(save_snapshot& x);
  void perform(store_snapshot& x);
  void perform(send_frame& x);
  void perform(owner_lost& x);
  void perform(route_changed& x);
  void perform(region_changed& x);
  void perform(troupe::nodes_changed& x);
  void perform(lease_extended& x);
  void perform(happened& x);
  void perform(command_done& x);
  void perform(stop_process& x);
  void perform(departing& x);
  void perform(start_actor& x);
  void perform(stop_actor& x);
  void perform(kill_actor& x);
  void perform(keep_on_disk& x);
  void perform(drop_from_disk& x);

  void poke(partition_key key);
  void load(partition_key key, std::uint64_t serial);
  void deadline_passed(partition_key key, std::uint64_t serial);
  void handled(partition_key key, std::uint64_t serial, const message& msg);
  void done(const message& msg, epoch at);
  void report();
  void die(partition_key key);
  void give_back(partition_key key, actor& gone);
  void begin(partition_key key, const message& msg);
  void routed_past(partition_key key, epoch at);
  void finish(partition_key key, bool save);
  void answer(partition_key key, const fence& f);
  void poke_all();

  void drive_wish();
  void stop_in_order();

  world& world_;
  node_id id_;
  std::string name_;
  std::string uuid_;
  std::uint64_t next_incarnation_;
  machine_clock clock_;
  sim::disk disk_;

  // of the process
  std::unique_ptr<node_core> core_;
  std::uint64_t life_ = 0;
  bool paused_ = false;
  bool left_ = false;
  bool flushing_ = false;
  bool stopping_process_ = false;
  std::deque<std::function<void()>> backlog_;
  std::map<partition_key, std::unique_ptr<place>> places_;
  boot_time lease_end_{0};
  std::map<std::uint64_t, reply_handler> requests_;
  std::map<std::pair<std::uint32_t, partition_key>, std::uint64_t> numbers_;
  std::uint64_t next_serial_ = 1;
  using done_at = std::tuple<process_id, partition_key, epoch>;
  std::map<done_at, std::vector<std::size_t>> done_; // not reported yet

  wish wish_ = wish::none;
  std::optional<departing> departed_;
  boot_time departed_at_{0};
  boot_time downtime_{0};

  unsigned failing_starts_ = 0;
  std::set<partition_key> cursed_;
  boot_time handler_max_ = std::chrono::milliseconds{2};
  std::map<partition_key, boot_time> hangs_;
  std::uint32_t deaths_ = 0;
};

} // namespace troupe::sim

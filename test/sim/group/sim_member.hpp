#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <test/sim/cluster/timeline.hpp>
#include <test/sim_fs/sim_fs.hpp>
#include <troupe/runtime/group/group_writer.hpp>
#include <troupe/runtime/group/member_directory.hpp>

#include "plan.hpp"
#include "sim_machine.hpp"

namespace troupe::sim {

/// What a member does to the world around it.
class member_listener {
public:
  virtual ~member_listener() = default;
  virtual void sent(raft::member_id from, raft::member_id to,
                    raft::group_frame kind, std::string bytes) = 0;
  /// Its disk failed: the process ends.
  virtual void failed(std::size_t place) = 0;
  virtual void applied(std::size_t place, raft::log_index at,
                       std::uint64_t digest) = 0;
};

/// One member: the real core, store and files; a simulated disk, clock and
/// process.
class sim_member {
public:
  sim_member(std::size_t place, const group_plan& what, timeline& time,
             chance& luck, member_listener& listener);

  // -- life -------------------------------------------------------------------

  void found(const std::vector<raft::founder>& founders);
  void let_in(const disk::uuid& group, raft::member_id id);
  /// False: its disk does not let it.
  bool start();
  /// Power is cut, perhaps in the middle of a write; or only the process dies.
  void crash(bool power);
  void pause();
  void resume();
  /// It was removed: nobody starts it again.
  void retire() {
    left_ = true;
    member_ = false;
  }

  bool is_member() const { return member_; }
  bool running() const { return core_ != nullptr; }
  bool paused() const { return paused_; }
  bool left() const { return left_; }
  raft::member_id id() const { return id_; }
  const disk::identity& who() const { return who_; }
  std::string address() const { return "m" + std::to_string(place_ + 1); }
  std::size_t place() const { return place_; }

  // -- what comes to it -------------------------------------------------------

  void receive(raft::member_id from, raft::group_frame kind,
               const std::string& bytes);
  void meet(raft::member_id peer, const disk::uuid& uuid);
  void propose(std::vector<operation> what,
               std::vector<std::unique_ptr<value_completion>> done);
  using read_done = std::function<void(const sim_machine*)>; // null: failed
  void read(raft::read_mode how, read_done done);
  using wish_done = std::function<void(raft::group_code, raft::member_id)>;
  void wish(const proto::GroupMemberCommand& what, wish_done done);
  void transfer();

  raft::group_core& core() { return *core_; }
  const sim_machine& machine() const { return *machine_; }
  test::sim_fs& disk() { return fs_; }
  std::size_t restores() const { return restores_; }

private:
  using task = std::function<void()>;

  boot_time clock() const;
  void later(boot_time delay, task what);
  void now_or_then(task what, bool frame = false);
  void tick();
  void perform();
  void perform_effects();
  void write();
  void do_write();
  void fail() { listener_.failed(place_); }

  void on(raft::write_log& x);
  void on(raft::send_frame& x);
  void on(raft::apply_commands& x);
  void on(raft::take_snapshot& x);
  void on(raft::restore_snapshot& x);
  void on(raft::read_chunk& x);
  void on(raft::store_chunk& x);
  void on(raft::batch_failed& x);
  void on(raft::reads_ready& x);
  void on(raft::read_failed& x);
  void on(raft::wish_ended& x);
  void on(raft::leader_changed&) {}
  void on(raft::members_changed&) {}
  void on(raft::left_group&) { left_ = true; }

  const std::size_t place_;
  const group_plan& plan_;
  timeline& time_;
  chance& luck_;
  member_listener& listener_;
  const std::int64_t rate_; // of its clock, in ppm
  test::sim_fs fs_;

  bool member_ = false;
  bool left_ = false;
  raft::member_id id_;
  disk::identity who_;
  std::uint64_t life_ = 0; // what was planned in an earlier one does not happen
  bool paused_ = false;
  boot_time frozen_{0}; // planted::lease_without_end: clock lost in pauses
  boot_time paused_at_{0};
  // For the end of the pause; true: a frame.
  std::vector<std::pair<bool, task>> waiting_;

  std::optional<raft::member_directory> directory_;
  std::unique_ptr<raft::group_store> store_;
  std::unique_ptr<raft::group_core> core_;
  std::unique_ptr<sim_machine> machine_;
  std::vector<raft::persist_batch> batches_; // to be written
  bool writing_ = false;
  std::map<std::uint64_t, std::vector<std::unique_ptr<value_completion>>>
      proposals_;
  std::map<std::uint64_t, read_done> reads_;
  std::map<std::uint64_t, wish_done> wishes_;
  std::size_t restores_ = 0;
};

} // namespace troupe::sim

#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <troupe/cluster/group/group_core.hpp>
#include <troupe/runtime/group/group_options.hpp>
#include <troupe/runtime/group/group_writer.hpp>
#include <troupe/runtime/group/machine_port.hpp>
#include <troupe/runtime/group/member_directory.hpp>
#include <troupe/runtime/link/asio_transport.hpp>

namespace troupe::raft {

/// Who leads, as one member sees it.
struct leader_view {
  member_id leader{};  // none: nobody known
  std::string address; // of the leader
  raft::term term{};
  bool here = false; // this member leads, and has all that was committed

  friend bool operator==(const leader_view&, const leader_view&) = default;
};

/// A member as the group sees it now.
struct member_view {
  member_id id{};
  std::string address;
  bool votes = false;   // counts in the configuration that holds
  bool pending = false; // it is not yet, or no longer, what it is to be
};

/// A member at a glance.
struct group_view {
  member_id self{};
  leader_view leader;
  std::vector<member_view> members; // by id
  log_index applied{};
};

/// Ends with its last copy: nothing is told any more.
using subscription = std::shared_ptr<void>;

/// Runs one member of a group: its thread, its links, its disk. What it does is
/// decided by a group_core, on the thread of the links: what arrives is worked
/// where it is read, and what leaves is written there, without another thread
/// to wake. Only the disk has its own.
///
/// Threads: any. `start` and `stop` from one. Callbacks run on the group's
///          thread, results and reads on the machine's, if it has one; they
///          must not block, and may call everything but `stop`.
class engine final : private link::transport_handler {
public:
  engine(group_options options, std::unique_ptr<machine_port> machine);
  ~engine() override;

  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// Blocks until this is a member whose log is open: with `join`, until it was
  /// let in. Nothing: done.
  std::optional<refusal> start();
  /// Ends all that waits, and the threads.
  void stop();

  /// Where it listens, with the true port. After `start`.
  std::string address() const { return address_; }
  member_id self() const { return self_; }

  void propose(std::string_view command, std::unique_ptr<completion> done);

  /// Who waits to read.
  class reader : public completion {
  public:
    virtual void read(const machine_port& from) = 0;
  };
  void read(read_mode how, std::unique_ptr<reader> who);

  using wish_done = std::function<void(group_code, member_id)>;
  void wish(proto::GroupMemberCommand what, wish_done done);
  /// The member with this address, or none.
  member_id find(const std::string& address) const;
  void transfer(member_id to, wish_done done);

  group_view view() const;
  /// Told at once who leads, and then of every change, in order.
  subscription watch(std::function<void(const leader_view&)> told);

private:
  using call = std::function<void(group_core&, boot_time)>;
  struct proposals {
    std::vector<command_buffer> buffers; // none beyond batch_bytes_max
    std::vector<std::vector<std::unique_ptr<completion>>> waiting;
    std::size_t bytes = 0;
  };
  struct inbox {
    std::vector<call> calls;
    proposals commands;
    std::vector<std::unique_ptr<reader>> reads[3]; // by mode
  };
  using watcher = std::function<void(const leader_view&)>;

  // engine_start.cpp
  std::optional<refusal> open_directory();
  std::optional<refusal> open_core();
  std::optional<refusal> join();
  std::optional<refusal> ask_to_join(const std::string& at, bool& let_in);
  static std::string to_bytes(const disk::uuid& x);
  std::string group_bytes() const;
  void begin(const link::identity& self);

  // engine.cpp
  void post(call what);
  /// Lets `give` add to the inbox. A refusal: it did not.
  template <class F>
  std::optional<refusal> put(F give);
  void work();
  void tick();
  void on_disk();
  void feed(inbox& in, boot_time now);
  void finish();
  void publish();
  void show(const group_view& next);
  void end_all(const refusal& why);
  void end_by_itself(refusal why);

  // engine_effects.cpp
  void perform(boot_time now);
  template <class F>
  void with_machine(F work);
  void on(write_log& x);
  void on(send_frame& x);
  void on(apply_commands& x);
  void applied(log_index upto);
  void on(take_snapshot& x);
  void on(restore_snapshot& x);
  void on(read_chunk& x);
  void on(store_chunk& x);
  void on(batch_failed& x);
  void on(reads_ready& x);
  void on(read_failed& x);
  void on(wish_ended& x);
  void on(leader_changed& x);
  void on(members_changed& x);
  void on(left_group& x);
  void set_peers();

  // engine_link.cpp
  void on_frame(node_id peer, link::lane way, std::uint8_t kind,
                std::string_view payload) override;
  void on_pause() override { work(); }
  void on_connected(const link::identity& peer) override;
  void on_disconnected(node_id peer, link::close_reason why) override;
  void on_session_ended(const link::session_end& end) override;
  std::optional<link::refusal> on_hello(const link::hello& from) override;
  void on_refused(const link::refused_link& what) override;
  void on_malformed(std::string_view remote,
                    link::malformed_reason why) override;
  void on_introduction(std::string request, std::string remote,
                       introduction_reply reply) override;

  group_options options_;
  std::string address_;
  member_id self_;
  std::unique_ptr<link::asio_transport> links_;
  std::optional<member_directory> directory_;
  std::vector<link::peer_address> first_peers_; // until the roster is known

  // The group's thread, which is that of the links.
  std::unique_ptr<group_core> core_;
  std::unique_ptr<group_writer> writer_;
  std::unordered_map<std::uint64_t, std::vector<std::unique_ptr<completion>>>
      proposals_; // by batch
  std::unordered_map<std::uint64_t, std::vector<std::unique_ptr<reader>>>
      reads_;
  std::map<std::uint64_t, wish_done> wishes_;
  std::vector<std::weak_ptr<watcher>> watchers_;
  std::vector<member_id> peers_;          // as the links were told
  std::unique_ptr<machine_port> machine_; // on its own thread, if it has one
  std::unique_ptr<work_queue> machine_thread_;
  bool commit_held_ = false;
  bool at_work_ = false; // from `begin` until `finish`

  mutable std::mutex mutex_; // for what follows
  std::condition_variable end_;
  inbox inbox_;
  bool due_ = false;     // there is something in it
  bool at_it_ = false;   // `work` looks again
  bool running_ = false; // takes work
  bool stopping_ = false;
  bool stopped_ = false; // by `stop`
  bool begun_ = false;   // `begin` is on its way, or was
  std::optional<refusal> ended_;

  mutable std::mutex view_mutex_; // for what follows
  group_view view_;
  roster roster_;
};

} // namespace troupe::raft

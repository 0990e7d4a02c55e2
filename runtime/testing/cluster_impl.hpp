#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <troupe/runtime/testing/cluster.hpp>
#include <troupe/runtime/testing/process.hpp>
#include <troupe/runtime/testing/region.hpp>

namespace troupe::testing {

/// A request and what became of it.
struct answer::shared {
  cluster::impl* all = nullptr;
  std::string what; // for people: "the request of 'alice' by n0"
  std::optional<caf::message> content;
};

/// The machines of a simulated cluster and what drives them.
class cluster::impl final : public process_listener {
public:
  /// A machine: what outlives the process on it.
  struct machine {
    machine(timeline& time, boot_time disk_delay_max)
        : disk(time, disk_delay_max) {}

    node_id id;
    std::string name;
    std::string uuid;
    node_traits traits;
    std::uint64_t next_incarnation = 1;
    memory_disk disk;
    std::unique_ptr<process> running;
    std::string ended; // why nothing runs
    bool left = false; // for good
    std::vector<event> local_events;
    std::set<std::shared_ptr<answer::shared>> asked; // by its present process
  };

  impl(std::size_t nodes, cluster_options options);
  ~impl() override;

  // -- time (cluster_run.cpp) -------------------------------------------------
  bool step(boot_time until);
  void run_for(boot_time span);
  /// False: it did not come true.
  bool run_while(const std::function<bool()>& goes_on, boot_time limit);
  void run_until(const std::function<bool()>& comes_true, boot_time limit,
                 const std::string& what);
  void settle();
  std::string unrest();

  // -- nodes (cluster_nodes.cpp, cluster_stop.cpp) ----------------------------
  machine& at(std::size_t node);
  process& live(std::size_t node);
  std::size_t index_of(node_id id) const;
  void start(std::size_t node);
  void end(std::size_t node, bool in_order, std::string why);
  void stop(std::size_t node, node::stop_kind how);
  std::size_t add_node(node_traits traits);
  /// RUNS until the leader answered.
  proto::CommandReply command(process& by, proto::CommandRequest what,
                              boot_time limit);
  /// By any node that can; asked again when a leader was lost over it.
  proto::CommandReply command(proto::CommandRequest what,
                              const std::string& text);
  process* gate();   // a node that is not cut off from the leader
  process* leader(); // the newest one
  const shard_map* newest_map() const;
  const assignment* find(const std::string& region, partition_id p) const;
  bool cut_off(const process& who, const process& from) const;

  // -- messages (cluster_messages.cpp) ----------------------------------------
  region_plane& plane_of(process& by, const std::string& region);
  void send(std::size_t node, const std::string& region, caf::message what);
  answer send_request(std::size_t node, const std::string& region,
                      caf::message what);
  message_books books(process& who);

  std::string picture() const;

  // -- process_listener -------------------------------------------------------
  void happened(std::size_t node, const proto::Event& event) override;
  void lost_message(std::size_t node, dead_letter letter) override;
  void broken(std::size_t node, const failure& why) override;

  cluster_options options_;
  timeline time_;
  memory_network net_;
  coordinator::strategies strategies_;
  std::map<std::string, hosted_region> regions_;
  std::vector<std::unique_ptr<machine>> machines_;
  std::vector<std::unique_ptr<process>> ended_; // handles to them may be left
  std::vector<event> events_;
  std::uint64_t last_event_ = 0;
  std::vector<testing::lost_message> letters_;
  std::uint64_t trace_ = 0;
  bool running_ = false; // inside a step

private:
  bool leave(std::size_t node, node::stop_kind how);
  void leave_for_good(std::size_t node, process& who);
  std::string unrest_of(process& who, process& lead);
  std::string unrest_of_regions(process& lead);
  std::string picture_of(const machine& m) const;
  void note(std::uint64_t x);
};

/// "1.250 s"
std::string to_text(std::chrono::nanoseconds time);

} // namespace troupe::testing

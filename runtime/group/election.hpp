#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <troupe/cluster/group/elector.hpp>
#include <troupe/cluster/group/refusal.hpp>

namespace troupe::raft {

/// How one member of an election starts.
struct election_options {
  member_id self;
  /// Who takes part, this one too: the same list for all. A member that was
  /// started before goes by its record instead.
  std::vector<member_id> members;
  election_settings settings;
  /// The file for the record: term, vote and members. Empty: there is none, and
  /// this member must never come back under the same number, for it could
  /// vote twice.
  std::string path;
  /// The way to the others; may lose, repeat, delay and reorder. Called on the
  /// election's thread, must not block. What it carries is given to `receive`
  /// there.
  std::function<void(member_id to, std::string_view bytes)> send;
};

/// One member of a group that elects a leader and shares nothing else.
///
/// Errors:  a record that cannot be read or written ends it; see `failure`.
/// Threads: any; `start` and `stop` from one. Subscribers are called on the
///          election's thread and must not block.
class election {
public:
  explicit election(election_options options);
  ~election();

  election(const election&) = delete;
  election& operator=(const election&) = delete;

  std::optional<refusal> start();
  void stop();

  void receive(member_id from, std::string bytes);

  /// Of the leader: changes who takes part. Refused at once, or under way.
  code add(member_id who);
  code remove(member_id who);
  code transfer(member_id to);

  leadership leader() const;
  std::vector<member_id> members() const;
  /// Why it ended by itself.
  std::optional<refusal> failure() const;

  using watcher = std::function<void(const leadership&)>;
  /// Told at once who leads, and then of every change, in order. Ends with its
  /// last copy.
  std::shared_ptr<void> watch(watcher told);

private:
  void run();
  void perform();
  bool store(const std::string& record);
  void tell(const leadership& now);
  code ask(std::function<answer(elector&)> what);

  election_options options_;
  std::unique_ptr<elector> core_;                // the election's thread
  std::vector<std::weak_ptr<watcher>> watchers_; // the same
  std::thread thread_;

  mutable std::mutex mutex_; // for what follows
  std::condition_variable arrived_;
  std::vector<std::pair<member_id, std::string>> frames_;
  std::vector<std::function<void(elector&)>> calls_;
  bool running_ = false;
  leadership leader_;
  std::vector<member_id> members_;
  std::optional<refusal> failure_;
};

} // namespace troupe::raft

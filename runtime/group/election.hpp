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
#include <troupe/runtime/log/file_system.hpp>

namespace troupe::raft {

/// How one member of an election starts.
struct election_options {
  member_id self;
  /// Who takes part at the beginning: the same list for all. Who is not in it
  /// waits until the leader adds it. A member that was started before goes by
  /// its record instead.
  std::vector<member_id> members;
  election_settings settings;
  /// The file for the record: term, vote and members; beside it, a lock. Empty:
  /// there is none, and this member must never come back under the same number,
  /// for it could vote twice.
  std::string path;
  /// The way to the others; may lose, repeat, delay and reorder. Called on the
  /// election's thread, must not block. What it carries is given to `receive`
  /// there.
  std::function<void(member_id to, std::string_view bytes)> send;
  /// Told once, on the election's thread, when the member has come to an end by
  /// itself: removed, or its record cannot be written. Empty: nobody is told.
  std::function<void(const refusal&)> on_end;
};

/// One member of a group that elects a leader and shares nothing else.
///
/// A term has at most one leader. One that is cut off knows that only after an
/// election timeout, so two may lead at a time, in different terms: what must
/// not be done twice goes with the term, which only grows, as a fencing token.
///
/// Errors:  a record that cannot be read or written ends it, being removed too;
///          see `failure`. Who has ended, or was stopped, knows no leader.
/// Threads: any; `start` and `stop` from one. Subscribers are called on the
///          election's thread and must not block; nor may they call `add`,
///          `remove`, `transfer` or `stop`.
class election {
public:
  explicit election(election_options options);
  ~election();

  election(const election&) = delete;
  election& operator=(const election&) = delete;

  std::optional<refusal> start();
  void stop();

  void receive(member_id from, std::string bytes);

  /// Of any member, which passes it on: changes who takes part. Refused at
  /// once, or under way: watch `members`, and ask again if nothing comes of it.
  code add(member_id who);
  code remove(member_id who);
  /// Of the leader: to this member.
  code transfer(member_id to);

  leadership leader() const;
  std::vector<member_id> members() const;
  /// Why it ended by itself.
  std::optional<refusal> failure() const;

  using watcher = std::function<void(const leadership&)>;
  /// Told at once who leads, and then of every change, in order; losing the
  /// leader is one. Ends with its last copy.
  std::shared_ptr<void> watch(watcher told);

private:
  std::optional<refusal> open_record(std::optional<std::string>& record);
  void run();
  void perform();
  bool store(const std::string& record);
  void note_members();
  void end(refusal why);
  void tell(const leadership& now);
  code ask(std::function<answer(elector&)> what);

  election_options options_;
  std::unique_ptr<elector> core_;                // the election's thread
  std::vector<std::weak_ptr<watcher>> watchers_; // the same
  bool part_ = false;                            // it is one of the members
  std::optional<boot_time> leaves_at_;           // removed, helps until then
  std::unique_ptr<disk::file> lock_;             // of the record
  std::thread thread_;

  mutable std::mutex mutex_; // for what follows
  std::condition_variable arrived_;
  std::vector<std::pair<member_id, std::string>> frames_;
  std::vector<std::function<void(elector&)>> calls_;
  bool running_ = false;
  bool over_ = false; // the thread has told its last
  leadership leader_;
  std::vector<member_id> members_;
  std::optional<refusal> failure_;
};

} // namespace troupe::raft

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <troupe/cluster/link/backoff.hpp>
#include <troupe/cluster/link/inbox.hpp>
#include <troupe/cluster/link/outbox.hpp>
#include <troupe/cluster/link/session.hpp>
#include <troupe/runtime/link/connection.hpp>
#include <troupe/runtime/link/context.hpp>

namespace troupe::link {

/// The link to one node: its session, its one connection, and the dialling.
///
/// Owned by:  link_table, for the life of the transport; a link that was
///            dropped is an empty one.
/// Threads:   the first group from any thread, under the link's own lock; what
///            they change is carried out by `settle` on the transport's thread,
///            where everything else runs. While nothing is being written,
///            `send` writes itself.
class peer_link final : private connection::owner {
public:
  peer_link(context& in, node_id peer);

  node_id peer() const { return peer_; }

  send_result send(frame_class how, std::uint8_t kind, transport::parts payload,
                   transport::predicate check);
  void want(const peer_address& where);
  void expect(incarnation started);
  void unwant();
  void drop();
  void add_to(metrics& sum) const;

  /// Writes what was sent, as far as it can.
  void pump();

  /// Brings connection and dialling in line with what the others asked for.
  void settle();

  /// A hello of this peer that `check_hello` and the handler let pass. The link
  /// takes the connection, or refuses it.
  void on_hello(const std::shared_ptr<connection>& from, const hello& x);

  void tick(steady_clock::time_point now);
  void forgive(steady_clock::time_point now);

  /// Stopping: flush, say goodbye, close; `done` is called once, at the end.
  /// Not in order: just close.
  void begin_stop(std::function<void()> done, bool in_order);
  void end_flush(); // the time for flushing is over
  void end_stop();  // and that for goodbyes

private:
  enum class stage : std::uint8_t { running, flushing, leaving, gone };

  struct pending_end {
    session_end what;
    std::uint64_t serial = 0;
    bool keep_connection = false;
  };

  // Under the lock.
  bool write_at_once(std::size_t bytes);
  void end_session(end_reason why, bool keep_connection = false);
  void begin_session();
  void know(incarnation started);

  /// Tells of the sessions that ended, and takes up the one that is open.
  void follow_session();

  // connection::owner
  void on_piece(connection& from, const piece& x) override;
  void on_burst(connection& from) override;
  void on_writable(connection& from, batch& out) override;
  void on_failed(connection& from,
                 std::optional<malformed_reason> why) override;

  void start_dial();
  void stop_dial();
  void retry(std::chrono::milliseconds pause);
  void retry_with_backoff();
  void greet(tcp_socket socket);
  void on_answer(const piece& x);
  void on_welcome(const hello& x);
  void on_refusal(const struct sent_refusal& x);
  void report_refusal(const refusal& what, bool by_peer);
  bool go_live(const hello& x);

  void on_acknowledged(std::uint64_t number);
  void on_goodbye(std::uint64_t number);
  void arm_ack();
  void fail(malformed_reason why);
  void disconnect(close_reason why);
  void check_flushed();
  void say_goodbye();
  void leave();

  context& in_;
  const node_id peer_;

  mutable std::mutex mutex_;
  outbox out_;
  bool wanted_ = false;  // dial it
  bool writing_ = false; // a pump is posted or under way: senders need not
  socket_copy direct_;   // of the live connection, for senders that write
  batch direct_batch_;   // what such a write left over
  std::uint64_t direct_writes_ = 0;
  steady_clock::time_point written_at_; // anything at all
  enum class closing : std::uint8_t { no, flushing, said };
  closing closing_ = closing::no;
  std::string address_;
  incarnation known_; // with which the session is, none: not known yet
  incarnation gone_;  // the last one that said goodbye
  std::vector<pending_end> ends_;

  // The transport's thread.
  session session_;
  inbox inbox_;
  std::shared_ptr<connection> connection_; // greeting or live
  std::shared_ptr<dial> dial_;
  steady_timer retry_timer_;
  steady_timer ack_timer_;
  backoff backoff_;
  bool retry_waits_ = false;
  bool ack_waits_ = false;
  bool ack_due_ = false;
  bool ping_due_ = false;
  std::uint64_t told_ = 0;         // the last number we acknowledged
  std::size_t untold_bytes_ = 0;   // taken since
  steady_clock::time_point began_; // of a handshake
  stage stage_ = stage::running;
  std::function<void()> gone_function_;

  // inbox_'s counters, for other threads.
  struct {
    context::counter data_frames{0}, data_bytes{0}, control_frames{0},
        control_bytes{0}, pieces_duplicate{0};
    std::atomic<bool> live{false};
  } seen_;
};

} // namespace troupe::link

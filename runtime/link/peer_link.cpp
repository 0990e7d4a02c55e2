#include <troupe/runtime/link/peer_link.hpp>

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

namespace troupe::link {

namespace {

// A sender writes by itself what is not larger, to a link that has not written
// anything for so long: under load its thread gathers more for one write.
constexpr std::size_t direct_bytes_max = 16 << 10;
constexpr auto direct_pause = std::chrono::microseconds{20};

} // namespace

peer_link::peer_link(context& in, node_id peer)
    : in_(in),
      peer_(peer),
      out_(in.what),
      inbox_(in.what),
      retry_timer_(in.io.get_executor()),
      ack_timer_(in.io.get_executor()),
      backoff_(in.what.backoff_min, in.what.backoff_max) {
}

// -- any thread ---------------------------------------------------------------

send_result peer_link::send(frame_class how, std::uint8_t kind,
                            transport::parts payload,
                            transport::predicate check) {
  bool wake = false;
  {
    std::lock_guard guard{mutex_};
    // Who stops still answers what it has taken.
    bool late = closing_ == closing::flushing && how != frame_class::reserved;
    if (late || closing_ == closing::said)
      return send_result::stopped;
    if (!out_.is_open())
      return send_result::unknown_peer;
    if (!check())
      return send_result::rejected;
    if (auto result = out_.append(how, kind, payload);
        result != send_result::accepted)
      return result;
    if (out_.connected() && !std::exchange(writing_, true)) {
      std::size_t bytes = 0;
      for (auto part : payload)
        bytes += part.size();
      wake = !write_at_once(bytes);
    }
  }
  if (!wake)
    return send_result::accepted;
  if (in_.io.get_executor().running_in_this_thread() && in_.gathers)
    in_.gathered.push_back(this);
  else
    asio::post(in_.io, [this] { pump(); });
  return send_result::accepted;
}

// Nothing is being written: a sender that is not in a hurry spares the
// transport's thread a wake-up, which takes longer than the write. False: that
// thread has to write, what is left over first.
bool peer_link::write_at_once(std::size_t bytes) {
  if (!direct_ || bytes > direct_bytes_max
      || in_.io.get_executor().running_in_this_thread())
    return false;
  auto now = steady_clock::now();
  if (now - std::exchange(written_at_, now) < direct_pause)
    return false;
  out_.collect(direct_batch_, {});
  direct_.write(direct_batch_.slices);
  if (!direct_batch_.empty())
    return false;
  out_.take_back(direct_batch_);
  ++direct_writes_;
  writing_ = false;
  return true;
}

void peer_link::pump() {
  if (connection_)
    connection_->pump();
}

void peer_link::want(const peer_address& where) {
  std::lock_guard guard{mutex_};
  if (closing_ != closing::no || (gone_ && where.incarnation <= gone_)
      || (where.incarnation && where.incarnation < known_))
    return;
  know(where.incarnation);
  if (!out_.is_open())
    begin_session();
  wanted_ = true;
  address_ = where.address;
  asio::post(in_.io, [this] { settle(); });
}

// A session with an earlier start is over.
void peer_link::know(incarnation started) {
  if (known_ && started > known_)
    end_session(end_reason::new_incarnation);
  if (started)
    known_ = started;
}

void peer_link::expect(incarnation started) {
  std::lock_guard guard{mutex_};
  if (closing_ != closing::no || started <= known_ || started <= gone_)
    return;
  know(started);
  if (!out_.is_open())
    begin_session();
  asio::post(in_.io, [this] { settle(); });
}

void peer_link::unwant() {
  std::lock_guard guard{mutex_};
  if (std::exchange(wanted_, false))
    asio::post(in_.io, [this] { settle(); });
}

void peer_link::drop() {
  std::lock_guard guard{mutex_};
  wanted_ = false;
  end_session(end_reason::dropped);
  known_ = incarnation{};
  asio::post(in_.io, [this] { settle(); });
}

void peer_link::add_to(metrics& sum) const {
  {
    std::lock_guard guard{mutex_};
    auto& out = out_.count();
    sum.data_frames_out += out.data_frames;
    sum.data_bytes_out += out.data_bytes;
    sum.control_frames_out += out.control_frames;
    sum.control_bytes_out += out.control_bytes;
    sum.pieces_resent += out.pieces_resent;
    sum.control_dropped += out.control_dropped;
    sum.sends_overloaded += out.overloaded;
    sum.writes += out.writes;
    sum.direct_writes += direct_writes_;
    sum.sessions += out_.is_open();
    sum.unacknowledged_bytes += out_.unacknowledged_bytes();
  }
  sum.data_frames_in += seen_.data_frames;
  sum.data_bytes_in += seen_.data_bytes;
  sum.control_frames_in += seen_.control_frames;
  sum.control_bytes_in += seen_.control_bytes;
  sum.pieces_duplicate += seen_.pieces_duplicate;
  sum.connections += seen_.live;
}

void peer_link::end_session(end_reason why, bool keep_connection) {
  if (!out_.is_open())
    return;
  pending_end x;
  x.serial = out_.serial();
  x.keep_connection = keep_connection;
  x.what.peer = peer_;
  x.what.incarnation = known_;
  x.what.reason = why;
  auto totals = out_.close();
  x.what.frames_accepted = totals.frames_accepted;
  x.what.frames_acknowledged = totals.frames_acknowledged;
  ends_.push_back(std::move(x));
  writing_ = false;
}

void peer_link::begin_session() {
  out_.open(in_.next_serial());
}

// -- sessions -----------------------------------------------------------------

void peer_link::follow_session() {
  std::vector<pending_end> ends;
  std::uint64_t serial = 0;
  {
    std::lock_guard guard{mutex_};
    ends.swap(ends_);
    serial = out_.serial();
  }
  for (auto& x : ends) {
    bool current = x.serial == session_.serial();
    if (current && !x.keep_connection)
      disconnect(close_reason::ended);
    if (current)
      x.what.frames_received = inbox_.session_frames();
    in_.handler.on_session_ended(x.what);
  }
  if (serial != session_.serial()) {
    disconnect(close_reason::ended);
    session_.begin(serial);
    inbox_.reset();
  }
}

void peer_link::settle() {
  follow_session();
  if (stage_ == stage::leaving || stage_ == stage::gone)
    return;
  bool wanted = false;
  {
    std::lock_guard guard{mutex_};
    wanted = wanted_;
  }
  if (!wanted) {
    stop_dial();
    if (connection_ && !session_.live())
      disconnect(close_reason::ended);
  } else if (!connection_ && !dial_ && !retry_waits_) {
    start_dial();
  }
}

void peer_link::disconnect(close_reason why) {
  if (!connection_)
    return;
  bool was_live = seen_.live.exchange(false);
  connection_->close(); // its other descriptor goes below
  connection_.reset();
  session_.disconnected();
  {
    std::lock_guard guard{mutex_};
    out_.disconnect();
    direct_ = socket_copy{};
    direct_batch_.clear();
    writing_ = false;
  }
  if (!was_live)
    return;
  ++in_.connections_closed;
  in_.handler.on_disconnected(peer_, why);
}

// -- the connection -----------------------------------------------------------

void peer_link::on_piece(connection&, const piece& x) {
  if (!session_.live())
    return on_answer(x);
  switch (x.header.type) {
  case piece_type::control:
  case piece_type::data: {
    // Who stops takes nothing more: it comes back with the goodbye.
    bool takes = stage_ == stage::running
                 || (stage_ == stage::flushing && inbox_.within_frame());
    if (x.header.type == piece_type::data && !takes)
      return;
    auto wrong = inbox_.take(
        x, [&](lane way, std::uint8_t kind, std::string_view payload) {
          in_.handler.on_frame(peer_, way, kind, payload);
        });
    if (wrong)
      return fail(*wrong);
    untold_bytes_ += header_bytes + x.payload.size();
    check_flushed();
    return;
  }
  case piece_type::ack:
    return on_acknowledged(x.header.number);
  case piece_type::goodbye:
    return on_goodbye(x.header.number);
  case piece_type::ping:
    return;
  default:
    return fail(malformed_reason::order);
  }
}

void peer_link::on_acknowledged(std::uint64_t number) {
  std::unique_lock guard{mutex_};
  // Void when another thread has just ended the session.
  bool sound = out_.serial() != session_.serial() || out_.acknowledge(number);
  guard.unlock();
  if (!sound)
    return fail(malformed_reason::ack);
  check_flushed();
}

void peer_link::on_goodbye(std::uint64_t number) {
  std::unique_lock guard{mutex_};
  if (out_.serial() == session_.serial()) {
    if (!out_.acknowledge(number)) {
      guard.unlock();
      return fail(malformed_reason::ack);
    }
    gone_ = known_;
    wanted_ = false;
    auto untaken = out_.untaken();
    end_session(untaken ? end_reason::goodbye : end_reason::peer_forgot);
    if (untaken)
      ends_.back().what.untaken = std::move(*untaken);
  }
  guard.unlock();
  disconnect(close_reason::goodbye);
  settle();
  check_flushed();
}

void peer_link::on_burst(connection& from) {
  auto& count = inbox_.count();
  seen_.data_frames.store(count.data_frames, std::memory_order_relaxed);
  seen_.data_bytes.store(count.data_bytes, std::memory_order_relaxed);
  seen_.control_frames.store(count.control_frames, std::memory_order_relaxed);
  seen_.control_bytes.store(count.control_bytes, std::memory_order_relaxed);
  seen_.pieces_duplicate.store(count.pieces_duplicate,
                               std::memory_order_relaxed);
  {
    gather_sends all{in_};
    in_.handler.on_pause();
  }
  if (!session_.live() || inbox_.received() == told_)
    return;
  if (untold_bytes_ >= in_.what.ack_bytes) {
    ack_due_ = true;
    from.pump();
  } else {
    arm_ack();
  }
}

void peer_link::arm_ack() {
  if (std::exchange(ack_waits_, true))
    return;
  ack_timer_.expires_after(in_.what.ack_delay);
  ack_timer_.async_wait([this](error_code e) {
    ack_waits_ = false;
    if (e || !connection_ || inbox_.received() == told_)
      return;
    ack_due_ = true;
    connection_->pump();
  });
}

void peer_link::on_writable(connection&, batch& out) {
  std::unique_lock guard{mutex_};
  if (out_.serial() != session_.serial()) {
    out.clear();
    return;
  }
  if (!direct_batch_.empty()) {
    out_.take_back(out);
    out.slices.swap(direct_batch_.slices);
    out.chunks.swap(direct_batch_.chunks);
    return;
  }
  out_.collect(out, {inbox_.received(), ack_due_, ping_due_});
  writing_ = !out.empty();
  if (writing_)
    written_at_ = steady_clock::now();
  guard.unlock();
  if (out.empty())
    return check_flushed();
  ack_due_ = ping_due_ = false;
  told_ = inbox_.received();
  untold_bytes_ = 0;
}

void peer_link::on_failed(connection& from,
                          std::optional<malformed_reason> why) {
  if (why)
    in_.malformed(from, *why);
  disconnect(why ? close_reason::malformed : close_reason::lost);
  if (stage_ == stage::leaving)
    return leave();
  retry_with_backoff();
}

void peer_link::fail(malformed_reason why) {
  auto kept = connection_;
  kept->close();
  on_failed(*kept, why);
}

void peer_link::tick(steady_clock::time_point now) {
  if (!connection_)
    return;
  if (!session_.live()) {
    if (now - began_ < in_.what.handshake_timeout)
      return;
    disconnect(close_reason::silent);
    retry_with_backoff();
  } else if (now - connection_->heard() >= in_.what.silence_timeout) {
    disconnect(close_reason::silent);
    stage_ == stage::leaving ? leave() : retry_with_backoff();
  } else {
    std::unique_lock guard{mutex_};
    auto written = std::max(connection_->sent(), written_at_);
    guard.unlock();
    ping_due_ = now - written >= in_.what.ping_interval;
    if (ping_due_)
      connection_->pump();
  }
}

void peer_link::forgive(steady_clock::time_point now) {
  if (connection_)
    connection_->forgive(now);
}

// -- stopping -----------------------------------------------------------------

void peer_link::begin_stop(std::function<void()> done, bool in_order) {
  {
    std::lock_guard guard{mutex_};
    closing_ = in_order ? closing::flushing : closing::said;
  }
  gone_function_ = std::move(done);
  if (!in_order)
    return leave();
  stage_ = stage::flushing;
  settle();
  check_flushed();
}

void peer_link::check_flushed() {
  if (stage_ != stage::flushing || inbox_.within_frame())
    return;
  bool idle = false;
  {
    std::lock_guard guard{mutex_};
    idle = (!out_.is_open() || out_.idle()) && direct_batch_.empty();
    if (idle)
      closing_ = closing::said;
  }
  if (!idle)
    return;
  if (session_.live())
    say_goodbye();
  else
    leave();
}

void peer_link::say_goodbye() {
  stage_ = stage::leaving;
  char frame[header_bytes];
  write_header({.type = piece_type::goodbye,
                .flags = flag_first,
                .number = inbox_.received()},
               frame);
  connection_->finish({frame, header_bytes});
}

// What the peer has not acknowledged by now it may never get: a goodbye would
// say that it has.
void peer_link::end_flush() {
  if (stage_ == stage::flushing)
    leave();
}

void peer_link::end_stop() {
  if (stage_ != stage::gone)
    leave();
}

void peer_link::leave() {
  stage_ = stage::gone;
  stop_dial();
  disconnect(close_reason::stopped);
  {
    std::lock_guard guard{mutex_};
    closing_ = closing::said;
    end_session(end_reason::stopped);
  }
  settle();
  if (auto done = std::exchange(gone_function_, nullptr))
    done();
}

} // namespace troupe::link

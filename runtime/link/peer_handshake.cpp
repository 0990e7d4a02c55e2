#include <troupe/runtime/link/peer_link.hpp>

#include <utility>

#include <troupe/cluster/link/hello_codec.hpp>

// How a link gets its connection: by a hello of the peer, or by dialling.
namespace troupe::link {

void peer_link::on_hello(const std::shared_ptr<connection>& from,
                         const hello& x) {
  auto no = [&](const refusal& why) {
    ++in_.refused_here;
    refuse(in_, *from, why);
    if (!is_passing(why.code))
      in_.handler.on_refused({peer_, from->remote(), why, false});
  };
  if (stage_ != stage::running && stage_ != stage::flushing)
    return no({refusal_code::stopped, "this node is stopping"});
  follow_session();
  std::unique_lock guard{mutex_};
  auto verdict = session_.judge(x, *in_.self.load(), known_, gone_);
  if (auto* why = std::get_if<refusal>(&verdict)) {
    guard.unlock();
    return no(*why);
  }
  if (closing_ != closing::no && !out_.is_open()) {
    guard.unlock();
    return no({refusal_code::stopped, "this node is stopping"});
  }
  auto& plan = std::get<session::plan>(verdict);
  if (!plan.restart && x.resume.received < out_.acknowledged()) {
    // Said before a connection that is over by now, and brought it more.
    guard.unlock();
    return no({refusal_code::stale_hello, "this hello is out of date"});
  }
  if (plan.restart)
    end_session(*plan.restart);
  known_ = x.from.incarnation;
  if (!out_.is_open())
    begin_session();
  guard.unlock();
  // The older connection goes first: what it brought is counted by now.
  if (session_.live())
    disconnect(close_reason::replaced);
  follow_session();
  stop_dial();
  disconnect(close_reason::replaced);
  session_.accept(x);
  from->set_owner(*this);
  connection_ = from;
  if (!go_live(x))
    return;
  auto& self = *in_.self.load();
  auto chosen = choose_protocol(x.protocol, in_.what.protocol);
  hello answer{{chosen, chosen},
               self,
               peer_,
               session_.claim(x.resume.attempt, inbox_.received())};
  std::string frame;
  append_frame(frame, piece_type::welcome, encode(answer));
  connection_->send(std::move(frame));
  in_.handler.on_connected(x.from);
}

bool peer_link::go_live(const hello& x) {
  std::unique_lock guard{mutex_};
  if (out_.serial() != session_.serial()) {
    guard.unlock();
    disconnect(close_reason::ended);
    settle();
    return false;
  }
  if (!out_.connect(x.resume.received)) {
    guard.unlock();
    fail(malformed_reason::handshake);
    return false;
  }
  writing_ = true;
  direct_ = connection_->duplicate();
  guard.unlock();
  inbox_.connect();
  told_ = inbox_.received();
  untold_bytes_ = 0;
  ack_due_ = ping_due_ = false;
  backoff_.reset();
  seen_.live = true;
  ++in_.connections_opened;
  return true;
}

// -- dialling -----------------------------------------------------------------

void peer_link::start_dial() {
  if (in_.self.load() == nullptr)
    return;
  std::string address;
  {
    std::lock_guard guard{mutex_};
    address = address_;
  }
  session_.dialling();
  dial_ = std::make_shared<dial>(in_.io, in_.source);
  dial_->start(address, in_.what.connect_timeout, [this](dial::result x) {
    dial_.reset();
    if (auto* socket = std::get_if<tcp_socket>(&x))
      return greet(std::move(*socket));
    session_.disconnected();
    retry_with_backoff();
  });
}

void peer_link::stop_dial() {
  if (auto x = std::exchange(dial_, nullptr)) {
    x->cancel();
    session_.disconnected();
  }
  if (std::exchange(retry_waits_, false))
    retry_timer_.cancel();
}

void peer_link::retry_with_backoff() {
  retry(backoff_.draw(in_.engine));
}

void peer_link::retry(std::chrono::milliseconds pause) {
  retry_waits_ = true;
  retry_timer_.expires_after(pause);
  retry_timer_.async_wait([this](error_code e) {
    if (e || !retry_waits_)
      return;
    retry_waits_ = false;
    settle();
  });
}

void peer_link::greet(tcp_socket socket) {
  owner& self = *this;
  connection_ = std::make_shared<connection>(std::move(socket),
                                             in_.what.read_buffer_bytes, self);
  began_ = steady_clock::now();
  auto attempt = in_.next_serial();
  session_.greeting(attempt);
  hello x{in_.what.protocol, *in_.self.load(), peer_,
          session_.claim(attempt, inbox_.received())};
  std::string frame;
  append_frame(frame, piece_type::hello, encode(x));
  connection_->send(std::move(frame));
  connection_->start();
}

void peer_link::on_answer(const piece& x) {
  if (x.header.type == piece_type::welcome) {
    if (auto answer = decode_hello(x.payload))
      return on_welcome(*answer);
    return fail(malformed_reason::handshake);
  }
  if (x.header.type == piece_type::refused) {
    if (auto answer = decode_refusal(x.payload))
      return on_refusal(*answer);
    return fail(malformed_reason::handshake);
  }
  fail(malformed_reason::order);
}

void peer_link::on_welcome(const hello& x) {
  auto& self = *in_.self.load();
  auto no = [&](const refusal& why) {
    ++in_.refused_here;
    disconnect(close_reason::ended);
    report_refusal(why, false);
    retry(in_.what.refused_backoff);
  };
  if (auto why = check_hello(x, self, in_.what.protocol))
    return no(*why);
  if (x.from.node != peer_)
    return no(
        {refusal_code::wrong_node, "node " + std::to_string(x.from.node.value)
                                       + " answers at the address of node "
                                       + std::to_string(peer_.value)});
  if (auto why = in_.handler.on_hello(x)) {
    why->code = refusal_code::owner;
    return no(*why);
  }
  std::unique_lock guard{mutex_};
  if (out_.serial() != session_.serial()) {
    guard.unlock();
    disconnect(close_reason::ended);
    return settle();
  }
  auto verdict = session_.judge_welcome(x, self, known_, gone_);
  if (auto* why = std::get_if<refusal>(&verdict)) {
    guard.unlock();
    return no(*why);
  }
  if (auto why = std::get<session::plan>(verdict).restart) {
    // The peer has taken up this session by its number; it begins again.
    end_session(*why, true);
    out_.open(session_.serial());
  }
  known_ = x.from.incarnation;
  guard.unlock();
  follow_session();
  session_.welcomed(x);
  if (!go_live(x))
    return;
  in_.handler.on_connected(x.from);
  connection_->pump();
}

void peer_link::on_refusal(const sent_refusal& x) {
  ++in_.refused_by_peer;
  disconnect(close_reason::ended);
  if (x.what.code == refusal_code::session_over) {
    std::lock_guard guard{mutex_};
    bool anew = known_ && x.incarnation > known_;
    if (out_.serial() == session_.serial()) {
      end_session(anew ? end_reason::new_incarnation : end_reason::peer_forgot);
      if (anew)
        known_ = x.incarnation;
      if (wanted_)
        begin_session();
    }
  }
  if (is_passing(x.what.code)) {
    retry_with_backoff();
  } else {
    report_refusal(x.what, true);
    retry(in_.what.refused_backoff);
  }
  settle();
}

void peer_link::report_refusal(const refusal& what, bool by_peer) {
  std::string address;
  {
    std::lock_guard guard{mutex_};
    address = address_;
  }
  in_.handler.on_refused({peer_, std::move(address), what, by_peer});
}

} // namespace troupe::link

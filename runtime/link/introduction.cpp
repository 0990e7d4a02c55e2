#include <troupe/runtime/link/introduction.hpp>

#include <utility>

#include <troupe/cluster/link/hello_codec.hpp>

namespace troupe::link {

introduction::introduction(context& in, std::string request,
                           transport::introduction_callback done)
    : in_(in),
      request_(std::move(request)),
      done_(std::move(done)),
      timer_(in.io.get_executor()),
      answer_(in.what.introduction_bytes_max) {
}

void introduction::start(const std::string& address,
                         std::chrono::milliseconds timeout) {
  if (!done_)
    return;
  address_ = address;
  auto self = shared_from_this();
  timer_.expires_after(timeout);
  timer_.async_wait([self, timeout](error_code e) {
    if (!e)
      self->finish(refusal{refusal_code::timed_out,
                           self->address_ + " did not answer within "
                               + std::to_string(timeout.count()) + " ms"});
  });
  dial_ = std::make_shared<dial>(in_.io, in_.source);
  dial_->start(address, timeout, [self](dial::result x) {
    self->dial_.reset();
    if (auto* why = std::get_if<std::string>(&x))
      return self->finish(refusal{refusal_code::unreachable, std::move(*why)});
    owner& to = *self;
    self->connection_ =
        std::make_shared<connection>(std::move(std::get<tcp_socket>(x)),
                                     self->in_.what.read_buffer_bytes, to);
    std::string frames;
    append_frame(frames, piece_type::introduce, self->request_);
    self->connection_->send(std::move(frames));
    self->connection_->start();
  });
}

void introduction::on_piece(connection&, const piece& x) {
  if (x.header.type == piece_type::refused) {
    if (auto said = decode_refusal(x.payload))
      return finish(std::move(said->what));
    return on_malformed(malformed_reason::handshake);
  }
  if (x.header.type != piece_type::introduced)
    return on_malformed(malformed_reason::order);
  auto [answer, wrong] = answer_.take(x);
  if (wrong)
    return on_malformed(*wrong);
  if (answer)
    finish(std::string{*answer});
}

void introduction::on_failed(connection&, std::optional<malformed_reason> why) {
  if (why)
    return on_malformed(*why);
  finish(refusal{refusal_code::unreachable,
                 address_ + " closed the connection without an answer"});
}

void introduction::on_malformed(malformed_reason why) {
  in_.malformed(*connection_, why);
  finish(refusal{refusal_code::malformed,
                 address_ + " answered what is no introduction ("
                     + std::string{to_string(why)}
                     + "); is it a troupe node's link port?"});
}

void introduction::finish(transport::introduction_result x) {
  if (!done_)
    return;
  auto self = shared_from_this();
  auto done = std::exchange(done_, nullptr);
  timer_.cancel();
  if (dial_)
    dial_->cancel();
  if (connection_)
    connection_->close();
  done(std::move(x));
}

} // namespace troupe::link

#include <troupe/runtime/link/reception.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

#include <boost/asio/post.hpp>

#include <troupe/cluster/link/hello_codec.hpp>

namespace troupe::link {

namespace {

constexpr auto accept_pause = std::chrono::milliseconds{100};

} // namespace

reception::reception(context& in, hello_function on_hello)
    : in_(in),
      on_hello_(std::move(on_hello)),
      acceptor_(in.io.get_executor()),
      pause_(in.io.get_executor()) {
}

std::optional<refusal> reception::open(const std::string& address) {
  auto no = [&](const std::string& why) {
    return refusal{refusal_code::unreachable,
                   "cannot listen on \"" + address + "\": " + why};
  };
  auto where = parse_address(address);
  if (!where)
    return no("give it as host:port, for example 127.0.0.1:7400");
  error_code e;
  tcp_resolver resolver{in_.io.get_executor()};
  auto found = resolver.resolve(where->host, std::to_string(where->port),
                                tcp_resolver::passive, e);
  if (e || found.empty())
    return no("the host is not known here");
  auto endpoint = found.begin()->endpoint();
  acceptor_.open(endpoint.protocol(), e);
  if (!e)
    acceptor_.set_option(acceptor::reuse_address{true}, e);
  if (!e)
    acceptor_.bind(endpoint, e);
  if (!e)
    acceptor_.listen(acceptor::max_listen_connections, e);
  if (e) {
    auto text = e.message() + "; choose another port or stop who holds it";
    acceptor_.close(e);
    return no(text);
  }
  address_ = to_string(acceptor_.local_endpoint(e));
  return std::nullopt;
}

void reception::start() {
  accept();
}

void reception::accept() {
  acceptor_.async_accept(
      [self = shared_from_this()](error_code e, tcp_socket socket) {
        if (!self->acceptor_.is_open())
          return;
        if (!e) {
          self->on_accepted(std::move(socket));
          return self->accept();
        }
        // Out of descriptors, or the peer was quicker: not at full speed.
        self->pause_.expires_after(accept_pause);
        self->pause_.async_wait([self](error_code) {
          if (self->acceptor_.is_open())
            self->accept();
        });
      });
}

void reception::on_accepted(tcp_socket socket) {
  if (strangers_.size() >= in_.what.handshakes_max) {
    ++in_.strangers_closed;
    return; // closes it
  }
  tune(socket);
  owner& self = *this;
  auto x = std::make_shared<connection>(std::move(socket),
                                        in_.what.read_buffer_bytes, self);
  strangers_.emplace(++next_id_,
                     stranger{x, steady_clock::now(),
                              assembler{in_.what.introduction_bytes_max}});
  x->start();
}

std::map<std::uint64_t, reception::stranger>::iterator
reception::find(const connection& x) {
  return std::ranges::find_if(
      strangers_, [&](const auto& y) { return y.second.link.get() == &x; });
}

void reception::on_piece(connection& from, const piece& x) {
  auto i = find(from);
  if (i == strangers_.end())
    return;
  if (i->second.introducing)
    return wrong(from, malformed_reason::order);
  if (x.header.type == piece_type::introduce)
    return on_introduce(i->second, x);
  if (x.header.type != piece_type::hello)
    return wrong(from, malformed_reason::order);
  auto said = decode_hello(x.payload);
  if (!said)
    return wrong(from, malformed_reason::handshake);
  auto link = i->second.link;
  on_hello_(link, *said);
  // Refused: it stays until its end has been read. Taken: it is ours no more.
  if (link->closed() || !link->finishing())
    std::erase_if(strangers_,
                  [&](const auto& y) { return y.second.link == link; });
}

void reception::on_introduce(stranger& from, const piece& x) {
  auto [request, why] = from.request.take(x);
  if (why == malformed_reason::oversized)
    return refuse(in_, *from.link,
                  {refusal_code::too_large,
                   "an introduction may be at most "
                       + std::to_string(in_.what.introduction_bytes_max)
                       + " bytes"});
  if (why)
    return wrong(*from.link, *why);
  if (!request)
    return;
  if (introducing_ >= in_.what.introductions_max)
    return refuse(in_, *from.link,
                  {refusal_code::overloaded,
                   "too many introductions at once; try again"});
  from.introducing = true;
  ++introducing_;
  ++in_.introductions_served;
  auto id = find(*from.link)->first;
  auto once = std::make_shared<std::atomic_flag>();
  // The owner may keep the function longer than the transport lives.
  auto answer = [weak = weak_from_this(), in = in_.weak_from_this(), id,
                 once](std::string bytes) {
    if (once->test_and_set())
      return;
    if (auto alive = in.lock())
      asio::post(alive->io, [weak, id, bytes = std::move(bytes)]() mutable {
        if (auto self = weak.lock())
          self->reply(id, std::move(bytes));
      });
  };
  in_.handler.on_introduction(std::string{*request}, from.link->remote(),
                              std::move(answer));
}

void reception::reply(std::uint64_t id, std::string answer) {
  auto i = strangers_.find(id);
  if (i == strangers_.end() || i->second.link->finishing())
    return;
  auto& to = *i->second.link;
  i->second.introducing = false;
  --introducing_;
  i->second.since = steady_clock::now();
  if (answer.size() > in_.what.introduction_bytes_max)
    return refuse(in_, to,
                  {refusal_code::too_large,
                   "the answer is over the limit of "
                       + std::to_string(in_.what.introduction_bytes_max)
                       + " bytes"});
  std::string frames;
  append_frame(frames, piece_type::introduced, answer);
  to.finish(std::move(frames));
}

void reception::wrong(connection& from, malformed_reason why) {
  auto kept = from.shared_from_this();
  from.close();
  on_failed(from, why);
}

void reception::on_failed(connection& from,
                          std::optional<malformed_reason> why) {
  auto i = find(from);
  if (i == strangers_.end())
    return;
  auto kept = i->second.link;
  introducing_ -= i->second.introducing;
  strangers_.erase(i);
  ++in_.strangers_closed;
  if (why)
    in_.malformed(from, *why);
}

void reception::tick(steady_clock::time_point now) {
  std::erase_if(strangers_, [&](auto& y) {
    auto& x = y.second;
    auto limit = x.introducing ? in_.what.introduction_timeout
                               : in_.what.handshake_timeout;
    if (now - x.since < limit)
      return false;
    x.link->close();
    introducing_ -= x.introducing;
    ++in_.strangers_closed;
    return true;
  });
}

void reception::close() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (auto& [id, x] : strangers_)
    x.link->close();
  strangers_.clear();
  introducing_ = 0;
}

} // namespace troupe::link

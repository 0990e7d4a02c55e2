#include <test/chaos/harness/relay.hpp>

#include <boost/asio/write.hpp>

namespace troupe::chaos {

namespace asio = boost::asio;

namespace {

constexpr std::size_t held_bytes_max = 4u << 20; // then the sender has to wait

} // namespace

relay::relay(network& in, tcp::socket dialler, std::string from,
             tcp::endpoint to)
    : in_(in), target_(std::move(to)) {
  auto host = target_.address().to_string();
  ends_.push_back({std::move(dialler), from});
  ends_.push_back({tcp::socket{in.io}, host});
  flows_.push_back({0, 1, in.between(from, host), asio::steady_timer{in.io}});
  flows_.push_back({1, 0, in.between(host, from), asio::steady_timer{in.io}});
}

bool relay::joins(const std::string& one, const std::string& other) const {
  auto& a = ends_[0].host;
  auto& b = ends_[1].host;
  return (a == one && b == other) || (a == other && b == one);
}

void relay::look() {
  if (closed_)
    return;
  for (auto& x : flows_)
    if (x.torn && x.now.state != way::state::cut)
      return reset();
  for (auto& x : flows_)
    if (!dialled_ && x.now.state != way::state::open)
      return;
  if (!std::exchange(dialled_, true))
    return dial();
  for (auto& x : flows_)
    pump(x);
}

void relay::reset() {
  if (!closed_)
    ++in_.resets;
  close();
}

void relay::close() {
  closed_ = true;
  for (auto& x : flows_)
    x.timer.cancel();
  for (auto& x : ends_) {
    error_code ignored;
    x.socket.set_option(asio::socket_base::linger{true, 0}, ignored);
    x.socket.close(ignored);
  }
}

void relay::dial() {
  ends_[1].socket.async_connect(target_,
                                [self = shared_from_this()](error_code e) {
                                  if (self->closed_)
                                    return;
                                  if (e)
                                    return self->close();
                                  for (auto& x : self->ends_)
                                    x.socket.set_option(tcp::no_delay{true}, e);
                                  for (auto& x : self->flows_) {
                                    self->read(x);
                                    self->pump(x);
                                  }
                                });
}

void relay::read(flow& x) {
  if (closed_ || x.reading || x.ended || x.held_bytes > held_bytes_max)
    return;
  x.reading = true;
  x.buffer.resize(64u << 10);
  ends_[x.from].socket.async_read_some(
      asio::buffer(x.buffer),
      [self = shared_from_this(), &x](error_code e, std::size_t count) {
        x.reading = false;
        if (!self->closed_)
          self->arrived(x, e, count);
      });
}

void relay::arrived(flow& x, error_code e, std::size_t count) {
  x.ended = bool(e);
  if (x.now.state == way::state::cut) {
    x.torn = true;
  } else {
    x.held.push_back({clock::now() + x.now.late, x.buffer.substr(0, count)});
    x.held_bytes += count;
  }
  pump(x);
  read(x);
}

void relay::pump(flow& x) {
  if (x.now.state == way::state::cut && !x.held.empty()) {
    x.torn = true;
    x.held.clear();
    x.held_bytes = 0;
  }
  if (closed_ || x.writing || x.held.empty() || x.now.state != way::state::open)
    return;
  auto& next = x.held.front();
  if (next.due > clock::now()) {
    x.timer.expires_at(next.due);
    return x.timer.async_wait([self = shared_from_this(), &x](error_code e) {
      if (!e)
        self->pump(x);
    });
  }
  auto what = std::move(next.bytes);
  x.held.pop_front();
  x.held_bytes -= what.size();
  if (what.empty())
    end_of(x);
  else
    write(x, std::move(what));
}

void relay::write(flow& x, std::string what) {
  auto& left = x.now.left;
  bool last = left && *left <= what.size();
  if (last)
    what.resize(*std::exchange(left, std::nullopt));
  else if (left)
    *left -= what.size();
  in_.bytes += what.size();
  x.writing = true;
  auto bytes = std::make_shared<std::string>(std::move(what));
  asio::async_write(
      ends_[x.to].socket, asio::buffer(*bytes),
      [self = shared_from_this(), &x, bytes, last](error_code e, std::size_t) {
        x.writing = false;
        if (self->closed_)
          return;
        if (e || last)
          return last ? self->reset() : self->close();
        self->pump(x);
        self->read(x);
      });
}

void relay::end_of(flow& x) {
  error_code ignored;
  ends_[x.to].socket.shutdown(tcp::socket::shutdown_send, ignored);
  bool over = true;
  for (auto& y : flows_)
    over = over && y.ended && y.held.empty();
  if (over)
    close();
}

} // namespace troupe::chaos

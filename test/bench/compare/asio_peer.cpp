// Boost.Asio and protobuf with nothing behind: the limit of what a link of this
// kind can do. One thread a process; what is sent while a write is under way
// leaves with the next one; messages are read into one that keeps its memory.
//
//   serve                        prints ready PORT
//   relay --to PORT              the same, in between
//   one-way --to PORT
//   request --to PORT --outstanding N
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <utility> // which Boost's header forgets
#include <vector>

#include <boost/asio.hpp>

#include "envelope.pb.h"
#include "load.hpp"

namespace {

using namespace compare;
namespace asio = boost::asio;
using asio::ip::tcp;

class connection {
public:
  using handler = std::function<void(Envelope&)>;

  explicit connection(tcp::socket socket)
      : socket_(std::move(socket)), in_(256 << 10) {
    socket_.set_option(tcp::no_delay{true});
  }

  handler on_message;
  std::function<void()> on_burst = [] {};   // after all that was there to read
  std::function<void()> on_written = [] {}; // nothing waits

  void put(const Envelope& x) {
    auto size = static_cast<std::uint32_t>(x.ByteSizeLong());
    auto at = out_.size();
    out_.resize(at + sizeof size + size);
    std::memcpy(out_.data() + at, &size, sizeof size);
    x.SerializeWithCachedSizesToArray(
        reinterpret_cast<std::uint8_t*>(out_.data() + at + sizeof size));
  }
  std::size_t waiting_bytes() const { return out_.size(); }

  void flush() {
    if (writing_ || out_.empty())
      return;
    writing_ = true;
    under_way_.swap(out_);
    out_.clear();
    asio::async_write(socket_, asio::buffer(under_way_),
                      [this](boost::system::error_code e, std::size_t) {
                        if (e)
                          return;
                        writing_ = false;
                        if (out_.empty())
                          on_written();
                        flush();
                      });
  }

  void read() {
    socket_.async_read_some(
        asio::buffer(in_.data() + filled_, in_.size() - filled_),
        [this](boost::system::error_code e, std::size_t n) {
          if (e)
            std::_Exit(0);
          filled_ += n;
          take_all();
          on_burst();
          flush();
          read();
        });
  }

private:
  void take_all() {
    std::size_t at = 0;
    for (std::uint32_t size; filled_ - at >= sizeof size; at += size) {
      std::memcpy(&size, in_.data() + at, sizeof size);
      if (filled_ - at < sizeof size + size)
        break;
      at += sizeof size;
      if (!message_.ParseFromArray(in_.data() + at, static_cast<int>(size)))
        fail("no envelope");
      on_message(message_);
    }
    std::memmove(in_.data(), in_.data() + at, filled_ - at);
    filled_ -= at;
  }

  tcp::socket socket_;
  std::vector<char> in_;
  std::size_t filled_ = 0;
  std::vector<char> out_;
  std::vector<char> under_way_;
  bool writing_ = false;
  Envelope message_;
};

tcp::endpoint at(std::uint16_t port) {
  return {asio::ip::address_v4::loopback(), port};
}

tcp::socket accept_one(asio::io_context& io) {
  tcp::acceptor door{io, at(0)};
  say_ready(std::to_string(door.local_endpoint().port()));
  return door.accept();
}

tcp::socket dial(asio::io_context& io, const arguments& args) {
  tcp::socket out{io};
  out.connect(at(static_cast<std::uint16_t>(args.count("to", 0))));
  return out;
}

// Answers what has an id, and says how many had none.
void serve(asio::io_context& io) {
  connection client{accept_one(io)};
  std::uint64_t plain = 0;
  client.on_message = [&](Envelope& x) {
    if (x.id() == 0)
      return void(++plain);
    x.set_epoch(plain);
    client.put(x);
  };
  client.read();
  io.run();
}

void relay(asio::io_context& io, const arguments& args) {
  connection owner{dial(io, args)};
  connection client{accept_one(io)};
  client.on_message = [&](Envelope& x) { owner.put(x); };
  client.on_burst = [&] { owner.flush(); };
  owner.on_message = [&](Envelope& x) { client.put(x); };
  owner.on_burst = [&] { client.flush(); };
  client.read();
  owner.read();
  io.run();
}

Envelope make_envelope() {
  Envelope out;
  out.set_epoch(17);
  out.set_payload(std::string(payload_bytes, 'x'));
  return out;
}

void one_way(asio::io_context& io, const arguments& args, load& of) {
  connection server{dial(io, args)};
  auto& into = of.add_recorder();
  auto message = make_envelope();
  std::uint64_t sent = 0;
  std::uint64_t seen = 0;
  server.on_message = [&](Envelope& x) {
    into.done(x.epoch() - std::exchange(seen, x.epoch()));
  };
  server.on_written = [&] {
    while (server.waiting_bytes() < 64 << 10) {
      message.set_id(++sent % 500 == 0 ? sent : 0);
      message.set_partition(static_cast<std::uint32_t>(sent % 1000));
      server.put(message);
    }
  };
  server.on_written();
  server.flush();
  server.read();
  io.run();
}

void request(asio::io_context& io, const arguments& args, load& of) {
  connection server{dial(io, args)};
  auto& into = of.add_recorder();
  auto message = make_envelope();
  std::vector<steady_clock::time_point> sent(args.count("outstanding", 1));
  auto ask = [&](std::uint64_t id) {
    sent[id - 1] = steady_clock::now();
    message.set_id(id);
    message.set_partition(static_cast<std::uint32_t>(id % 1000));
    server.put(message);
  };
  server.on_message = [&](Envelope& x) {
    into.done_since(sent[x.id() - 1]);
    ask(x.id());
  };
  for (std::size_t i = 0; i < sent.size(); ++i)
    ask(i + 1);
  server.flush();
  server.read();
  io.run();
}

} // namespace

int main(int argc, char** argv) {
  arguments args{argc, argv};
  auto& role = args.role();
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context io{1};
  if (role == "serve")
    return serve(io), 0;
  if (role == "relay")
    return relay(io, args), 0;
  load all{args};
  std::thread client{[&] {
    role == "one-way" ? one_way(io, args, all) : request(io, args, all);
  }};
  all.run();
  std::_Exit(0);
}

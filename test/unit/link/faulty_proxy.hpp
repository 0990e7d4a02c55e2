#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <troupe/runtime/link/net.hpp>

namespace troupe::link::test {

/// Stands between two nodes and cuts each connection after a random number of
/// bytes, sometimes with a reset, or swallows all of them in silence.
///
/// Threads: one of its own; the functions from any.
class faulty_proxy {
public:
  faulty_proxy(const std::string& target, std::uint64_t seed)
      : engine_(seed), acceptor_(io_.get_executor()) {
    auto where = *parse_address(target);
    target_ = {asio::ip::make_address(where.host), where.port};
    tcp::endpoint any{asio::ip::make_address("127.0.0.1"), 0};
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
    acceptor_.listen();
    address_ = to_string(acceptor_.local_endpoint());
    accept();
    thread_ = std::thread{[this] { io_.run(); }};
  }

  ~faulty_proxy() {
    io_.stop();
    thread_.join();
  }

  const std::string& address() const { return address_; }

  /// Each connection dies after up to `bytes` in one direction, sometimes eight
  /// times as many; 0: never.
  void cut_after(std::uint64_t bytes) {
    bytes_max_ = bytes;
    asio::post(io_, [this] {
      for (auto& x : std::set{pipes_})
        draw(*x);
    });
  }

  void cut_now() {
    asio::post(io_, [this] {
      for (auto& x : std::set{pipes_})
        cut(x);
    });
  }

  /// From now on nothing gets through, and nothing is closed.
  void swallow(bool yes) { swallow_ = yes; }

  std::uint64_t cuts() const { return cuts_; }
  std::uint64_t accepted() const { return accepted_; }

private:
  struct pipe {
    explicit pipe(asio::io_context& io)
        : ends{tcp_socket{io.get_executor()}, tcp_socket{io.get_executor()}} {}

    tcp_socket ends[2];
    std::array<char, 8192> bytes[2];
    std::int64_t left[2] = {}; // until the cut; less than 0: no cut
  };
  using pipe_ptr = std::shared_ptr<pipe>;

  void draw(pipe& x) {
    for (auto& left : x.left) {
      if (bytes_max_ == 0) {
        left = -1;
        continue;
      }
      left = static_cast<std::int64_t>(engine_() % bytes_max_);
      // Now and then a whole large piece gets through.
      if (engine_() % 8 == 0)
        left *= 8;
    }
  }

  void accept() {
    auto x = std::make_shared<pipe>(io_);
    acceptor_.async_accept(x->ends[0], [this, x](error_code e) {
      if (e)
        return;
      ++accepted_;
      accept();
      draw(*x);
      x->ends[1].async_connect(target_, [this, x](error_code e) {
        if (e)
          return cut(x);
        tune(x->ends[0]);
        tune(x->ends[1]);
        pipes_.insert(x);
        read(x, 0);
        read(x, 1);
      });
    });
  }

  void read(const pipe_ptr& x, int from) {
    x->ends[from].async_read_some(
        asio::buffer(x->bytes[from]),
        [this, x, from](error_code e, std::size_t count) {
          if (e)
            return cut(x);
          if (swallow_)
            return read(x, from);
          auto& left = x->left[from];
          bool last = left >= 0 && static_cast<std::int64_t>(count) >= left;
          if (last)
            count = static_cast<std::size_t>(left);
          else if (left >= 0)
            left -= static_cast<std::int64_t>(count);
          asio::async_write(x->ends[1 - from],
                            asio::buffer(x->bytes[from].data(), count),
                            [this, x, from, last](error_code e, std::size_t) {
                              if (e || last)
                                return cut(x);
                              read(x, from);
                            });
        });
  }

  void cut(const pipe_ptr& x) {
    if (pipes_.erase(x) > 0)
      ++cuts_;
    for (auto& end : x->ends) {
      error_code ignored;
      if (engine_() % 2 == 0)
        end.set_option(asio::socket_base::linger{true, 0}, ignored);
      end.close(ignored);
    }
  }

  asio::io_context io_;
  std::mt19937_64 engine_;
  asio::basic_socket_acceptor<tcp, executor> acceptor_;
  tcp::endpoint target_;
  std::string address_;
  std::set<pipe_ptr> pipes_;
  std::atomic<std::uint64_t> bytes_max_{0};
  std::atomic<std::uint64_t> cuts_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<bool> swallow_{false};
  std::thread thread_;
};

} // namespace troupe::link::test

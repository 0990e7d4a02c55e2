#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

/// A request, taken apart.
struct request {
  std::string method;
  std::vector<std::string> path; // decoded segments
  std::map<std::string, std::string> query;
  std::string body;

  std::string get(const std::string& name, std::string otherwise = {}) const {
    auto i = query.find(name);
    return i == query.end() ? otherwise : i->second;
  }
};

struct response {
  int status = 200;
  std::string body;
  std::string type = "application/json";
};

/// A response that goes on: `more` is asked for the next piece whenever `wake`
/// was called, from any thread, and when the last piece was sent; empty: none
/// for now.
struct stream {
  std::function<std::string()> more;
  std::function<void(std::function<void()> wake)> begin;
  std::function<void()> end;
};

/// Answers once, from any thread.
struct responder {
  std::function<void(response)> whole;
  std::function<void(stream)> streamed;
};

/// A small HTTP server: one thread.
class http_server {
public:
  using handler = std::function<void(request, responder)>;

  /// Throws if it cannot listen.
  http_server(const std::string& host, unsigned short port, handler handle);
  ~http_server();

  unsigned short port() const { return acceptor_.local_endpoint().port(); }

private:
  void accept();

  boost::asio::io_context io_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  handler handle_;
  std::thread thread_;
};

#pragma once

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <test/chaos/harness/waiting.hpp>

namespace troupe::chaos {

using json = nlohmann::json;

enum class fate {
  answered, // see the status
  unsent,   // nobody took the connection
  lost,     // sent, and then the connection broke or the time was over
};

/// What became of a request.
struct answer {
  chaos::fate fate = fate::unsent;
  unsigned status = 0;
  std::string text;

  bool good() const { return fate == fate::answered && status < 300; }
  /// The body; null if it is no JSON.
  json body() const;
  /// The `error` of a refusal, such as "no_owner".
  std::string error() const;
};

/// Speaks HTTP to one address, over one connection that it keeps.
///
/// Errors:  an `answer`; never throws for what a server does.
/// Threads: one at a time.
class http_client {
public:
  http_client(std::string host, std::string port);
  explicit http_client(const std::string& address);
  ~http_client();
  http_client(http_client&&) noexcept;
  http_client& operator=(http_client&&) noexcept;

  answer get(const std::string& target, milliseconds limit = seconds{5});
  answer post(const std::string& target, const std::string& body = {},
              milliseconds limit = seconds{20});
  answer erase(const std::string& target, milliseconds limit = seconds{20});

private:
  struct connection;
  answer request(const std::string& verb, const std::string& target,
                 const std::string& body, milliseconds limit);

  std::string host_;
  std::string port_;
  std::unique_ptr<connection> connection_; // null: none is open
};

} // namespace troupe::chaos

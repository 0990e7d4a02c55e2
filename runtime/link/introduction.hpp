#pragma once

#include <memory>
#include <string>

#include <troupe/cluster/link/inbox.hpp>
#include <troupe/cluster/link/transport.hpp>
#include <troupe/runtime/link/connection.hpp>
#include <troupe/runtime/link/context.hpp>

namespace troupe::link {

/// One request to a node that need not be a peer: dials, asks, hangs up.
///
/// Out:     the answer or a refusal, once.
/// Threads: the transport's thread.
class introduction final : private connection::owner,
                           public std::enable_shared_from_this<introduction> {
public:
  introduction(context& in, std::string request,
               transport::introduction_callback done);

  void start(const std::string& address, std::chrono::milliseconds timeout);
  void finish(transport::introduction_result x);
  bool finished() const { return !done_; }

private:
  void on_piece(connection& from, const piece& x) override;
  void on_failed(connection& from,
                 std::optional<malformed_reason> why) override;
  void on_malformed(malformed_reason why);

  context& in_;
  std::string address_;
  std::string request_;
  transport::introduction_callback done_;
  std::shared_ptr<dial> dial_;
  std::shared_ptr<connection> connection_;
  steady_timer timer_;
  assembler answer_;
};

} // namespace troupe::link

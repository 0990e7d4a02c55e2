#pragma once

#include <troupe/actors/ask_sink.hpp>
#include <troupe/runtime/http/api_backend.hpp>
#include <troupe/runtime/node_impl.hpp>

namespace troupe {

/// What the HTTP interface asks, answered by this node.
///
/// Threads: as api_backend says; commands pass through the coordinator.
class http_backend final : public http::api_backend {
public:
  explicit http_backend(node::impl& self);

  http::node_status status() override;
  std::vector<http::node_row> nodes() override;
  std::vector<http::region_row> regions() override;
  std::optional<http::region_view> region(std::string_view name) override;
  std::optional<std::uint32_t>
  partition_count(std::string_view region) override;
  std::vector<http::setting_row> settings() override;
  http::health health() override;
  std::string metrics_text() override;
  void ping(http::ping_request request,
            http::callback<http::ping_reply> done) override;
  void send(http::send_request request,
            http::callback<http::send_reply> done) override;
  void plan(std::string region, http::callback<http::plan_view> done) override;
  void rebalance(std::string region,
                 http::callback<http::plan_view> done) override;
  void move(http::move_request request,
            http::callback<http::move_accepted> done) override;
  void configure(http::region_change change,
                 http::callback<http::region_changed> done) override;
  void drain(std::string node,
             http::callback<http::node_command_accepted> done) override;
  void undrain(std::string node,
               http::callback<http::node_command_accepted> done) override;
  void restart(std::string node,
               http::callback<http::node_command_accepted> done) override;
  http::event_page events(http::event_sequence sequence, std::uint64_t since,
                          std::size_t count_max) override;
  std::shared_ptr<void> on_events(http::event_sequence sequence,
                                  std::function<void()> wake) override;

private:
  http::node_state state_of(const node_record& node,
                            const map_mirror::summary& now) const;
  /// A leader with a quorum was heard within the lease.
  static bool has_quorum(const map_mirror::summary& now);
  void planned(std::string region, bool apply,
               http::callback<http::plan_view> done);
  void intend(std::string node, proto::Intent intent, http::node_state state,
              http::callback<http::node_command_accepted> done);
  using traced = std::function<void(traced_answer, std::vector<std::string>)>;
  void ask(const std::string& region, const http::target& target,
           std::unique_ptr<google::protobuf::Message> message,
           std::chrono::milliseconds timeout, traced done);

  node::impl& self_;
};

} // namespace troupe

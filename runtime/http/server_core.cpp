#include <troupe/runtime/http/server_core.hpp>

namespace troupe::http {

server_core::server_core(const http_settings& settings, api_backend& backend,
                         metrics::registry& metrics)
    : settings_(settings),
      api_(backend, settings.limits),
      metrics_(metrics),
      open_(metrics.level("troupe_http_connections", "Open HTTP connections.")),
      context_(settings.threads) {
}

std::uint64_t server_core::enter(std::weak_ptr<connection> x) {
  std::lock_guard guard(mutex_);
  if (closed_ || connections_.size() >= settings_.connections_max)
    return 0;
  connections_.emplace(++last_, std::move(x));
  open_.set(static_cast<double>(connections_.size()));
  return last_;
}

void server_core::leave(std::uint64_t number) {
  std::lock_guard guard(mutex_);
  connections_.erase(number);
  open_.set(static_cast<double>(connections_.size()));
  left_.notify_all();
}

std::vector<std::shared_ptr<connection>> server_core::close_door() {
  std::vector<std::shared_ptr<connection>> out;
  std::lock_guard guard(mutex_);
  closed_ = true;
  for (auto& [number, x] : connections_)
    if (auto ptr = x.lock())
      out.push_back(std::move(ptr));
  return out;
}

bool server_core::wait_empty(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return left_.wait_for(lock, limit, [this] { return connections_.empty(); });
}

bool server_core::reserve(std::size_t bytes) {
  std::lock_guard guard(mutex_);
  if (bytes > settings_.body_bytes_total_max - body_bytes_)
    return false;
  body_bytes_ += bytes;
  return true;
}

void server_core::release(std::size_t bytes) {
  std::lock_guard guard(mutex_);
  body_bytes_ -= bytes;
}

void server_core::count_request(std::string_view route, int status,
                                double seconds) {
  std::string where(route.empty() ? "none" : route);
  metrics_
      .count("troupe_http_requests_total", "HTTP requests by route and status.",
             {{"route", where}, {"code", std::to_string(status)}})
      .inc();
  metrics_
      .distribution("troupe_http_request_seconds",
                    "Time from a whole request to its reply.",
                    metrics::latency_bounds_s(), {{"route", where}})
      .observe(seconds);
}

void server_core::count_closed(const char* reason) {
  metrics_
      .count("troupe_http_closed_total",
             "HTTP connections that were cut, by reason.", {{"reason", reason}})
      .inc();
}

} // namespace troupe::http

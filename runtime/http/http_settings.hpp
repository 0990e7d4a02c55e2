#pragma once

#include <troupe/runtime/http/route.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace troupe::http {

/// How the HTTP server listens, and what it allows its clients.
struct http_settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0; // zero: a free one, see http_server::port
  int threads = 1;        // I/O threads
  std::size_t connections_max = 1024;
  std::size_t header_bytes_max = 256 * 1024; // a key of 64 KiB, encoded, fits
  std::size_t body_bytes_max = 16 * 1024 * 1024;        // of one request
  std::size_t body_bytes_total_max = 256 * 1024 * 1024; // of all at a time
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{75'000};  // between two requests
  std::chrono::milliseconds write_timeout{30'000}; // of one answer, or page
  std::chrono::milliseconds answer_grace{1'000};   // for a late backend
  std::chrono::milliseconds linger_timeout{1'000}; // for unread input on close
  std::chrono::milliseconds stop_grace{1'000};     // for what is under way
  std::size_t events_per_write_max = 256;
  api_limits limits = {};
};

} // namespace troupe::http

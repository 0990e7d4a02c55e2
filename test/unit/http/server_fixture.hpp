#pragma once

#include <test/catch.hpp>
#include <test/unit/http/fake_backend.hpp>
#include <test/unit/http/raw_client.hpp>

#include <troupe/runtime/http/http_server.hpp>

#include <nlohmann/json.hpp>

namespace troupe::http {

/// A server on a free port in front of the fake cluster.
struct server_fixture {
  explicit server_fixture(http_settings settings = {})
      : server(settings, backend, backend.metrics) {
    auto started = server.start();
    REQUIRE(started);
    port = *started;
  }

  raw_reply get(std::string_view path) { return raw_client(port).get(path); }

  raw_reply post(std::string_view path, std::string_view body = {}) {
    return raw_client(port).post(path, body);
  }

  fake_backend backend;
  http_server server;
  std::uint16_t port = 0;
};

inline nlohmann::json parsed(const raw_reply& reply) {
  return nlohmann::json::parse(reply.body);
}

/// The code of an error reply, which must have all three members.
inline std::string error_of(const raw_reply& reply) {
  auto x = nlohmann::json::parse(reply.body, nullptr, false);
  if (!x.is_object() || !x.contains("error"))
    return "no error but: " + reply.body;
  CHECK_FALSE(x.at("detail").get<std::string>().empty());
  CHECK_FALSE(x.at("hint").get<std::string>().empty());
  return x.at("error").get<std::string>();
}

} // namespace troupe::http

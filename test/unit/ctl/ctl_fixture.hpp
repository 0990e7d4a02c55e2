#pragma once

#include <test/catch.hpp>
#include <test/unit/ctl/process.hpp>
#include <test/unit/http/fake_backend.hpp>

#include <troupe/runtime/http/http_server.hpp>

namespace troupe::ctl {

/// A node's HTTP interface in front of the fake cluster, and troupectl for it.
struct ctl_fixture {
  ctl_fixture() : server({}, backend, backend.metrics) {
    REQUIRE(server.start());
  }

  outcome run(std::vector<std::string> args, run_options options = {}) {
    options.env.push_back("TROUPE_ADDR=" + server.address());
    return ctl::run(args, options);
  }

  http::fake_backend backend;
  http::http_server server;
};

/// Its lines, without their ends.
inline std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::string line;
  for (char c : text)
    if (c == '\n') {
      out.push_back(line);
      line.clear();
    } else {
      line += c;
    }
  if (!line.empty())
    out.push_back(line);
  return out;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

} // namespace troupe::ctl

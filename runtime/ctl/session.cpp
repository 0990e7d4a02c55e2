#include <troupe/runtime/ctl/session.hpp>

#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/ctl/table.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace troupe::ctl {

namespace {

std::chrono::milliseconds to_ms(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

} // namespace

session::milliseconds session::request_timeout() const {
  return to_ms(timeout.value_or(10));
}

session::milliseconds session::wait_timeout() const {
  return to_ms(timeout.value_or(120));
}

client& session::node() {
  if (!client_)
    client_ = std::make_unique<client>(parse_address(addr));
  return *client_;
}

std::string session::get_text(std::string_view target) {
  return node().get(target, request_timeout());
}

json session::get(std::string_view target) {
  return parse(get_text(target));
}

std::string session::post_text(std::string_view target, std::string_view body) {
  // A little longer than the node's own limit: its words say more.
  return node().post(target, body, request_timeout() + milliseconds(1000));
}

json session::parse(std::string_view text) const {
  auto out = json::parse(text, nullptr, false);
  if (!out.is_object())
    throw failure{exit_code::unreachable,
                  addr + " answers, but not as a troupe node does",
                  "name the HTTP port of a node with --addr"};
  return out;
}

void session::progress(const std::string& line) {
  if (!as_json)
    write_line(printable(line));
}

void session::write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void session::write_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n')
    text.remove_suffix(1);
  write(std::string(text) + '\n');
}

bool session::colours() const {
  auto* none = std::getenv("NO_COLOR");
  auto* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) && (!none || !*none)
         && (!term || std::string_view(term) != "dumb");
}

} // namespace troupe::ctl

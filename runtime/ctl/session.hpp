#pragma once

#include <troupe/runtime/ctl/client.hpp>
#include <troupe/runtime/ctl/show.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::ctl {

/// What all commands share: the options before them, the connection, and where
/// they write.
class session {
public:
  using milliseconds = std::chrono::milliseconds;

  // Options; times in seconds.
  std::string addr = "127.0.0.1:8101";
  bool as_json = false;
  std::optional<double> timeout;

  /// For one request.
  milliseconds request_timeout() const;

  /// For what goes on after its request.
  milliseconds wait_timeout() const;

  client& node();

  json get(std::string_view target);

  /// The answer as it came, for `record`.
  std::string get_text(std::string_view target);

  std::string post_text(std::string_view target, std::string_view body = {});

  /// Writes the JSON as it came, or what `show` makes of it.
  template <class Show>
  void record(const std::string& text, Show show) {
    if (as_json)
      write_line(text);
    else
      write(show(parse(text)));
  }

  /// News about what is waited for; nothing with --json.
  void progress(const std::string& line);

  void write(std::string_view text);

  /// With exactly one end of line.
  void write_line(std::string_view text);

  /// Standard output is a terminal, and nobody asked for none.
  bool colours() const;

  /// Throws `failure` when a node's answer is no JSON.
  json parse(std::string_view text) const;

private:
  std::unique_ptr<client> client_;
};

} // namespace troupe::ctl

#include <troupe/runtime/ctl/commands.hpp>

#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/http/uri.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace troupe::ctl {

namespace {

struct target_options {
  std::string region;
  std::optional<std::string> key;
  std::optional<std::string> partition;
};

void add_target(CLI::App& to, target_options& options) {
  to.add_option("REGION", options.region, "The region's name")->required();
  auto* group = to.add_option_group("target", "Who it is for, one of:");
  group->add_option("--key", options.key, "The key that it is about");
  group->add_option("--partition", options.partition, "A partition itself");
  group->require_option(1);
}

std::string target_of(const target_options& options, const char* verb) {
  return "/v1/regions/" + http::percent_encode(options.region) + '/' + verb
         + (options.key
                ? "?key=" + http::percent_encode(*options.key)
                : "?partition=" + http::percent_encode(*options.partition));
}

double since_ms(std::chrono::steady_clock::time_point start) {
  std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;
  return took.count();
}

std::string timeout_ms(const session& with) {
  auto ms = with.request_timeout().count();
  return std::to_string(std::clamp<std::int64_t>(ms, 1, 600'000));
}

void ping(session& with, const target_options& to, std::uint64_t count) {
  auto target = target_of(to, "ping") + "&timeout_ms=" + timeout_ms(with);
  std::vector<double> took;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto start = std::chrono::steady_clock::now();
    auto text = with.post_text(target);
    took.push_back(since_ms(start));
    with.record(text, [&](const json& x) { return show_ping(x, took.back()); });
  }
  if (count < 2)
    return;
  double sum = 0;
  for (auto ms : took)
    sum += ms;
  std::sort(took.begin(), took.end());
  char line[128];
  std::snprintf(line, sizeof line,
                "%zu pings: min %.2f ms, median %.2f ms, mean %.2f ms, max "
                "%.2f ms",
                took.size(), took.front(), took[took.size() / 2],
                sum / static_cast<double>(took.size()), took.back());
  with.progress(line);
}

struct send_options {
  target_options to;
  std::string type;
  std::string message;
  bool tell = false;
};

void send(session& with, const send_options& options) {
  if (!json::accept(options.message))
    throw failure{exit_code::usage, "the message is not JSON",
                  "quote it for the shell: '{\"by\": 3}'"};
  // The message goes as it was typed, with every digit.
  auto body =
      "{\"type\":"
      + json(options.type).dump(-1, ' ', false, json::error_handler_t::replace)
      + ",\"message\":" + options.message + ",\"timeout_ms\":"
      + timeout_ms(with) + (options.tell ? ",\"mode\":\"tell\"}" : "}");
  auto start = std::chrono::steady_clock::now();
  auto text = with.post_text(target_of(options.to, "send"), body);
  auto took = since_ms(start);
  with.record(text, [&](const json& x) {
    return options.tell ? std::string("accepted\n") : show_reply(x, took);
  });
}

} // namespace

void add_messages(CLI::App& app, session& with) {
  auto to = std::make_shared<target_options>();
  auto count = std::make_shared<std::uint64_t>(1);
  auto* x = add_command(app, "ping", "To a partition's owner and back",
                        "troupectl ping counter --key alice --count 10");
  add_target(*x, *to);
  x->add_option("--count", *count, "How many, one after another")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}));
  x->callback([&with, to, count] { ping(with, *to, *count); });

  auto options = std::make_shared<send_options>();
  x = add_command(app, "send", "Sends one message and shows the answer",
                  "troupectl send counter --key alice counter.Add "
                  "'{\"by\": 3}'");
  add_target(*x, options->to);
  x->add_option("TYPE", options->type, "The message's full protobuf name")
      ->required();
  x->add_option("JSON", options->message, "The message in protobuf's JSON form")
      ->required();
  x->add_flag("--tell", options->tell, "Do not wait for an answer");
  x->callback([&with, options] { send(with, *options); });
}

} // namespace troupe::ctl

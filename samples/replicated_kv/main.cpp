// replicated_kv: keys and values on several nodes, kept equal by a raft group.
//
//   replicated_kv --port 7001 --http 8001 --path n1
//   replicated_kv --port 7001 --http 8001 --path n1 --members M
//   replicated_kv --port 7004 --http 8004 --path n4 --join --members M
//
// where M is "127.0.0.1:7001;127.0.0.1:7002;127.0.0.1:7003", the same on each;
// an address with ",nonVoting" behind it does not vote.
#include <atomic>
#include <csignal>
#include <iostream>
#include <semaphore>
#include <stdexcept>

#include <CLI/CLI.hpp>

#include "kv_api.hpp"
#include "member_list.hpp"

using namespace troupe::raft;

namespace {

std::counting_semaphore<> the_end{0};

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL);
  the_end.release();
}

struct flags {
  std::string host = "127.0.0.1";
  int port = 7001;
  int http_port = 8001;
  std::string advertise;
  std::string path = "replicated_kv.data";
  std::string members;
  bool join = false;
  std::string preset = "normal";
  std::vector<std::string> settings;
  std::string snapshots;
  bool print_settings = false;
};

void add_flags(CLI::App& app, flags& x) {
  app.add_option("--host", x.host, "address to listen on")
      ->capture_default_str();
  app.add_option("--port", x.port, "for the other members")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("--advertise", x.advertise,
                 "host:port that the other members dial, if not these");
  app.add_option("--http", x.http_port, "for clients; 0: a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--path", x.path, "data directory")->capture_default_str();
  app.add_option("--members", x.members,
                 "\"host:port;host:port,nonVoting\": who forms the group");
  app.add_flag("--join", x.join, "enter the group that --members names");
  app.add_option("--preset", x.preset, "normal, fast (for one room) or wan")
      ->check(CLI::IsMember({"normal", "fast", "wan"}))
      ->capture_default_str();
  app.add_option("--set", x.settings,
                 "NAME=VALUE of a setting; may be repeated");
  app.add_option("--snapshots,--snapshot-every", x.snapshots,
                 "never, 1000 (changes), 60s, or a list: 900s:1,60s:10000");
  app.add_flag("--settings", x.print_settings, "print all settings, and end");
}

// Throws what is wrong with the flags, for whom wrote them.
group_options options_of(const flags& x) {
  group_options out;
  out.data = x.path;
  out.listen = x.host + ":" + std::to_string(x.port);
  out.address = x.advertise;
  out.settings = *group_settings::preset(x.preset);
  auto settings = x.settings;
  if (!x.snapshots.empty())
    settings.push_back("snapshots=" + x.snapshots);
  for (auto& one : settings)
    if (auto why = set_setting(out.settings, one); !why.empty())
      throw std::invalid_argument(why);
  auto self = x.advertise.empty() ? out.listen : x.advertise;
  if (auto flaw = troupe::raft::flaw_of_address(self); !flaw.empty())
    throw std::invalid_argument(flaw);
  auto listed = parse_members(x.members);
  if (!x.join) {
    out.members = listed;
    return out;
  }
  for (auto& one : listed) {
    if (one.address == self)
      out.join_votes = one.votes;
    else
      out.join.push_back(one.address);
  }
  if (out.join.empty())
    throw std::invalid_argument("--join needs --members with another member "
                                "than "
                                + self
                                + ": name at least one that is in the group");
  return out;
}

void print(const group_settings& x) {
  for (auto& row : settings_of(x))
    std::cout << row.name << "=" << row.value << (row.unit.empty() ? "" : " ")
              << row.unit << "  (" << row.description << "; else "
              << row.standard << ")\n";
}

// Until a signal, or until the member has come to an end by itself.
int run(const flags& x, group_options options) {
  std::atomic<bool> failed{false};
  options.on_end = [&](const refusal& why) {
    std::cerr << "replicated_kv: " << why.text() << std::endl;
    failed = true;
    the_end.release();
  };
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);

  auto feed = std::make_shared<change_feed>();
  kv_group group{std::move(options),
                 [feed] { return std::make_unique<kv_machine>(feed); }};
  if (auto why = group.start()) {
    std::cerr << "replicated_kv: " << why->text() << std::endl;
    return 1;
  }
  kv_api api{group, feed};
  http_server server{x.host, static_cast<unsigned short>(x.http_port),
                     [&](request in, responder out) {
                       api.handle(std::move(in), std::move(out));
                     }};
  std::cerr << "member " << group.self().value << " on " << group.address()
            << ", http://" << x.host << ":" << server.port() << "/"
            << std::endl;
  the_end.acquire();
  group.stop();
  return failed ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
  flags x;
  CLI::App app{"Keys and values on several nodes."};
  add_flags(app, x);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    auto options = options_of(x);
    if (!x.print_settings)
      return run(x, std::move(options));
    print(options.settings);
    return 0;
  } catch (const std::invalid_argument& e) {
    std::cerr << "replicated_kv: " << e.what() << std::endl;
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "replicated_kv: " << e.what() << std::endl;
    return 1;
  }
}

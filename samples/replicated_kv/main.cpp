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
#include <sstream>

#include <CLI/CLI.hpp>

#include "kv_api.hpp"

namespace {

std::binary_semaphore the_end{0};

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL);
  the_end.release();
}

std::vector<troupe::raft::founder> parse_members(const std::string& text) {
  std::vector<troupe::raft::founder> out;
  std::istringstream in{text};
  for (std::string one; std::getline(in, one, ';');) {
    auto comma = one.find(',');
    bool votes = comma == one.npos || one.substr(comma) != ",nonVoting";
    if (!one.empty())
      out.push_back({one.substr(0, comma), votes});
  }
  return out;
}

} // namespace

int main(int argc, char** argv) {
  std::string host = "127.0.0.1";
  int port = 7001;
  int http_port = 8001;
  std::string path = "replicated_kv.data";
  std::string members;
  bool join = false;
  std::uint64_t snapshot_every = 100'000;
  CLI::App app{"Keys and values on several nodes."};
  app.add_option("--host", host, "address to listen on")->capture_default_str();
  app.add_option("--port", port, "for the other members")
      ->capture_default_str();
  app.add_option("--http", http_port, "for clients; 0: a free one")
      ->capture_default_str();
  app.add_option("--path", path, "data directory")->capture_default_str();
  app.add_option("--members", members,
                 "\"host:port;host:port,nonVoting\": who forms the group");
  app.add_flag("--join", join, "enter the group that --members names");
  app.add_option("--snapshot-every", snapshot_every, "changes")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto self = host + ":" + std::to_string(port);
  troupe::raft::group_options options;
  options.data = path;
  options.listen = self;
  options.settings.snapshots =
      troupe::raft::snapshot_policy::every_changes(snapshot_every);
  auto listed = parse_members(members);
  if (join) {
    for (auto& x : listed) {
      if (x.address == self)
        options.join_votes = x.votes;
      else
        options.join.push_back(x.address);
    }
  } else {
    options.members = listed;
  }
  std::atomic<bool> failed{false};
  options.on_end = [&](const troupe::raft::refusal& why) {
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
  try {
    http_server server{host, static_cast<unsigned short>(http_port),
                       [&](request in, responder out) {
                         api.handle(std::move(in), std::move(out));
                       }};
    std::cerr << "member " << group.self().value << " on " << group.address()
              << ", http://" << host << ":" << server.port() << "/"
              << std::endl;
    the_end.acquire();
    group.stop();
  } catch (const std::exception& e) {
    std::cerr << "replicated_kv: " << e.what() << std::endl;
    return 1;
  }
  return failed ? 1 : 0;
}

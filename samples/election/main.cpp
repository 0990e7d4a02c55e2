// election: members that elect a leader over a transport of their own.
//
//   election --demo
//       five members in one process, their messages through memory; leaders are
//       stopped until too few members are left
//   election --id 1 --members "1=127.0.0.1:9001;2=127.0.0.1:9002;..." --min 2
//       one member, its messages in UDP datagrams; reads commands from standard
//       input: add 4, remove 2, transfer 3, members
//
// The list of members is the same for all. An address with ",later" behind it
// is of one that may be added.
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <sstream>
#include <thread>

#include <CLI/CLI.hpp>

#include <troupe/runtime/group/election.hpp>

#include "memory_network.hpp"
#include "udp_network.hpp"

using namespace troupe::raft;

namespace {

std::mutex printing;

void print(member_id self, const leadership& now) {
  std::ostringstream line;
  line << "member " << self.value << ", term " << now.term.value << ": ";
  if (now.role == role::leader)
    line << "I lead";
  else if (now.leader)
    line << now.leader.value << " leads";
  else
    line << "nobody leads";
  static std::map<member_id, std::string> printed; // the last
  std::lock_guard guard{printing};
  if (std::exchange(printed[self], line.str()) != line.str())
    std::cout << line.str() << std::endl;
}

int demo() {
  memory_network network;
  std::map<member_id, std::unique_ptr<election>> members;
  std::vector<std::shared_ptr<void>> subscriptions;
  std::vector<member_id> ids;
  for (std::uint64_t i = 1; i <= 5; ++i)
    ids.emplace_back(i);
  for (auto id : ids) {
    election_options options;
    options.self = id;
    options.members = ids;
    options.settings.members_min = 3;
    options.send = [&network, id](member_id to, std::string_view bytes) {
      network.send(id, to, bytes);
    };
    members[id] = std::make_unique<election>(std::move(options));
    network.join(id, members[id].get());
  }
  for (auto& [id, one] : members) {
    if (auto why = one->start()) {
      std::cerr << "election: " << why->text() << "\n";
      return 1;
    }
    subscriptions.push_back(
        one->watch([id = id](const leadership& now) { print(id, now); }));
  }
  // Stops the leader until three of five are gone: two are no majority.
  for (int stopped = 0; stopped < 3;) {
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    for (auto& [id, one] : members) {
      if (one->leader().role != role::leader)
        continue;
      std::this_thread::sleep_for(std::chrono::milliseconds{500});
      {
        std::lock_guard guard{printing};
        std::cout << "-- member " << id.value << " is stopped" << std::endl;
      }
      network.leave(id);
      one->stop();
      members.erase(id);
      ++stopped;
      break;
    }
  }
  std::this_thread::sleep_for(std::chrono::seconds{2});
  bool led = false;
  for (auto& [id, one] : members) {
    led = led || one->leader().leader;
    network.leave(id);
  }
  std::cout << (led ? "-- two of five still have a leader"
                    : "-- two of five: nobody leads any more")
            << std::endl;
  return led ? 1 : 0;
}

// -- over UDP -----------------------------------------------------------------

std::counting_semaphore<> the_end{0};

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL);
  the_end.release();
}

struct flags {
  bool demo = false;
  std::uint64_t id = 0;
  std::string members;
  std::string path;
  std::size_t min = 1;
  std::size_t max = 0;
};

// One line of standard input, and the answer to it.
std::string command(election& member, const std::string& line) {
  std::istringstream in{line};
  std::string what;
  std::uint64_t number = 0;
  in >> what;
  if (what == "members") {
    std::string out = "members:";
    for (auto id : member.members())
      out += " " + std::to_string(id.value);
    return out;
  }
  bool known = what == "add" || what == "remove" || what == "transfer";
  if (!known || !(in >> number) || number == 0)
    return "'" + line + "': write add ID, remove ID, transfer ID or members";
  member_id who{number};
  auto why = what == "add"      ? member.add(who)
             : what == "remove" ? member.remove(who)
                                : member.transfer(who);
  return line + ": "
         + (why == code::none ? "under way" : std::string{describe(why)});
}

// Lives as long as the process: nothing ends a read of standard input.
void read_commands(std::weak_ptr<election> member) {
  for (std::string line; std::getline(std::cin, line);) {
    auto to = member.lock();
    if (!to)
      return;
    if (line.empty())
      continue;
    auto answer = command(*to, line);
    std::lock_guard guard{printing};
    std::cout << answer << std::endl;
  }
}

int over_udp(const flags& x) {
  member_id self{x.id};
  auto book = address_book::parse(x.members);
  udp_network network{book, self};
  election_options options;
  options.self = self;
  options.path = x.path;
  options.settings.members_min = x.min;
  options.settings.members_max = x.max;
  options.members = book.first;
  options.send = [&](member_id to, std::string_view bytes) {
    network.send(to, bytes);
  };
  options.on_end = [](const refusal&) { the_end.release(); };
  auto member = std::make_shared<election>(std::move(options));
  if (auto why = member->start())
    throw std::runtime_error(why->text());
  network.start([&](member_id from, std::string bytes) {
    member->receive(from, std::move(bytes));
  });
  auto told =
      member->watch([self](const leadership& now) { print(self, now); });
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::thread{[weak = std::weak_ptr{member}] { read_commands(weak); }}.detach();
  the_end.acquire();
  network.stop();
  member->stop();
  if (auto why = member->failure())
    throw std::runtime_error(why->text());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  flags x;
  CLI::App app{"Elects a leader."};
  app.add_flag("--demo", x.demo, "five members in this process");
  app.add_option("--id", x.id, "of this member");
  app.add_option("--members", x.members,
                 "\"ID=HOST:PORT;ID=HOST:PORT,later...\", the same for all");
  app.add_option("--path", x.path,
                 "file for term and vote; without one this member must never "
                 "come back under its number");
  app.add_option("--min", x.min, "fewer members elect nobody");
  app.add_option("--max", x.max, "more members are not let in; 0: no limit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    return x.demo ? demo() : over_udp(x);
  } catch (const std::invalid_argument& e) {
    std::cerr << "election: " << e.what() << "\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "election: " << e.what() << "\n";
    return 1;
  }
}

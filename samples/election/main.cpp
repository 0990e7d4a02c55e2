// election: members that elect a leader over a transport of their own.
//
//   election --demo
//       five members in one process, their messages through memory; leaders are
//       stopped until too few members are left
//   election --id 1 --members "1=127.0.0.1:9001;2=127.0.0.1:9002;..." --min 2
//       one member, its messages in UDP datagrams
#include <csignal>
#include <deque>
#include <iostream>
#include <map>
#include <mutex>
#include <semaphore>
#include <sstream>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <troupe/runtime/group/election.hpp>

using namespace troupe::raft;

namespace {

std::mutex printing;

void print(member_id self, const leadership& now) {
  std::lock_guard guard{printing};
  std::cout << "member " << self.value << ", term " << now.term.value << ": ";
  if (now.role == role::leader)
    std::cout << "I lead\n";
  else if (now.leader)
    std::cout << now.leader.value << " leads\n";
  else
    std::cout << "nobody leads\n";
  std::cout.flush();
}

// -- in memory ----------------------------------------------------------------

// Hands messages over at once, to those that are there.
class memory_network {
public:
  void join(member_id who, election* to) {
    std::lock_guard guard{mutex_};
    members_[who] = to;
  }
  void leave(member_id who) {
    std::lock_guard guard{mutex_};
    members_.erase(who);
  }
  void send(member_id from, member_id to, std::string_view bytes) {
    std::lock_guard guard{mutex_};
    if (auto i = members_.find(to); i != members_.end())
      i->second->receive(from, std::string{bytes});
  }

private:
  std::mutex mutex_;
  std::map<member_id, election*> members_;
};

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

using boost::asio::ip::udp;

std::binary_semaphore the_end{0};

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL);
  the_end.release();
}

std::map<member_id, udp::endpoint> parse(const std::string& text) {
  std::map<member_id, udp::endpoint> out;
  std::istringstream in{text};
  for (std::string one; std::getline(in, one, ';');) {
    auto is = one.find('=');
    auto colon = one.rfind(':');
    if (is == one.npos || colon == one.npos || colon < is)
      throw std::runtime_error("'" + one + "' is not ID=HOST:PORT");
    out[member_id{std::stoull(one.substr(0, is))}] = {
        boost::asio::ip::make_address(one.substr(is + 1, colon - is - 1)),
        static_cast<unsigned short>(std::stoul(one.substr(colon + 1)))};
  }
  return out;
}

int over_udp(member_id self, const std::string& list, std::size_t min,
             std::size_t max, const std::string& path) {
  auto addresses = parse(list);
  if (addresses.count(self) == 0)
    throw std::runtime_error("the list has no address for this member");
  boost::asio::io_context io;
  udp::socket socket{io, addresses.at(self)};
  election_options options;
  options.self = self;
  options.path = path;
  options.settings.members_min = min;
  options.settings.members_max = max;
  for (auto& [id, at] : addresses)
    options.members.push_back(id);
  options.send = [&](member_id to, std::string_view bytes) {
    boost::system::error_code lost;
    if (auto i = addresses.find(to); i != addresses.end())
      socket.send_to(boost::asio::buffer(bytes), i->second, 0, lost);
  };
  election member{std::move(options)};
  if (auto why = member.start())
    throw std::runtime_error(why->text());
  auto told = member.watch([self](const leadership& now) { print(self, now); });
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::string buffer(64u << 10, '\0');
  udp::endpoint from;
  std::function<void()> next = [&] {
    socket.async_receive_from(boost::asio::buffer(buffer), from,
                              [&](boost::system::error_code e, std::size_t n) {
                                if (e == boost::asio::error::operation_aborted)
                                  return;
                                for (auto& [id, at] : addresses)
                                  if (!e && at == from)
                                    member.receive(id, buffer.substr(0, n));
                                next();
                              });
  };
  next();
  std::thread reading{[&] { io.run(); }};
  the_end.acquire();
  member.stop();
  io.stop();
  reading.join();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  bool in_memory = false;
  std::uint64_t id = 0;
  std::string members;
  std::string path;
  std::size_t min = 1;
  std::size_t max = 0;
  CLI::App app{"Elects a leader."};
  app.add_flag("--demo", in_memory, "five members in this process");
  app.add_option("--id", id, "of this member");
  app.add_option("--members", members, "\"ID=HOST:PORT;ID=HOST:PORT...\"");
  app.add_option("--path", path, "file for term and vote");
  app.add_option("--min", min, "fewer members elect nobody");
  app.add_option("--max", max, "more members are not let in");
  CLI11_PARSE(app, argc, argv);
  try {
    return in_memory ? demo()
                     : over_udp(member_id{id}, members, min, max, path);
  } catch (const std::exception& e) {
    std::cerr << "election: " << e.what() << "\n";
    return 1;
  }
}

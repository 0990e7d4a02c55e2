#include <test/chaos/harness/cluster.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include <test/catch.hpp>

namespace troupe::chaos {

std::string counter_program() {
  if (auto* path = std::getenv("TROUPE_COUNTER"))
    return path;
#ifdef CHAOS_COUNTER
  return CHAOS_COUNTER;
#else
  throw std::runtime_error{"set TROUPE_COUNTER to the counter's program"};
#endif
}

std::string numbers_program() {
#ifdef CHAOS_NUMBERS
  return CHAOS_NUMBERS;
#else
  throw std::runtime_error{"this build has no chaos_numbers"};
#endif
}

std::string witness_program() {
  if (auto* path = std::getenv("TROUPE_WITNESS"))
    return path;
#ifdef CHAOS_WITNESS
  return CHAOS_WITNESS;
#else
  throw std::runtime_error{"set TROUPE_WITNESS to the witness's program"};
#endif
}

std::string wall_shift_library() {
#ifdef CHAOS_WALL_SHIFT
  return CHAOS_WALL_SHIFT;
#else
  return {};
#endif
}

std::string own_host(unsigned number) {
  auto pid = static_cast<unsigned>(::getpid());
  auto turn = pid / 62500 % 64;
  auto second = number == 0 ? 64 + turn : 4 * number + turn % 4;
  return "127." + std::to_string(second) + '.'
         + std::to_string(1 + pid / 250 % 250) + '.'
         + std::to_string(1 + pid % 250);
}

std::vector<std::string> free_ports(std::size_t count) {
  using boost::asio::ip::tcp;
  static std::set<std::string> given; // some have no process at the moment
  boost::asio::io_context context;
  std::vector<tcp::acceptor> held;
  std::vector<std::string> out;
  while (out.size() < count) {
    held.emplace_back(
        context, tcp::endpoint{boost::asio::ip::make_address(own_host()), 0});
    auto port = std::to_string(held.back().local_endpoint().port());
    if (given.insert(port).second)
      out.push_back(port);
  }
  return out;
}

cluster::cluster(cluster_options options) : options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.nodes; ++i)
    make();
  for (auto& one : nodes_)
    join_ += (join_.empty() ? "" : ",")
             + (one->front.empty() ? one->address : one->front);
  for (auto& one : nodes_)
    if (nodes_.size() > 1)
      one->flags.insert(one->flags.end(), {"--join", join_, "--expect",
                                           std::to_string(nodes_.size())});
}

counter_node& cluster::make() {
  auto one = std::make_unique<counter_node>();
  auto number = static_cast<unsigned>(nodes_.size()) + 1;
  one->name = 'n' + std::to_string(number);
  one->program = options_.program;
  if (options_.proxied) {
    // Nobody else uses that host, and no client's own port is as low.
    one->address = own_host(number) + ":7001";
    one->http = own_host(number) + ":8001";
    one->front = net_.serve(one->address);
  } else {
    auto ports = free_ports(2);
    one->address = own_host() + ':' + ports[0];
    one->http = own_host() + ':' + ports[1];
  }
  one->data = directory() + '/' + one->name;
  one->log = directory() + '/' + one->name + ".log";
  one->flags = options_.flags;
  one->flags.insert(one->flags.end(),
                    {"--partitions", std::to_string(options_.partitions)});
  nodes_.push_back(std::move(one));
  return *nodes_.back();
}

void cluster::start() {
  for (auto& one : nodes_)
    one->start();
  wait_balanced();
}

counter_node& cluster::add() {
  auto& one = make();
  one.flags.insert(one.flags.end(), {"--join", join_});
  return one;
}

counter_node& cluster::node(const std::string& name) {
  for (auto& one : nodes_)
    if (one->name == name)
      return *one;
  throw std::runtime_error{"no node " + name};
}

std::vector<counter_node*> cluster::running() {
  std::vector<counter_node*> out;
  for (auto& one : nodes_)
    if (one->child.running())
      out.push_back(one.get());
  return out;
}

namespace {

std::string leader_of(counter_node& node) {
  auto status = node.status();
  return status.is_object() && status["leader"].is_string() ? status["leader"]
                                                            : json("");
}

} // namespace

counter_node* cluster::leader() {
  std::map<std::string, std::size_t> votes;
  auto all = running();
  for (auto* one : all) {
    auto name = leader_of(*one);
    if (!name.empty())
      ++votes[name];
  }
  for (auto& [name, n] : votes)
    if (2 * n > all.size())
      for (auto* one : all)
        if (one->name == name)
          return one;
  return nullptr;
}

bool cluster::settled() {
  auto all = running();
  if (all.empty())
    return false;
  std::set<std::string> up;
  for (auto* one : all)
    up.insert(one->name);
  auto leader = leader_of(*all.front());
  auto map = all.front()->partitions();
  if (up.count(leader) == 0)
    return false;
  if (map.size() != options_.partitions)
    return false;
  for (auto& p : map)
    if (p.stage != "running" || up.count(p.owner) == 0)
      return false;
  for (auto* one : all) {
    if (!one->ready() || one->partitions() != map || leader_of(*one) != leader)
      return false;
    for (auto& [name, row] : one->nodes())
      if ((row["status"] == "up") != (up.count(name) != 0))
        return false;
  }
  return true;
}

std::string cluster::picture() {
  std::string out;
  for (auto& one : nodes_) {
    out += one->name + (one->child.running() ? ": " : " (no process): ");
    if (one->child.running()) {
      out += one->status().dump() + "\n  ";
      for (auto& [name, row] : one->nodes())
        out += name + ' ' + row["status"].get<std::string>() + ' '
               + row["member"].get<std::string>() + ' '
               + row["partitions"].dump() + "; ";
      out += "\n  ";
      for (auto& p : one->partitions())
        out += p.owner + '/' + std::to_string(p.epoch) + '/' + p.stage + ' ';
    }
    auto text = one->child.output();
    out += "\n  ..."
           + text.substr(text.size() - std::min<std::size_t>(text.size(), 1500))
           + "\n";
  }
  return out;
}

// A node that was started and has a process, but is not up yet, or stopped by
// a signal, has no books to show.
static bool balances(counter_node& one) {
  auto accepted = one.metric("troupe_messages_accepted");
  return accepted < 0
         || accepted
                == one.metric("troupe_messages_settled")
                       + one.metric("troupe_messages_unknown");
}

bool cluster::books_balance() {
  return eventually(seconds{5}, [this] {
    auto all = running();
    return std::all_of(all.begin(), all.end(),
                       [](auto* one) { return balances(*one); });
  });
}

cluster::~cluster() {
  if (std::uncaught_exceptions() == 0)
    CHECK(books_balance());
}

void cluster::wait_settled(milliseconds limit) {
  if (!eventually(limit, [this] { return settled(); }))
    throw std::runtime_error{"the cluster did not settle:\n" + picture()};
}

void cluster::wait_balanced(milliseconds limit) {
  bool good = eventually(limit, [this] {
    if (!settled())
      return false;
    // A plan takes what is on its way as done: look again.
    auto plan = running().front()->post("/v1/plan").body();
    return plan.is_object() && plan.contains("moves") && plan["moves"].empty()
           && settled();
  });
  if (!good)
    throw std::runtime_error{"the cluster was not balanced:\n" + picture()};
}

} // namespace troupe::chaos

#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <test/chaos/harness/http_client.hpp>
#include <test/chaos/harness/process.hpp>
#include <test/chaos/harness/proxy.hpp>

namespace troupe::chaos {

/// The path of the program under test.
std::string counter_program();

/// That of nodes whose partitions write down when they run; see run_book.
std::string witness_program();

/// That of nodes whose partitions check the order of numbers.
std::string numbers_program();

/// That of the library which, preloaded, shifts a process's wall clock; empty:
/// there is none in this build.
std::string wall_shift_library();

/// Addresses of the loopback network that this process uses alone, up to number
/// 14: no client's own port ever collides with one that a node listens on.
std::string own_host(unsigned number = 0);

/// So many ports of `own_host` that nobody listens on.
std::vector<std::string> free_ports(std::size_t count);

struct partition_view {
  std::string owner;
  std::uint64_t epoch = 0;
  std::string stage;

  friend bool operator==(const partition_view&,
                         const partition_view&) = default;
};

/// One node of a cluster: its flags, its data directory, and its process when
/// it has one. It may be started again after its end.
class counter_node {
public:
  std::string name;
  std::string program = counter_program();
  std::string address; // of its links
  std::string front;   // what others dial, if that is not `address`
  std::string http;
  std::string data;
  std::vector<std::string> flags; // beyond those above
  std::string log;                // what its processes print

  process child;

  /// Of `address`.
  std::string host() const;

  std::vector<std::string> command() const;
  void start();

  /// Over a connection of its own, kept from call to call.
  answer get(const std::string& target);
  answer post(const std::string& target, const std::string& body = {});

  bool ready();
  json status();
  /// By name: status, member and so on, as GET /v1/nodes has them.
  std::map<std::string, json> nodes();
  std::vector<partition_view> partitions(const std::string& region = "counter");
  std::vector<json> events(std::uint64_t since = 0);
  double metric(const std::string& metric_name);

private:
  http_client& client();
  std::unique_ptr<http_client> client_;
  std::string client_of_;
};

/// How the nodes of a cluster are started.
struct cluster_options {
  std::size_t nodes = 3;
  unsigned partitions = 12;
  std::vector<std::string> flags; // for every node
  std::string program = counter_program();
  /// Each node has a host of its own, and others dial it through `net()`.
  bool proxied = false;
};

/// Nodes n1, n2, ... that found a cluster together; more may join. A test whose
/// books do not balance in the end fails, unless it has failed already.
class cluster {
public:
  explicit cluster(cluster_options options = {});
  ~cluster();

  /// Starts the founders and waits until all are settled.
  void start();

  /// A node that joins those there are; not started yet.
  counter_node& add();

  counter_node& operator[](std::size_t i) { return *nodes_.at(i); }
  counter_node& node(const std::string& name);
  std::size_t size() const { return nodes_.size(); }

  /// Those whose process runs.
  std::vector<counter_node*> running();

  /// The leader as a majority of the running nodes sees it; null: none.
  counter_node* leader();

  /// All running nodes show the same map, in which those are up and every
  /// partition runs on one of them, and the same leader.
  bool settled();
  void wait_settled(milliseconds limit = seconds{30});

  /// As `wait_settled`, and nothing would be moved any more.
  void wait_balanced(milliseconds limit = seconds{30});

  /// Each running node knows what became of every message that it accepted,
  /// soon after the last one was sent.
  bool books_balance();

  /// Why `settled` does not hold, for messages of tests.
  std::string picture();

  /// What is between the nodes, if they are `proxied`.
  proxy& net() { return net_; }

  const cluster_options& options() const { return options_; }
  const std::string& directory() const { return scratch_.path(); }

private:
  counter_node& make();

  cluster_options options_;
  proxy net_;
  scratch_directory scratch_;
  std::string join_;
  std::vector<std::unique_ptr<counter_node>> nodes_;
};

} // namespace troupe::chaos

// How nodes start and stop, and what they refuse.
#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <filesystem>
#include <fstream>
#include <random>

#include <unistd.h>

using namespace troupe::chaos;

namespace {

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

// Ends with 1 and a sentence that says this.
void check_refused(const finished& run, const std::string& what) {
  INFO(run.output);
  CHECK(run.status == 1);
  CHECK(says(run.output, what));
}

finished run_node(const counter_node& node,
                  std::vector<std::string> more = {}) {
  auto command = node.command();
  command.insert(command.end(), more.begin(), more.end());
  return run(command, seconds{20});
}

// Sends bytes of chance until the other end has had enough.
void send_noise(const std::string& address, std::mt19937& random) {
  using boost::asio::ip::tcp;
  boost::asio::io_context context;
  tcp::socket socket{context};
  auto colon = address.rfind(':');
  boost::system::error_code ec;
  socket.connect(
      {boost::asio::ip::make_address(address.substr(0, colon)),
       static_cast<unsigned short>(std::stoul(address.substr(colon + 1)))},
      ec);
  REQUIRE_FALSE(ec);
  std::string bytes(1 + random() % 4096, '\0');
  for (auto& byte : bytes)
    byte = static_cast<char>(random());
  boost::asio::write(socket, boost::asio::buffer(bytes), ec);
  socket.shutdown(tcp::socket::shutdown_send, ec);
  char sink[4096];
  while (!ec)
    socket.read_some(boost::asio::buffer(sink), ec);
}

} // namespace

TEST_CASE("flags that make no sense are refused with a next step [AR-10]",
          "[chaos][start]") {
  cluster c{{1, 12, {}}};
  auto& n = c[0];
  check_refused(run_node(n, {"--set", "lease=1"}), "lease");
  check_refused(run_node(n, {"--set", "leese=1000"}), "no setting 'leese'");
  check_refused(run_node(n, {"--set", "lease"}), "name=value");
  check_refused(run_node(n, {"--label", "zone"}), "key=value");
  check_refused(run_node(n, {"--expect", "2"}), "without join");
  check_refused(run_node(n, {"--join", "nowhere"}), "no address");
  check_refused(run_node(n, {"--strategy", "magic"}), "magic");
  CHECK(run_node(n, {"--no-such-flag"}).status != 0);
  CHECK(run({counter_program()}, seconds{20}).status != 0);
  auto odd = n.command();
  for (auto& word : odd)
    if (word == n.address)
      word = "127.0.0.1:seven";
  check_refused(run(odd, seconds{20}), "no address to listen on");
}

TEST_CASE("a data directory serves one node, and only if it can be written "
          "[AR-9] [AR-10]",
          "[chaos][start]") {
  cluster c{{1, 12, {}}};
  auto& n = c[0];
  c.start();
  auto ports = free_ports(4);
  auto twin = [&](const std::string& data, int first) {
    auto out = n.command();
    for (auto& word : out) {
      if (word == n.address)
        word = own_host() + ':' + ports[unsigned(first)];
      else if (word == n.http)
        word = own_host() + ':' + ports[unsigned(first) + 1];
      else if (word == n.data)
        word = data;
    }
    return out;
  };
  // The same directory, other ports.
  check_refused(run(twin(n.data, 0), seconds{20}), "data");
  // Other directories, a port that is taken.
  auto other = c.directory() + "/other";
  auto command = twin(other, 0);
  for (auto& word : command)
    if (word == own_host() + ':' + ports[0])
      word = n.address;
  check_refused(run(command, seconds{20}), n.address);
  command = twin(other, 0);
  for (auto& word : command)
    if (word == own_host() + ':' + ports[1])
      word = n.http;
  check_refused(run(command, seconds{20}), n.http);
  CHECK(n.ready());

  // No directory at all.
  std::filesystem::path file = c.directory() + "/file";
  std::ofstream{file} << "not a directory";
  check_refused(run(twin(file.string(), 0), seconds{20}), file.string());
  check_refused(run(twin("/proc/nothing/here", 0), seconds{20}),
                "/proc/nothing/here");

  // Another name for it.
  n.child.signal(SIGTERM);
  auto status = n.child.wait(seconds{20});
  INFO(n.child.output());
  CHECK(status == 0);
  command = twin(n.data, 0);
  for (auto& word : command)
    if (word == n.name)
      word = "somebody";
  check_refused(run(command, seconds{20}), "belongs to node 'n1'");
  // What was refused leaves nothing behind: it starts as ever.
  n.start();
  c.wait_settled();
  CHECK(n.status()["node"]["id"] == 1);
}

TEST_CASE("a node whose disk is full stops with a word, and returns when there "
          "is room [R-16]",
          "[chaos][start]") {
  cluster c{{1, 12, {}}};
  auto& n = c[0];
  c.start();
  // Nobody could take what it owns.
  auto drained = n.post("/v1/nodes/n1/drain");
  INFO(drained.text);
  CHECK(drained.status == 409);
  CHECK(n.nodes()["n1"]["status"] == "up");
  n.child.signal(SIGTERM);
  CHECK(n.child.wait(seconds{20}) == 0);

  // A limit on the size of files stands for a disk without room; what the node
  // says goes through a pipe, which has none.
  std::string script = "set -o pipefail; (trap '' XFSZ; ulimit -f 0; exec";
  for (auto& word : n.command())
    script += " '" + word + "'";
  script += ") 2>&1 | cat";
  auto full = run({"/bin/bash", "-c", script}, seconds{30});
  check_refused(full, n.data);
  n.start();
  c.wait_settled();
  CHECK(n.status()["node"]["id"] == 1);
}

TEST_CASE("strangers are refused by name, and many join at once "
          "[AR-9] [R-15]",
          "[chaos][start]") {
  cluster c;
  c.start();

  // [AR-9] Joins at once: the lowest free ids, each once.
  auto began = clock::now();
  std::vector<counter_node*> fresh;
  for (int i = 0; i < 4; ++i)
    fresh.push_back(&c.add());
  for (auto* one : fresh)
    one->start();
  c.wait_balanced(seconds{60});
  measured("four nodes join at once, until balanced", ms_since(began), "ms");
  std::set<int> ids;
  for (auto& [name, row] : c[0].nodes())
    ids.insert(row["id"].get<int>());
  CHECK(ids == std::set<int>{1, 2, 3, 4, 5, 6, 7});

  // [AR-9] A copied data directory, while the original runs and afterwards.
  auto& original = *fresh.back();
  std::filesystem::copy(original.data, c.directory() + "/copy",
                        std::filesystem::copy_options::recursive);
  auto ports = free_ports(2);
  counter_node copy;
  copy.name = original.name;
  copy.address = own_host() + ':' + ports[0];
  copy.http = own_host() + ':' + ports[1];
  copy.data = c.directory() + "/copy";
  copy.log = c.directory() + "/copy.log";
  copy.flags = original.flags;
  copy.start();
  // One of the two has to go, and it says why.
  bool one_went = eventually(seconds{30}, [&] {
    return !copy.child.running() || !original.child.running();
  });
  INFO(copy.child.output() << "\n" << original.child.output());
  REQUIRE(one_went);
  auto& gone = copy.child.running() ? original : copy;
  CHECK(gone.child.wait(seconds{1}) == 1);
  CHECK(says(gone.child.output(), "copied data directory"));
  copy.child.kill();
  if (!original.child.running())
    original.start();
  c.wait_settled(seconds{60});

  // Other settings of the region.
  auto& odd = c.add();
  for (auto& word : odd.flags)
    if (word == "12")
      word = "13";
  check_refused(run_node(odd), "partitions");
  // A member of another cluster.
  cluster d{{1, 12, {}}};
  d.start();
  d[0].child.kill();
  check_refused(run_node(d[0], {"--join", c[0].address}), "cluster");

  // Noise at both ports of every node.
  std::mt19937 random{7};
  for (int i = 0; i < 20; ++i)
    for (auto* one : {&c[0], &c[1], &c[2]}) {
      send_noise(one->address, random);
      send_noise(one->http, random);
    }
  c.wait_settled();
  for (auto* one : {&c[0], &c[1], &c[2]})
    CHECK(one->status()["node"]["incarnation"] == 1);
}

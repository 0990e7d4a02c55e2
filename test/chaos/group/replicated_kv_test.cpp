#include <atomic>
#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <test/catch.hpp>
#include <test/chaos/harness/cluster.hpp>
#include <test/chaos/harness/http_client.hpp>
#include <test/chaos/harness/process.hpp>

using namespace troupe::chaos;

namespace {

// Processes of samples/replicated_kv.
class kv_cluster {
public:
  explicit kv_cluster(int founders, int snapshot_every = 100'000)
      : snapshot_every_(snapshot_every) {
    for (int i = 1; i <= founders; ++i)
      members_ += (i == 1 ? "" : ";") + address(i);
    for (int i = 1; i <= founders; ++i)
      start(i);
  }

  std::string address(int i) { return host_ + ':' + ports(i).raft; }

  void start(int i, std::vector<std::string> more = {}) {
    std::vector<std::string> command{REPLICATED_KV_PATH,
                                     "--host",
                                     host_,
                                     "--port",
                                     ports(i).raft,
                                     "--http",
                                     ports(i).http,
                                     "--path",
                                     files_.path() + "/m" + std::to_string(i),
                                     "--snapshot-every",
                                     std::to_string(snapshot_every_)};
    if (more.empty())
      more = {"--members", members_};
    command.insert(command.end(), more.begin(), more.end());
    all_[i] = process{command, files_.path() + "/out" + std::to_string(i)};
  }
  void join(int i, bool votes) {
    start(i, {"--join", "--members",
              members_ + ";" + address(i) + (votes ? "" : ",nonVoting")});
  }

  process& operator[](int i) { return all_.at(i); }

  http_client client(int i) { return http_client{host_, ports(i).http}; }

  // Whom a majority takes for the leader; 0: nobody. All have to run.
  int leader() {
    std::map<int, int> votes;
    for (auto& [i, x] : all_) {
      INFO("member " << i << " printed " << x.output());
      REQUIRE(x.running());
      auto got = client(i).get("/leader", milliseconds{500});
      if (!got.good())
        continue;
      auto at = got.body()["address"].get<std::string>();
      for (auto& [k, y] : all_)
        if (at == address(k) && ++votes[k] > static_cast<int>(all_.size()) / 2)
          return k;
    }
    return 0;
  }
  int wait_for_leader() {
    int out = 0;
    REQUIRE(eventually(seconds{20}, [&] { return (out = leader()) != 0; }));
    return out;
  }

  // Again until it is done, through any of them.
  void put(const std::string& key, const std::string& value) {
    REQUIRE(eventually(seconds{20}, [&] {
      for (auto& [i, x] : all_)
        if (client(i).post("/kv/" + key, value, seconds{6}).good())
          return true;
      return false;
    }));
  }

private:
  struct member_ports {
    std::string raft;
    std::string http;
  };
  const member_ports& ports(int i) {
    auto found = ports_.find(i);
    if (found == ports_.end()) {
      auto free = free_ports(2);
      found = ports_.emplace(i, member_ports{free[0], free[1]}).first;
    }
    return found->second;
  }

  scratch_directory files_;
  std::string host_ = own_host();
  std::map<int, member_ports> ports_;
  int snapshot_every_;
  std::string members_;
  std::map<int, process> all_;
};

std::string value_of(http_client& from, const std::string& key,
                     const std::string& how) {
  auto got = from.get("/kv/" + key + "?read=" + how, seconds{6});
  return got.good() ? got.body()["value"].get<std::string>() : "";
}

} // namespace

TEST_CASE("[HR-5] group: what was acknowledged survives kill -9 of the leader, "
          "and of all",
          "[chaos][group]") {
  kv_cluster x{3};
  auto leader = x.wait_for_leader();
  // A writer for each member, until told to stop; each keeps what was
  // acknowledged.
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::vector<std::map<std::string, std::string>> acknowledged(3);
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w)
    writers.emplace_back([&, w] {
      auto client = x.client(w + 1);
      for (int n = 0; !stop; ++n) {
        auto key = "w" + std::to_string(w) + "-" + std::to_string(n);
        if (!client.post("/kv/" + key, std::to_string(n), seconds{6}).good())
          continue;
        acknowledged[static_cast<std::size_t>(w)][key] = std::to_string(n);
        ++written;
      }
    });
  bool began = eventually(seconds{20}, [&] { return written > 300; });
  auto killed = clock::now();
  x[leader].kill();
  auto other = leader % 3 + 1;
  bool again = eventually(seconds{10}, [&] {
    return x.client(other).post("/kv/probe", "1", seconds{6}).good();
  });
  measured("kill -9 of the leader to the next command", ms_since(killed), "ms");
  auto then = written.load();
  bool went_on = eventually(seconds{20}, [&] { return written > then + 100; });
  stop = true;
  for (auto& one : writers)
    one.join();
  REQUIRE(began);
  REQUIRE(again);
  REQUIRE(went_on);
  x.start(leader);
  x.wait_for_leader();
  for (int i = 1; i <= 3; ++i)
    x[i].kill();
  for (int i = 1; i <= 3; ++i)
    x.start(i);
  x.wait_for_leader();
  auto client = x.client(2);
  std::size_t count = 0;
  REQUIRE(eventually(seconds{10}, [&] {
    return value_of(client, "probe", "linearizable") == "1";
  }));
  for (auto& one : acknowledged)
    for (auto& [key, value] : one) {
      REQUIRE(value_of(client, key, "linearizable") == value);
      ++count;
    }
  measured("acknowledged writes that were there", static_cast<double>(count),
           "");
  CHECK(count > 20);
}

TEST_CASE("[HR-7] group: a leader that was stopped past its lease reads "
          "nothing old",
          "[chaos][group]") {
  kv_cluster x{3};
  auto leader = x.wait_for_leader();
  x.put("k", "old");
  auto stopped = x.client(leader);
  REQUIRE(value_of(stopped, "k", "lease") == "old");
  x[leader].signal(SIGSTOP);
  auto other = x.client(leader % 3 + 1);
  REQUIRE(eventually(seconds{15}, [&] {
    return other.post("/kv/k", "new", seconds{6}).good();
  }));
  x[leader].signal(SIGCONT);
  // Refused, or new.
  for (int i = 0; i < 20; ++i)
    CHECK(value_of(stopped, "k", "lease") != "old");
  CHECK(eventually(seconds{10},
                   [&] { return value_of(stopped, "k", "lease") == "new"; }));
}

TEST_CASE("[HR-1] [HR-3] group: a newcomer gets a snapshot, rises, and an old "
          "member goes",
          "[chaos][group]") {
  kv_cluster x{3, 50};
  x.wait_for_leader();
  for (int i = 0; i < 700; ++i)
    x.put("k" + std::to_string(i), std::to_string(i));
  x.join(4, false);
  auto newcomer = x.client(4);
  REQUIRE(eventually(seconds{20}, [&] {
    return value_of(newcomer, "k699", "local") == "699";
  }));
  CHECK(value_of(newcomer, "k0", "local") == "0");
  auto votes = [&](http_client& asked, int member) {
    auto body = asked.get("/members").body();
    for (auto& row : body["members"])
      if (row["address"] == x.address(member))
        return row["votes"].get<bool>() ? 1 : 0;
    return -1;
  };
  // That it is a member stands in the log behind what it has by now.
  REQUIRE(eventually(seconds{5}, [&] { return votes(newcomer, 4) == 0; }));
  CHECK(newcomer.post("/members/" + x.address(4) + "/promote").good());
  for (int i = 1; i <= 4; ++i) {
    auto asked = x.client(i);
    CHECK(eventually(seconds{5}, [&] { return votes(asked, 4) == 1; }));
  }
  // Commands sent to the newcomer, results too.
  CHECK(newcomer.post("/kv/k0?if=0", "zero").good());
  CHECK(newcomer.post("/kv/k0?if=0", "again").status == 412);
  // The leader is asked to leave by another: it is succeeded, and ends.
  auto leader = x.wait_for_leader();
  auto other = x.client(leader % 3 + 1);
  auto gone =
      other.post("/members/" + x.address(leader) + "/remove", "", seconds{30});
  INFO(gone.text);
  CHECK(gone.good());
  CHECK(x[leader].wait(seconds{20}).value_or(-1) == 1);
  CHECK(eventually(seconds{10}, [&] { return votes(other, leader) == -1; }));
  CHECK(other.post("/kv/after", "1").good());
}

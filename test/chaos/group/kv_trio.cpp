#include "kv_trio.hpp"

#include <algorithm>
#include <cstdlib>

#include <test/chaos/harness/cluster.hpp>

namespace troupe::chaos {

namespace {

// The hosts are this test's alone.
constexpr auto link_port = "7001";
constexpr auto http_port = "8001";

} // namespace

std::string replicated_kv_program() {
  if (auto* path = std::getenv("TROUPE_REPLICATED_KV"))
    return path;
  return REPLICATED_KV_PATH;
}

kv_trio::kv_trio(int snapshot_every) : snapshot_every_(snapshot_every) {
  for (int i = 0; i < size; ++i) {
    hosts_[index(i)] = own_host(static_cast<unsigned>(i) + 1);
    addresses_[index(i)] = net_.serve(host(i) + ':' + link_port);
  }
  for (int i = 0; i < size; ++i)
    start(i);
}

void kv_trio::start(int i) {
  auto name = std::to_string(i);
  std::string members;
  for (auto& x : addresses_)
    members += (members.empty() ? "" : ";") + x;
  std::vector<std::string> command{replicated_kv_program(),
                                   "--host",
                                   host(i),
                                   "--port",
                                   link_port,
                                   "--advertise",
                                   addresses_[index(i)],
                                   "--http",
                                   http_port,
                                   "--path",
                                   files_.path() + "/m" + name,
                                   "--members",
                                   members,
                                   "--snapshot-every",
                                   std::to_string(snapshot_every_)};
  processes_[index(i)] = process{command, files_.path() + "/out" + name};
}

std::string kv_trio::http(int i) const {
  return host(i) + ':' + http_port;
}

std::string kv_trio::printed() const {
  constexpr std::size_t bytes_max = 1500;
  std::string out;
  for (int i = 0; i < size; ++i) {
    auto text = processes_[index(i)].output();
    out += "member " + std::to_string(i) + ": ..."
           + text.substr(text.size() - std::min(text.size(), bytes_max)) + "\n";
  }
  return out;
}

int kv_trio::leader_of(int i, milliseconds limit) const {
  auto said = client(i).get("/leader", limit).body();
  if (said.is_object())
    for (int k = 0; k < size; ++k)
      if (said["address"] == addresses_[index(k)])
        return k;
  return -1;
}

} // namespace troupe::chaos

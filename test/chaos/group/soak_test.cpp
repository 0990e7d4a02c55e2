// A group of three processes under load while members are killed, stopped and
// cut off, and its clients' history.
//
// It takes a quarter of a minute. TROUPE_SOAK_SECONDS=<n> lets it last that
// long, TROUPE_SOAK_SEED=<n> draws the same faults again (what the processes do
// meanwhile is never quite the same), and TROUPE_REPLICATED_KV=<path> tests
// another program:
//
//   TROUPE_SOAK_SECONDS=1800 chaos_group "[soak]"
#include <cstdio>
#include <cstdlib>
#include <random>

#include <test/catch.hpp>

#include "soak_faults.hpp"

using namespace troupe::chaos;

namespace {

constexpr int snapshot_every = 2000; // several in a run

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::uint64_t applied(kv_trio& members, int i) {
  auto said = members.client(i).get("/members").body();
  return said.is_object() ? said.value("applied", std::uint64_t{0}) : 0;
}

bool same_applied(kv_trio& members) {
  auto first = applied(members, 0);
  return first > 0 && applied(members, 1) == first
         && applied(members, 2) == first;
}

// What a member itself has, keys with values and the indexes of their changes.
std::string content(kv_trio& members, int i,
                    const std::vector<std::string>& keys) {
  std::string out;
  auto client = members.client(i);
  for (auto& key : keys) {
    auto got = client.get("/kv/" + key + "?read=local");
    out += got.status == 404 ? key + " is not there\n" : got.text;
  }
  return out;
}

void check_content(kv_trio& members, const std::vector<std::string>& keys,
                   const std::string& what) {
  CHECK(eventually(seconds{5}, [&] { return same_applied(members); }));
  for (int i = 0; i < kv_trio::size; ++i)
    CHECK(content(members, i, keys) == what);
}

bool all_dialled(kv_trio& members) {
  auto& net = members.net();
  bool all = true;
  for (int i = 0; i < kv_trio::size; ++i)
    for (int k = 0; k < i; ++k)
      all = all
            && net.dialled(members.host(i), members.host(k))
                       + net.dialled(members.host(k), members.host(i))
                   > 0;
  return all;
}

bool writes_and_reads(kv_trio& members, const std::string& value) {
  for (int i = 0; i < kv_trio::size; ++i) {
    auto client = members.client(i);
    auto mine = value + std::to_string(i);
    if (!client.post("/kv/last", mine, seconds{1}).good())
      return false;
    for (auto* how : {"linearizable", "lease"}) {
      auto got = client.get("/kv/last?read=" + std::string{how}, seconds{1});
      if (!got.good() || got.body()["value"] != mine)
        return false;
    }
  }
  return true;
}

void print(const soak_load& load, const soak_faults& faults, kv_trio& members) {
  auto sum = load.seen();
  std::printf("operations: %llu done, %llu failed, %llu unknown; %llu keys "
              "checked\n",
              static_cast<unsigned long long>(sum.done),
              static_cast<unsigned long long>(sum.failed),
              static_cast<unsigned long long>(sum.unknown),
              static_cast<unsigned long long>(sum.keys_checked));
  for (auto& [kind, count] : load.by_kind())
    std::printf("  %s: %llu\n", kind.c_str(),
                static_cast<unsigned long long>(count));
  std::printf("faults:\n");
  for (auto& [kind, count] : faults.by_kind())
    std::printf("  %s: %d\n", kind.c_str(), count);
  auto net = members.net().seen();
  std::printf("links: %llu connections, %llu reset, %llu bytes\n",
              static_cast<unsigned long long>(net.connections),
              static_cast<unsigned long long>(net.resets),
              static_cast<unsigned long long>(net.bytes));
  measured("longest time without an acknowledged write while a majority "
           "was healthy",
           load.gaps.longest_ms(), "ms");
  measured(
      "  it ended after",
      std::chrono::duration<double>(load.gaps.longest_end() - faults.began())
          .count(),
      "s");
}

} // namespace

TEST_CASE("group: clients see one map while members are killed, stopped and "
          "cut off",
          "[chaos][group][soak]") {
  auto seed = number_from("TROUPE_SOAK_SEED", std::random_device{}());
  seconds length{number_from("TROUPE_SOAK_SECONDS", 15)};
  std::printf("TROUPE_SOAK_SEED=%llu, %lld s\n",
              static_cast<unsigned long long>(seed),
              static_cast<long long>(length.count()));
  std::fflush(stdout);
  kv_trio members{snapshot_every};
  bool works = eventually(
      seconds{20}, [&] { return writes_and_reads(members, "at first "); });
  INFO("the members printed:\n" << members.printed());
  REQUIRE(works);
  REQUIRE(all_dialled(members)); // or nothing would happen to their links
  std::vector<std::string> addresses;
  for (int i = 0; i < kv_trio::size; ++i)
    addresses.push_back(members.http(i));
  soak_load load{addresses, seed};
  soak_faults faults{members, load, seed};
  auto spoken = clock::now();
  faults.run(length, [&] {
    if (clock::now() - spoken > seconds{60}) {
      spoken = clock::now();
      print(load, faults, members);
    }
    return !load.flaw().empty();
  });
  faults.end_all();
  auto healed = clock::now();
  bool live = load.flaw().empty() && faults.death().empty()
              && eventually(seconds{5}, [&] {
                   return writes_and_reads(members, "at last ");
                 });
  auto recovered = ms_since(healed);
  load.stop();
  bool read = live && load.read_all();
  load.check_all();
  print(load, faults, members);
  measured("all healed to a write and reads through each member", recovered,
           "ms");
  INFO("TROUPE_SOAK_SEED=" << seed << "\n" << faults.schedule());
  INFO("the members printed in the end:\n" << members.printed());
  CHECK(faults.death() == "");
  CHECK(load.flaw() == "");
  REQUIRE(live);
  CHECK(read);
  auto keys = load.keys();
  REQUIRE(eventually(seconds{5}, [&] { return same_applied(members); }));
  auto what = content(members, 0, keys);
  check_content(members, keys, what);

  // And from their disks alone.
  for (int i = 0; i < kv_trio::size; ++i)
    members[i].kill();
  for (int i = 0; i < kv_trio::size; ++i)
    members.start(i);
  CHECK(eventually(seconds{10},
                   [&] { return writes_and_reads(members, "after all "); }));
  check_content(members, keys, what);

  // All is well for a while every half minute at the latest.
  CHECK(load.gaps.longest_ms() < 30'000);
  CHECK(load.seen().done > 5 * static_cast<std::uint64_t>(length.count()));
  CHECK(faults.by_kind().size() > 3);
}

#include <test/catch.hpp>

#include <set>

#include <troupe/cluster/bootstrap/digest.hpp>
#include <troupe/cluster/bootstrap/founding_set.hpp>
#include <troupe/cluster/bootstrap/founding_votes.hpp>

#include "table.hpp"

using namespace troupe;
using namespace troupe::boot;
using namespace troupe::boot::test;

namespace {

template <class Bytes>
std::string hex(const Bytes& xs) {
  std::string result;
  for (unsigned x : xs) {
    result += "0123456789abcdef"[x >> 4];
    result += "0123456789abcdef"[x & 15];
  }
  return result;
}

void vote(founding_votes& votes, char who, const founding_set& set) {
  auto x = founder_of(who);
  REQUIRE(votes.add(x.uuid, x.address, set));
}

} // namespace

TEST_CASE("digest: equals the published vectors of SipHash-2-4-128",
          "[unit][bootstrap]") {
  std::uint64_t key0 = 0x0706050403020100, key1 = 0x0f0e0d0c0b0a0908;
  CHECK(hex(siphash128(key0, key1, "")) == "a3817f04ba25a8e66df67214c7550293");
  CHECK(hex(siphash128(key0, key1, std::string_view{"\0", 1}))
        == "da87c1d86b99af44347659119b22fc45");
}

TEST_CASE("founding set: the cluster's id never changes between versions",
          "[unit][bootstrap]") {
  CHECK(hex(id_of(set_of(1, "abc", "abc")).bytes)
        == "4d539aa347c4db1e371100c94156db31");
}

TEST_CASE("founding set: every part of it decides the cluster's id",
          "[unit][bootstrap]") {
  auto set = set_of(1, "abcd", "abc");
  std::set<cluster_id> ids{id_of(set), id_of(set_of(2, "abcd", "abc")),
                           id_of(set_of(1, "abce", "abc")),
                           id_of(set_of(1, "abcd", "abd"))};
  set.founders[0].uuid = uuid_of(1);
  ids.insert(id_of(set));
  set.founders[0].name = "x";
  ids.insert(id_of(set));
  set.founders[0].address = "d:1";
  ids.insert(id_of(set));
  CHECK(ids.size() == 7);
}

TEST_CASE("founding set: members get ids by name, then by uuid",
          "[unit][bootstrap]") {
  std::vector<founder> some{founder_of('c'), founder_of('a'), founder_of('b')};
  some[1].name = "c";
  sort_by_rank(some);
  CHECK(some[0] == founder_of('b'));
  CHECK(some[1].uuid == uuid_of('a'));
  auto result = found(set_of(1, "abc", "abc"));
  CHECK(result.cluster == id_of(set_of(1, "abc", "abc")));
  REQUIRE(result.members.size() == 3);
  CHECK(result.members[2] == member{node_id{3}, uuid_of('c'), "c", "c:1"});
}

TEST_CASE("founding set: what could not have been agreed on is not well formed",
          "[unit][bootstrap]") {
  CHECK(well_formed(set_of(1, "abcd", "abc")));
  CHECK(well_formed(set_of(1, "a", "a")));
  CHECK_FALSE(well_formed(set_of(0, "abcd", "abc")));
  CHECK_FALSE(well_formed(set_of(generations_max + 1, "abcd", "abc")));
  CHECK_FALSE(well_formed(set_of(1, "abcd", "ab"))); // half of the list
  CHECK_FALSE(well_formed(set_of(1, "bacd", "abc")));
  CHECK_FALSE(well_formed(set_of(1, "abbc", "abc")));
  CHECK_FALSE(well_formed(set_of(1, "abcd", "bac")));
  CHECK_FALSE(well_formed(set_of(1, "abcd", "abe")));
  CHECK_FALSE(well_formed(set_of(1, "abcd", "abb")));
  CHECK_FALSE(well_formed(set_of(1, "", "")));
  auto set = set_of(1, "abc", "abc");
  set.founders[1].name = "a";
  CHECK_FALSE(well_formed(set));
}

TEST_CASE("founding set: survives the disk, and damage is found",
          "[unit][bootstrap]") {
  auto set = set_of(3, "abcd", "abd");
  auto bytes = to_bytes(set);
  CHECK(founding_set_from(bytes) == set);
  CHECK_FALSE(founding_set_from(""));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto bad = bytes;
    bad[i] ^= 1;
    CHECK(founding_set_from(bad) != set);
    CHECK_FALSE(founding_set_from(bytes.substr(0, i)));
  }
}

TEST_CASE("founding votes: a set is complete when all its founders have it",
          "[unit][bootstrap]") {
  auto set = set_of(1, "abcd", "abc");
  founding_votes votes{set.group()};
  CHECK(votes.open_generation() == 1);
  vote(votes, 'a', set);
  vote(votes, 'b', set);
  CHECK_FALSE(votes.complete(set));
  CHECK_FALSE(votes.dead(set));
  CHECK(votes.missing(set) == std::vector{founder_of('c')});
  vote(votes, 'c', set);
  CHECK(votes.complete(set));
  CHECK(votes.open_generation() == 1);
}

TEST_CASE("founding votes: a founder with another set kills one for ever",
          "[unit][bootstrap]") {
  auto abc = set_of(1, "abcd", "abc"), bcd = set_of(1, "abcd", "bcd");
  founding_votes votes{abc.group()};
  vote(votes, 'a', abc);
  vote(votes, 'd', bcd);
  CHECK(votes.alive(1).size() == 2);
  vote(votes, 'b', abc);
  CHECK(votes.dead(bcd));
  CHECK(votes.alive(1) == std::vector{abc});
  CHECK(votes.open_generation() == 1);
  vote(votes, 'c', bcd);
  CHECK(votes.dead(abc));
  CHECK(votes.open_generation() == 2);
}

TEST_CASE("founding votes: a set nobody told of may win until enough nodes "
          "told theirs",
          "[unit][bootstrap]") {
  // With 3 of 5, any 3 nodes that are silent may have agreed already.
  auto abc = set_of(1, "abcde", "abc"), abd = set_of(1, "abcde", "abd");
  founding_votes votes{abc.group()};
  vote(votes, 'a', abc);
  vote(votes, 'b', abd);
  CHECK(votes.alive(1).empty());
  CHECK(votes.open_generation() == 1);
  vote(votes, 'c', abc);
  CHECK(votes.open_generation() == 2);
}

TEST_CASE("founding votes: a later generation is proof that all before are "
          "dead",
          "[unit][bootstrap]") {
  auto first = set_of(1, "abcd", "abc"), later = set_of(2, "abcd", "bcd");
  founding_votes votes{first.group()};
  vote(votes, 'a', first);
  vote(votes, 'd', later);
  CHECK(votes.dead(first));
  CHECK(votes.open_generation() == 2);
  // Older words that come late change nothing.
  vote(votes, 'd', set_of(1, "abcd", "acd"));
  CHECK(votes.open_generation() == 2);
}

TEST_CASE("founding votes: two sets of one node in one generation are not "
          "believed",
          "[unit][bootstrap]") {
  auto abc = set_of(1, "abcd", "abc"), abd = set_of(1, "abcd", "abd");
  founding_votes votes{abc.group()};
  auto a = founder_of('a');
  CHECK(votes.add(a.uuid, a.address, abc));
  CHECK(votes.add(a.uuid, a.address, abc));
  CHECK_FALSE(votes.add(a.uuid, a.address, abd));
  CHECK_FALSE(votes.dead(abc));
}

#include <test/catch.hpp>

#include <troupe/cluster/group/roster.hpp>
#include <troupe/proto/group.pb.h>

using namespace troupe::raft;
using command = troupe::proto::GroupMemberCommand;

namespace {

roster three() {
  return roster::found({{"c:1", true}, {"a:1", true}, {"b:1", false}});
}

command add(const std::string& address, const std::string& uuid,
            bool votes = true) {
  command out;
  out.mutable_add()->set_address(address);
  out.mutable_add()->set_uuid(uuid);
  out.mutable_add()->set_votes(votes);
  return out;
}

command removal(std::uint64_t id) {
  command out;
  out.set_remove(id);
  return out;
}

} // namespace

TEST_CASE("roster: founders are numbered by their addresses, in any order",
          "[unit][group]") {
  auto x = three();
  CHECK(x == roster::found({{"b:1", false}, {"c:1", true}, {"a:1", true}}));
  CHECK(x.find("a:1")->id == member_id{1});
  CHECK(x.find("c:1")->id == member_id{3});
  CHECK(x.wanted().voters == std::vector{member_id{1}, member_id{3}});
  CHECK(x.wanted().learners == std::vector{member_id{2}});
}

TEST_CASE("[ER-4] roster: a member that is added twice counts once",
          "[unit][group]") {
  auto x = three();
  auto first = x.apply(add("d:1", "u4"), 1, 0);
  auto again = x.apply(add("d:1", "u4"), 1, 0);
  CHECK(first.why == group_code::none);
  CHECK(again.why == group_code::none);
  CHECK(first.id == member_id{4});
  CHECK(again.id == first.id);
  CHECK(x.rows().size() == 4);
}

TEST_CASE("roster: a late copy of a request to join does not bring back who is "
          "gone",
          "[unit][group]") {
  auto members = roster::found({{"a:1"}});
  troupe::proto::GroupMemberCommand join;
  join.mutable_add()->set_address("b:1");
  join.mutable_add()->set_uuid("directory of b");
  auto id = members.apply(join, 1, 0).id;
  troupe::proto::GroupMemberCommand remove;
  remove.set_remove(id.value);
  REQUIRE(members.apply(remove, 1, 0).why == group_code::none);
  CHECK(members.apply(join, 1, 0).why == group_code::removed);
  troupe::proto::GroupMemberCommand gone;
  gone.set_gone(id.value);
  REQUIRE(members.apply(gone, 1, 0).why == group_code::none);
  CHECK(members.apply(join, 1, 0).why == group_code::removed);
  troupe::proto::GroupRoster saved;
  members.save(saved);
  members = *roster::load(saved);
  CHECK(members.apply(join, 1, 0).why == group_code::removed);
  CHECK(members.rows().size() == 1);
  join.mutable_add()->set_uuid("its new directory");
  CHECK(members.apply(join, 1, 0).why == group_code::none);
}

TEST_CASE("roster: an address takes one data directory only", "[unit][group]") {
  auto x = three();
  x.apply(add("d:1", "u4"), 1, 0);
  CHECK(x.apply(add("d:1", "other"), 1, 0).why == group_code::known_member);
  SECTION("room that was made for an address is for whoever comes first") {
    auto room = x.apply(add("e:1", "", false), 1, 0);
    auto came = x.apply(add("e:1", "u5"), 1, 0);
    CHECK(came.id == room.id);
    CHECK(x.find(came.id)->uuid == "u5");
    CHECK_FALSE(x.find(came.id)->votes);
  }
}

TEST_CASE("roster: numbers are never used again", "[unit][group]") {
  auto x = three();
  CHECK(x.apply(removal(2), 1, 0).why == group_code::none);
  command gone;
  gone.set_gone(2);
  CHECK(x.apply(gone, 1, 0).why == group_code::none);
  CHECK(x.is_removed(member_id{2}));
  CHECK_FALSE(x.is_removed(member_id{9}));
  CHECK(x.apply(add("b:1", "new"), 1, 0).id == member_id{4});
}

TEST_CASE("roster: the last voters stay", "[unit][group]") {
  auto x = three();
  command demotion;
  demotion.set_demote(1);
  CHECK(x.apply(demotion, 2, 0).why == group_code::too_few_voters);
  CHECK(x.apply(demotion, 1, 0).why == group_code::none);
  CHECK(x.apply(removal(3), 1, 0).why == group_code::too_few_voters);
  CHECK(x.apply(removal(1), 1, 0).why == group_code::none);
}

TEST_CASE("[ER-4] roster: the maximum is enforced", "[unit][group]") {
  auto x = three();
  CHECK(x.apply(add("d:1", "u"), 1, 3).why == group_code::too_many_members);
  x.apply(removal(2), 1, 3);
  CHECK(x.apply(add("d:1", "u"), 1, 3).why == group_code::none);
}

TEST_CASE("roster: what makes no sense changes nothing", "[unit][group]") {
  auto x = three();
  auto before = x;
  CHECK(x.apply(removal(9), 1, 0).why == group_code::unknown_member);
  CHECK(x.apply(command{}, 1, 0).why == group_code::invalid);
  CHECK(x.apply(add("", "u"), 1, 0).why == group_code::invalid);
  command gone;
  gone.set_gone(1); // is not leaving
  CHECK(x.apply(gone, 1, 0).why == group_code::invalid);
  CHECK(x == before);
}

TEST_CASE("roster: it comes back from its schema, and nothing else does",
          "[unit][group]") {
  auto x = three();
  x.apply(add("d:1", "u4"), 1, 0);
  x.apply(removal(2), 1, 0);
  troupe::proto::GroupRoster text;
  x.save(text);
  CHECK(roster::load(text) == x);
  SECTION("ids out of order") {
    text.mutable_members(1)->set_id(1);
    CHECK_FALSE(roster::load(text));
  }
  SECTION("an id that was never given out") {
    text.set_next_id(4);
    CHECK_FALSE(roster::load(text));
  }
}

TEST_CASE("roster: an address is a host and a port", "[unit][group]") {
  for (auto* good : {"a:1", "10.0.0.4:65535", "[::1]:7001", "host.example:80"})
    CHECK(flaw_of_address(good) == "");
  for (auto* bad :
       {"", "host", ":1", "host:", "host:0", "host:65536", "host:1x",
        "fe80::1:7001", "-a:1", "a b:1", "a\n:1", "host:-1"}) {
    INFO(bad);
    CHECK(flaw_of_address(bad).find("write HOST:PORT") != std::string::npos);
  }
}

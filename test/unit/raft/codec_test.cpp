#include <test/catch.hpp>

#include <troupe/cluster/raft/codec.hpp>
#include <troupe/cluster/raft/random.hpp>
#include <troupe/proto/raft.pb.h>

#include "lab.hpp"

using namespace troupe;
using namespace troupe::raft;
using sim::bytes;
using sim::made;

namespace {

std::string to_bytes(const message& x) {
  proto::RaftMessage out;
  to_proto(x, out);
  return out.SerializeAsString();
}

std::optional<message> from_bytes(const std::string& x) {
  proto::RaftMessage in;
  if (!in.ParseFromString(x))
    return std::nullopt;
  return from_proto(in);
}

std::vector<message> one_of_each() {
  configuration_change change{{{change_op::add_learner, member_id{4}},
                               {change_op::remove, member_id{2}}},
                              transition::explicit_joint};
  append_request append{log_index{7}, term{3}, log_index{6}, {}};
  append.entries = {{term{3}, log_index{8}, bytes("abc")},
                    {term{4}, log_index{9}, noop{}},
                    {term{4}, log_index{10}, change}};
  configuration conf = sim::voters_of({1, 2, 3});
  conf.voters_outgoing = sim::voters_of({3, 4}).voters;
  conf.learners_next = sim::voters_of({4}).voters;
  conf.auto_leave = true;
  return {
      made(1, 2, 5, pre_vote_request{log_index{1}, term{2}}),
      made(1, 2, 5, pre_vote_reply{false, {log_index{3}, term{4}}}),
      made(1, 2, 5, vote_request{log_index{1}, term{2}, true}),
      made(
          1, 2, 5,
          vote_reply{true, log_index{1}, term{2}, 99, {log_index{3}, term{4}}}),
      made(1, 2, 5, append),
      made(1, 2, 5, append_reply{log_index{8}}),
      made(1, 2, 5, append_refusal{log_index{8}, log_index{4}, term{2}}),
      made(1, 2, 5, heartbeat{log_index{6}, 12}),
      made(1, 2, 5, heartbeat_reply{12}),
      made(1, 2, 5, snapshot_offer{{log_index{6}, term{3}, conf}}),
      made(1, 2, 5, timeout_now{}),
      made(1, 2, 0, read_request{77}),
      made(1, 2, 5, read_reply{77, log_index{6}}),
      made(1, 2, 0, forward_commands{78, {bytes("a"), bytes("")}}),
      made(1, 2, 0, forward_change{79, change}),
      made(1, 2, 0,
           forward_reply{78, code::not_leader, member_id{3}, term{1},
                         log_index{2}}),
  };
}

} // namespace

TEST_CASE("raft: every message survives its encoding", "[unit][raft]") {
  auto all = one_of_each();
  CHECK(all.size() == std::variant_size_v<message_body>);
  for (auto& x : all) {
    INFO("kind " << x.body.index());
    auto wire = to_bytes(x);
    auto back = from_bytes(wire);
    REQUIRE(back);
    CHECK(back->from == x.from);
    CHECK(back->to == x.to);
    CHECK(back->term == x.term);
    CHECK(back->body.index() == x.body.index());
    CHECK(to_bytes(*back) == wire);
    CHECK((wire.size() > 6 || x.body.index() == 10)); // something is in it
  }
  auto back = from_bytes(to_bytes(all[4]));
  auto& append = std::get<append_request>(back->body);
  CHECK(*std::get<payload>(append.entries[0].body) == "abc");
  CHECK(std::get<configuration_change>(append.entries[2].body)
        == std::get<forward_change>(all[14].body).change);
}

TEST_CASE("raft: malformed messages are refused", "[unit][raft]") {
  proto::RaftMessage x;
  to_proto(made(1, 2, 5, heartbeat{log_index{6}, 12}), x);
  CHECK(from_proto(x));
  auto broken = [&](auto change) {
    auto y = x;
    change(y);
    return !from_proto(y);
  };
  CHECK(broken([](auto& y) { y.set_from(0); }));
  CHECK(broken([](auto& y) { y.set_to(0); }));
  CHECK(broken([](auto& y) { y.set_to(1); }));
  CHECK(broken([](auto& y) { y.clear_body(); }));
  CHECK(broken(
      [](auto& y) { y.mutable_append_request()->add_entries()->set_term(1); }));
  CHECK(broken([](auto& y) { y.mutable_forward_reply(); }));
  CHECK(broken([](auto& y) {
    y.mutable_forward_reply()->set_why(static_cast<proto::RaftCode>(99));
  }));
  CHECK(broken([](auto& y) { y.mutable_forward_change(); }));
  CHECK(broken([](auto& y) {
    auto& conf = *y.mutable_snapshot_offer()->mutable_meta();
    conf.mutable_configuration()->add_voters(2);
    conf.mutable_configuration()->add_voters(1);
  }));
}

TEST_CASE("raft: flipped bytes of a message never do harm", "[unit][raft]") {
  random_engine random{3};
  std::size_t read = 0;
  for (int i = 0; i < 200; ++i) {
    for (auto& x : one_of_each()) {
      auto wire = to_bytes(x);
      for (auto n = 1 + random.below(3); n > 0; --n)
        wire[random.below(wire.size())] = static_cast<char>(random.next());
      if (random.below(4) == 0)
        wire.resize(random.below(wire.size() + 1));
      if (auto got = from_bytes(wire)) {
        sim::lab group{2};
        got->to = member_id{2};
        group[2].receive(std::move(*got));
        group.work(2);
        ++read;
      }
    }
  }
  CHECK(read > 100);
}

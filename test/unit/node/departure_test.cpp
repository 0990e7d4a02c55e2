// A node that goes in order, and what it takes for an answer.
#include "lab.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using lab = node_lab;

namespace {

/// The commands that were sent, in order.
std::vector<proto::CommandRequest> asked(const lab& l) {
  std::vector<proto::CommandRequest> out;
  for (auto& x : l.effects)
    if (auto* frame = std::get_if<send_frame>(&x);
        frame && frame->kind == frame_kind::command)
      REQUIRE(out.emplace_back().ParseFromString(frame->bytes));
  return out;
}

std::size_t leaves(const lab& l) {
  auto all = asked(l);
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [](auto& x) { return x.has_leave(); }));
}

bool ended(const lab& l) {
  return std::any_of(l.effects.begin(), l.effects.end(), [](auto& x) {
    auto* what = std::get_if<departing>(&x);
    return what && what->now == departing::stage::ended;
  });
}

void answer(lab& l, const proto::CommandRequest& to) {
  proto::CommandReply reply;
  reply.set_id(to.id());
  l.core->receive(l.now, node_id{2}, frame_kind::command_reply,
                  reply.SerializeAsString());
  l.collect();
}

proto::MapEntry intend(proto::Intent what) {
  proto::MapEntry entry;
  auto& cmd = *entry.add_commands()->mutable_set_intent();
  cmd.set_node(1);
  cmd.set_intent(what);
  return entry;
}

/// The one partition of this node goes to node 3.
void give_away(lab& l) {
  auto pause = proto::MapEntry{};
  l.fill(*pause.add_commands()->mutable_pause()->add_rows(), 1, 3);
  l.run(pause);
  auto assign = proto::MapEntry{};
  l.fill(*assign.add_commands()->mutable_assign()->add_rows(), 1, 3);
  l.run(assign);
}

} // namespace

TEST_CASE("node: a late answer to the intent is not one to the wish to be let "
          "go",
          "[unit][node]") {
  lab l;
  l.running();
  l.core->depart(departure::goal::leave);
  for (int i = 0; i < 7; ++i)
    l.pass(10ms);
  auto first = asked(l);
  REQUIRE(first.size() == 1);
  REQUIRE(first[0].map().has_set_intent());
  l.run(intend(proto::INTENT_DRAIN));
  give_away(l);
  for (int i = 0; i < 3; ++i)
    l.pass(10ms);
  l.core->clients_gone();
  for (int i = 0; i < 3; ++i)
    l.pass(10ms);
  CHECK(leaves(l) == 0); // one question at a time
  answer(l, first[0]);
  for (int i = 0; i < 12; ++i)
    l.pass(10ms);
  CHECK_FALSE(ended(l));
  REQUIRE(leaves(l) == 1);
  answer(l, asked(l).back());
  l.pass(10ms);
  CHECK(ended(l));
}

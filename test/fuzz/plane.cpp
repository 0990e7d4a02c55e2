#include "fuzz.hpp"

#include <memory>
#include <string>

#include <test/actor/plane_world.hpp>

namespace troupe::fuzz {

namespace {

/// Node 1 has a partition that answers; node 2 is said to send the input.
struct two_nodes {
  test::world w{2};

  two_nodes() {
    w.place(1, epoch{5}, [](partition*) -> caf::behavior {
      return {[](const std::string&, int x) { return x * 2; },
              [](const std::string&, std::string& x) { return x; }};
    });
    w.run();
  }

  void take(frame_kind kind, std::string_view bytes) {
    lied_ = lied_ || kind == frame_kind::give_back;
    w.on(1).plane->receive(node_id{2}, incarnation{1}, kind, bytes);
    w.run();
  }

  // A request of a router on the other node is answered all the same. Not so
  // when a node has lied about where a partition is: members are believed.
  void check() {
    if (lied_)
      return;
    w.answers.clear();
    w.ask(2, std::string{"k"}, 21);
    w.run();
    must(!w.answers.empty() && w.answers.back() == "42");
  }

private:
  bool lied_ = false;
};

} // namespace

void plane(std::string_view input) {
  static std::unique_ptr<two_nodes> nodes;
  static unsigned inputs = 0;
  if (input.empty())
    return;
  if (inputs++ % 64 == 0)
    nodes = std::make_unique<two_nodes>();
  nodes->take(static_cast<frame_kind>(input[0]), input.substr(1));
  if (inputs % 16 == 0)
    nodes->check();
}

} // namespace troupe::fuzz

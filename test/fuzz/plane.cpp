#include "fuzz.hpp"

#include <memory>
#include <string>

#include <test/actor/plane_world.hpp>

namespace troupe::fuzz {

namespace {

/// Node 1 has a partition that answers; node 2 is said to send the input, and
/// node 3 must notice nothing.
struct three_nodes {
  test::world w{3};

  three_nodes() {
    w.place(1, epoch{5}, [](partition*) -> caf::behavior {
      return {[](const std::string&, int x) { return x * 2; },
              [](const std::string&, std::string& x) { return x; }};
    });
    w.run();
  }

  void take(frame_kind kind, std::string_view bytes) {
    w.on(1).plane->receive(node_id{2}, incarnation{1}, kind, bytes);
    w.run();
  }

  void check() {
    w.answers.clear();
    w.ask(3, std::string{"k"}, 21);
    w.run();
    must(!w.answers.empty() && w.answers.back() == "42");
  }
};

} // namespace

void plane(std::string_view input) {
  // Not ended with the process: CAF's own statics end before it.
  static auto& nodes = *new std::unique_ptr<three_nodes>;
  static unsigned inputs = 0;
  if (input.empty())
    return;
  if (inputs++ % 64 == 0)
    nodes = std::make_unique<three_nodes>();
  nodes->take(static_cast<frame_kind>(input[0]), input.substr(1));
  if (inputs % 16 == 0)
    nodes->check();
}

} // namespace troupe::fuzz

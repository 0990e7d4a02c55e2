#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/result.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/runtime/group/group.hpp>

namespace troupe::raft {

/// Something that a group_actor is to do on its own thread.
struct group_task {
  std::function<void()> run;
};

/// A group as a CAF actor: a command as a message is answered with its result,
/// a refusal with an error that holds its word and its sentence.
///
///     auto kv = sys.spawn<raft::group_actor<kv_machine>>(group);
///     self->request(kv, 5s, command).then([](const kv::Result& x) { ... });
///
/// Threads: as any event-based actor.
template <machine M>
class group_actor : public caf::event_based_actor {
public:
  group_actor(caf::actor_config& cfg, std::shared_ptr<group<M>> what)
      : caf::event_based_actor(cfg), group_(std::move(what)) {}

  caf::behavior make_behavior() override {
    using command = typename M::command;
    using value = typename M::result;
    return {
        [](group_task& x) { x.run(); },
        [this](const command& what) -> caf::result<value> {
          auto answer = this->template make_response_promise<value>();
          caf::actor self{this};
          group_->propose(what, [self, answer](outcome<value> x) {
            // A promise belongs to its actor's thread.
            auto box = std::make_shared<outcome<value>>(std::move(x));
            caf::anon_send(self, group_task{[answer, box]() mutable {
                             if (*box)
                               answer.deliver(std::move(**box));
                             else
                               answer.deliver(caf::make_error(
                                   caf::sec::runtime_error,
                                   std::string{to_string(box->error().why)},
                                   box->error().text()));
                           }});
          });
          return answer;
        },
    };
  }

  const char* name() const override { return "troupe.group"; }

private:
  std::shared_ptr<group<M>> group_;
};

} // namespace troupe::raft

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::raft::group_task)

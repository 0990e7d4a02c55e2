// Messages that come over HTTP: to the owner and back.
#include <troupe/runtime/http_backend.hpp>

#include <caf/make_actor.hpp>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/actors/payload/protobuf_types.hpp>
#include <troupe/actors/router/router.hpp>
#include <troupe/proto/message.pb.h>
#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/http_errors.hpp>

namespace troupe {

namespace {

// 0: the region is not known, which `ask` answers.
partition_id aimed_at(const region_plane* plane, const http::target& target) {
  if (auto* key = std::get_if<std::string>(&target))
    return plane ? partition_of(*key, plane->partitions) : 0;
  return std::get<partition_id>(target);
}

} // namespace

void http_backend::ask(const std::string& region, const http::target& target,
                       std::unique_ptr<google::protobuf::Message> message,
                       std::chrono::milliseconds timeout, traced done) {
  auto* plane = self_.plane_->find(region);
  if (!plane)
    return done({caf::make_message(make_error(errc::unknown_region)), {}, {}},
                {});
  auto* named = std::get_if<std::string>(&target);
  std::string key = named ? *named : std::string{};
  auto p = aimed_at(plane, target);
  caf::strong_actor_ptr sink;
  if (done) {
    caf::actor_config cfg;
    auto* self = &self_;
    sink = caf::make_actor<ask_sink, caf::strong_actor_ptr>(
        self_.system_->next_actor_id(), self_.system_->node(),
        self_.system_.get(), cfg, self_.identity().node,
        [self, done = std::move(done)](traced_answer answer) {
          std::vector<std::string> path;
          for (auto id : answer.path)
            path.push_back(self->mirror_.name_of(node_id{id}));
          done(std::move(answer), std::move(path));
        });
    self_.expire_later(boot_now() + timeout, sink);
  }
  auto mid = sink ? caf::make_message_id(1) : caf::make_message_id();
  auto element =
      make_payload_element(sink, mid, std::move(key), std::move(message));
  self_.plane_->accept_at(*plane, p, std::move(element), nullptr,
                          timeout.count() > 0 ? boot_now() + timeout
                                              : boot_time{0});
}

void http_backend::ping(http::ping_request request,
                        http::callback<http::ping_reply> done) {
  auto p = aimed_at(self_.plane_->find(request.region), request.target);
  ask(request.region, request.target, std::make_unique<proto::Ping>(),
      request.timeout,
      [this, p, done](traced_answer answer, std::vector<std::string> path) {
        auto& content = answer.content;
        if (content.match_elements<caf::error>())
          return done(to_api(content.get_as<caf::error>(0), *self_.system_));
        http::ping_reply out;
        out.partition = p;
        out.node = path.empty() ? "" : path.back();
        out.epoch = answer.at;
        out.hops = static_cast<std::uint32_t>(path.size());
        out.path = std::move(path);
        done(std::move(out));
      });
}

void http_backend::send(http::send_request request,
                        http::callback<http::send_reply> done) {
  auto* type = find_message_type(request.type);
  if (!type)
    return done(http::api_error{http::api_errc::unknown_type,
                                "no message type '" + request.type + "'"});
  std::unique_ptr<google::protobuf::Message> message{type->New()};
  message->ParseFromString(request.payload);
  auto p = aimed_at(self_.plane_->find(request.region), request.target);
  if (request.mode == http::send_mode::tell) {
    ask(request.region, request.target, std::move(message), {}, nullptr);
    http::send_reply out;
    out.partition = p;
    return done(std::move(out));
  }
  ask(request.region, request.target, std::move(message), request.timeout,
      [this, p, done](traced_answer answer, std::vector<std::string> path) {
        auto& content = answer.content;
        if (content.match_elements<caf::error>())
          return done(to_api(content.get_as<caf::error>(0), *self_.system_));
        http::send_reply out;
        out.partition = p;
        out.epoch = answer.at;
        out.node = path.empty() ? "" : path.back();
        out.path = std::move(path);
        if (!content.empty()) {
          auto* reply = as_protobuf(content.content(), 0);
          if (!reply)
            return done(
                http::api_error{http::api_errc::handler_failed,
                                "the answer is no protobuf message: "
                                    + to_string(content).substr(0, 200)});
          out.type = reply->GetTypeName();
          out.payload = reply->SerializeAsString();
        }
        done(std::move(out));
      });
}

} // namespace troupe

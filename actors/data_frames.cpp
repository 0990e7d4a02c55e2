#include <troupe/actors/data_frames.hpp>

#include <algorithm>
#include <cstring>

#include <troupe/actors/data_plane.hpp>
#include <troupe/actors/wire_element.hpp>

namespace troupe {

namespace {

constexpr int path_max = 64; // more come from no node of ours

struct split_frame {
  std::string_view header;
  std::string_view payload;
};

std::optional<split_frame> split(std::string_view frame) {
  std::uint32_t size = 0;
  if (frame.size() < sizeof size)
    return std::nullopt;
  std::memcpy(&size, frame.data(), sizeof size);
  frame.remove_prefix(sizeof size);
  if (size > frame.size())
    return std::nullopt;
  return split_frame{frame.substr(0, size), frame.substr(size)};
}

bool parse(google::protobuf::MessageLite& to, std::string_view bytes) {
  return to.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

std::optional<message_frame> take(caf::actor_system& sys,
                                  const proto::Message& header,
                                  std::string_view payload, std::size_t bytes,
                                  const clock_function& now) {
  if (header.request() >> (slot_bits + sequence_bits) != 0
      || header.path_size() > path_max)
    return std::nullopt;
  message_frame out{{region_id{header.region()}, header.partition()},
                    epoch{header.epoch()},
                    {}};
  auto& msg = out.msg;
  msg.request = header.request();
  msg.sender = header.sender();
  msg.path.assign(header.path().begin(), header.path().end());
  msg.element = wire_element::make(sys, header.key(), payload);
  msg.bytes = bytes;
  if (header.deadline_ms() > 0)
    msg.expires = now() + std::chrono::milliseconds{header.deadline_ms()};
  return out;
}

} // namespace

void append_frame_head(std::string& out,
                       const google::protobuf::MessageLite& header) {
  auto from = out.size();
  out.append(4, '\0');
  header.AppendToString(&out);
  auto size = static_cast<std::uint32_t>(out.size() - from - 4);
  std::memcpy(out.data() + from, &size, sizeof size);
}

std::optional<message_frame> read_message(caf::actor_system& sys,
                                          std::string_view frame,
                                          const clock_function& now) {
  auto parts = split(frame);
  thread_local proto::Message header; // keeps its memory
  if (!parts || !parse(header, parts->header))
    return std::nullopt;
  return take(sys, header, parts->payload, frame.size(), now);
}

std::optional<give_back_frame> read_give_back(caf::actor_system& sys,
                                              std::string_view frame,
                                              const clock_function& now) {
  auto parts = split(frame);
  proto::GiveBack back;
  if (!parts || !parse(back, parts->header)
      || back.stage() > static_cast<std::uint32_t>(stage::pausing))
    return std::nullopt;
  auto what = take(sys, back.message(), parts->payload, frame.size(), now);
  if (!what)
    return std::nullopt;
  return give_back_frame{std::move(*what),
                         {static_cast<stage>(std::max(1u, back.stage())),
                          back.quarantined(), node_id{back.owner()},
                          epoch{back.epoch()}, log_index{back.version()},
                          incarnation{back.owner_started()}},
                         incarnation{back.asked_by()}};
}

bool read_answer(std::string_view frame, answer_frame& to) {
  auto parts = split(frame);
  if (!parts || !parse(to.header, parts->header))
    return false;
  to.payload = parts->payload;
  return true;
}

template <class Header>
static std::optional<Header> read_header(std::string_view frame) {
  auto parts = split(frame);
  Header out;
  if (!parts || !parse(out, parts->header))
    return std::nullopt;
  return out;
}

std::optional<proto::Fences> read_fences(std::string_view frame) {
  return read_header<proto::Fences>(frame);
}

std::optional<proto::Processed> read_processed(std::string_view frame) {
  return read_header<proto::Processed>(frame);
}

void write_message(proto::Message& out, partition_key key, epoch at,
                   const envelope& msg, const clock_function& now) {
  out.set_region(key.region.value);
  out.set_partition(key.partition);
  out.set_epoch(at.value);
  out.set_request(msg.request);
  out.set_sender(msg.sender);
  if (msg.expires != boot_time{0}) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        msg.expires - now());
    out.set_deadline_ms(
        static_cast<std::uint32_t>(std::max<std::int64_t>(1, left.count())));
  }
  for (auto node : msg.path)
    out.add_path(node);
  auto text = key_of(*msg.element);
  out.set_key(text.data(), text.size());
}

void write_give_back(proto::GiveBack& out, partition_key key, epoch at,
                     const envelope& msg, const route& known,
                     const clock_function& now) {
  write_message(*out.mutable_message(), key, at, msg, now);
  out.set_stage(static_cast<std::uint32_t>(known.stage));
  out.set_quarantined(known.quarantined);
  out.set_owner(known.owner.value);
  out.set_epoch(known.epoch.value);
  out.set_version(known.version.value);
  out.set_owner_started(known.owner_started.value);
  out.set_asked_by(msg.origin_started.value);
}

} // namespace troupe

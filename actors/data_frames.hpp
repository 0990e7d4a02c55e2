#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/message_lite.h>

#include <troupe/actors/envelope.hpp>
#include <troupe/cluster/map/types.hpp>
#include <troupe/cluster/move/route.hpp>
#include <troupe/proto/message.pb.h>

/// The frames of the data lane as bytes: 4 bytes with the size of the header,
/// little endian, the header, and the payload as it is.
namespace troupe {

using clock_function = std::function<boot_time()>;

/// Appends the size and the header; the payload goes behind it.
void append_frame_head(std::string& out,
                       const google::protobuf::MessageLite& header);

/// What a frame of this kind holds. Nothing: no node of ours sent it.
struct message_frame {
  partition_key key;
  troupe::epoch epoch;
  envelope msg; // without its origin; its element is a `wire_element`
};
std::optional<message_frame> read_message(caf::actor_system& sys,
                                          std::string_view frame,
                                          const clock_function& now);

struct give_back_frame {
  message_frame what;
  route known; // by who did not take it
  incarnation asked_by;
};
std::optional<give_back_frame> read_give_back(caf::actor_system& sys,
                                              std::string_view frame,
                                              const clock_function& now);

struct answer_frame {
  proto::Answer header;
  std::string_view payload; // valid as long as the frame
};
bool read_answer(std::string_view frame, answer_frame& to);

std::optional<proto::Fences> read_fences(std::string_view frame);
std::optional<proto::Processed> read_processed(std::string_view frame);

void write_message(proto::Message& out, partition_key key, epoch at,
                   const envelope& msg, const clock_function& now);
void write_give_back(proto::GiveBack& out, partition_key key, epoch at,
                     const envelope& msg, const route& known,
                     const clock_function& now);

} // namespace troupe

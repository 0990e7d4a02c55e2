#include <troupe/cluster/group/entry_codec.hpp>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace troupe::raft {

namespace {

using entry_message = proto::GroupEntry;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t tag(int field, WireFormatLite::WireType type) {
  return static_cast<std::uint32_t>(field << 3 | type);
}

constexpr auto number = WireFormatLite::WIRETYPE_VARINT;
constexpr auto bytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
constexpr auto origin_tag = tag(entry_message::kOriginFieldNumber, number);
constexpr auto boot_tag = tag(entry_message::kBootFieldNumber, number);
constexpr auto number_tag = tag(entry_message::kNumberFieldNumber, number);
constexpr auto command_tag = tag(entry_message::kCommandsFieldNumber, bytes);
constexpr auto member_tag = tag(entry_message::kMemberFieldNumber, bytes);

void put(std::string& to, std::uint64_t x) {
  std::uint8_t text[10];
  auto* end = CodedOutputStream::WriteVarint64ToArray(x, text);
  to.append(reinterpret_cast<char*>(text),
            static_cast<std::size_t>(end - text));
}

void put(std::string& to, const entry_origin& from) {
  put(to, origin_tag);
  put(to, from.member);
  put(to, boot_tag);
  put(to, from.boot);
  put(to, number_tag);
  put(to, from.number);
}

// Calls `command` with each. False: no entry.
template <class F>
bool read(std::string_view from, entry_head& head, F command) {
  CodedInputStream in{reinterpret_cast<const std::uint8_t*>(from.data()),
                      static_cast<int>(from.size())};
  auto view = [&](std::string_view& to) {
    std::uint32_t size = 0;
    if (!in.ReadVarint32(&size))
      return false;
    auto at = static_cast<std::size_t>(in.CurrentPosition());
    if (size > from.size() - at)
      return false;
    to = from.substr(at, size);
    return in.Skip(static_cast<int>(size));
  };
  while (auto tag = in.ReadTag()) {
    std::string_view text;
    switch (tag) {
    case origin_tag:
      if (!in.ReadVarint64(&head.origin.member))
        return false;
      break;
    case boot_tag:
      if (!in.ReadVarint64(&head.origin.boot))
        return false;
      break;
    case number_tag:
      if (!in.ReadVarint64(&head.origin.number))
        return false;
      break;
    case command_tag:
      if (!view(text))
        return false;
      ++head.commands;
      command(text);
      break;
    case member_tag:
      if (!view(text))
        return false;
      head.member.emplace();
      if (!head.member->ParseFromArray(text.data(),
                                       static_cast<int>(text.size())))
        return false;
      break;
    default:
      if (!WireFormatLite::SkipField(&in, tag))
        return false;
    }
  }
  return in.ConsumedEntireMessage();
}

} // namespace

void command_buffer::add(std::string_view command) {
  put(bytes_, command_tag);
  put(bytes_, command.size());
  bytes_ += command;
  ++count_;
}

std::string encode_entry(const entry_origin& from, const command_buffer& what) {
  std::string out;
  out.reserve(40 + what.bytes().size());
  put(out, from);
  out += what.bytes();
  return out;
}

std::string encode_entry(const entry_origin& from,
                         const proto::GroupMemberCommand& what) {
  std::string out;
  put(out, from);
  auto text = what.SerializeAsString();
  put(out, member_tag);
  put(out, text.size());
  return out + text;
}

std::optional<entry_view> decode_entry(std::string_view from) {
  entry_head head;
  entry_view out;
  if (!read(from, head, [&](std::string_view x) { out.commands.push_back(x); }))
    return std::nullopt;
  out.origin = head.origin;
  out.member = std::move(head.member);
  return out;
}

std::optional<entry_head> decode_head(std::string_view from) {
  entry_head out;
  if (!read(from, out, [](std::string_view) {}))
    return std::nullopt;
  return out;
}

} // namespace troupe::raft

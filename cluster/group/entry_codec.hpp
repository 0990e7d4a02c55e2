#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/proto/group.pb.h>

/// proto::GroupEntry, written and read without a message object: commands are
/// many and small.
namespace troupe::raft {

/// Commands on their way into an entry, in the entry's own form.
class command_buffer {
public:
  void add(std::string_view command);
  std::size_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  const std::string& bytes() const { return bytes_; }

private:
  std::string bytes_;
  std::size_t count_ = 0;
};

/// Who proposed an entry.
struct entry_origin {
  std::uint64_t member = 0;
  std::uint64_t boot = 0;
  std::uint64_t number = 0;
  friend bool operator==(const entry_origin&, const entry_origin&) = default;
};

std::string encode_entry(const entry_origin& from, const command_buffer& what);
std::string encode_entry(const entry_origin& from,
                         const proto::GroupMemberCommand& what);

/// What an entry holds. The views are into its bytes.
struct entry_view {
  entry_origin origin;
  std::vector<std::string_view> commands;
  std::optional<proto::GroupMemberCommand> member;
};

/// Nothing for what is no entry.
std::optional<entry_view> decode_entry(std::string_view bytes);

/// The same without the commands, of which only the number is told.
struct entry_head {
  entry_origin origin;
  std::size_t commands = 0;
  std::optional<proto::GroupMemberCommand> member;
};
std::optional<entry_head> decode_head(std::string_view bytes);

} // namespace troupe::raft

#include <troupe/runtime/log/identity_file.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include <troupe/runtime/log/bytes.hpp>
#include <troupe/runtime/log/crc32c.hpp>

namespace troupe::disk {

namespace {

constexpr std::string_view magic = "troupe identity ";
constexpr std::string_view version = "2";
constexpr std::size_t name_bytes_max = 255;

const std::string begun = "begun";
const std::string not_begun = "none";

std::string number(std::uint64_t x) {
  return std::to_string(x);
}

std::string checksum(std::string_view text) {
  std::string bytes;
  put(bytes, crc32c(0, text));
  std::reverse(bytes.begin(), bytes.end());
  return to_hex(bytes);
}

std::string encode(const identity& what) {
  std::string to;
  to.append(magic).append(version).append("\n");
  auto line = [&](std::string_view key, const std::string& value) {
    to.append(key).append(" ").append(value).append("\n");
  };
  line("cluster", to_string(what.cluster));
  line("node", number(what.node.value));
  line("name", what.name);
  line("uuid", to_string(what.node_uuid));
  line("incarnation", number(what.self.value));
  line("founding", to_hex(what.founding));
  line("log", what.has_log ? begun : not_begun);
  line("crc32c", checksum(to));
  return to;
}

bool read_number(std::string_view text, std::uint64_t& to) {
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_uuid(std::string_view text, uuid& to) {
  std::string bytes;
  if (!from_hex(text, bytes) || bytes.size() != to.size())
    return false;
  std::memcpy(to.data(), bytes.data(), to.size());
  return true;
}

// The value of the line `key value` that `text` begins with; moves behind it.
bool take_line(std::string_view& text, std::string_view key,
               std::string_view& value) {
  auto end = text.find('\n');
  if (end == text.npos || end <= key.size() || !text.starts_with(key)
      || text[key.size()] != ' ')
    return false;
  value = text.substr(key.size() + 1, end - key.size() - 1);
  text.remove_prefix(end + 1);
  return true;
}

// Of any version.
bool is_whole(std::string_view text) {
  auto at = text.rfind("crc32c ");
  return at != text.npos
         && text.substr(at) == "crc32c " + checksum(text.substr(0, at)) + "\n";
}

bool decode(std::string_view text, identity& to) {
  auto all = text;
  text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  std::string_view v;
  if (!take_line(text, "cluster", v) || !read_uuid(v, to.cluster)
      || !take_line(text, "node", v) || !read_number(v, to.node.value)
      || !take_line(text, "name", v))
    return false;
  to.name = v;
  if (!take_line(text, "uuid", v) || !read_uuid(v, to.node_uuid)
      || !take_line(text, "incarnation", v) || !read_number(v, to.self.value)
      || !take_line(text, "founding", v) || !from_hex(v, to.founding)
      || !take_line(text, "log", v) || (v != begun && v != not_begun))
    return false;
  to.has_log = v == begun;
  auto checked = all.substr(0, all.size() - text.size());
  return take_line(text, "crc32c", v) && v == checksum(checked) && text.empty();
}

} // namespace

uuid random_uuid() {
  std::random_device source;
  uuid to;
  for (std::size_t i = 0; i < to.size(); i += 4) {
    auto word = static_cast<std::uint32_t>(source());
    std::memcpy(to.data() + i, &word, 4);
  }
  return to;
}

std::string to_string(const uuid& x) {
  return to_hex({reinterpret_cast<const char*>(x.data()), x.size()});
}

identity_file::identity_file(const directory_lock& lock)
    : lock_(&lock), path_(lock.directory() + "/identity") {
}

result<std::optional<identity>> identity_file::load() const {
  auto text = read_file(lock_->fs(), path_);
  if (!text && text.error().code == errc::not_found) {
    std::vector<std::string> names;
    auto log = lock_->directory() + "/raft";
    if (lock_->fs().list(log, names) == 0 && !names.empty())
      return refusal{errc::corrupt,
                     path_
                         + ": the file is missing, but there is a log; "
                           "restore it, or remove this node, wipe its data "
                           "directory and let it join as a new one"};
    return std::optional<identity>{};
  }
  if (!text)
    return text.error();
  auto first = std::string_view{*text}.substr(0, text->find('\n'));
  if (!first.starts_with(magic))
    return refusal{errc::foreign,
                   path_ + ": is not troupe's; name another data directory"};
  if (first.substr(magic.size()) != version && is_whole(*text))
    return refusal{errc::foreign, path_
                                      + ": was written by another version of "
                                        "troupe; start that version"};
  identity to;
  if (first.substr(magic.size()) == version && decode(*text, to))
    return std::optional<identity>{std::move(to)};
  return refusal{errc::corrupt,
                 path_
                     + ": is damaged; restore it, or remove this node, wipe "
                       "its data directory and let it join as a new one"};
}

result<void> identity_file::store(const identity& what) const {
  auto control = [](unsigned char c) { return c < 32 || c == 127; };
  if (what.name.size() > name_bytes_max
      || std::any_of(what.name.begin(), what.name.end(), control))
    return refusal{errc::invalid, "a node's name is at most 255 bytes without "
                                  "control characters; choose another"};
  if (auto ok = replace_file(lock_->fs(), path_, encode(what)); !ok)
    return ok;
  return sync_directory(lock_->fs(), lock_->directory());
}

result<identity> identity_file::start(const uuid& expected_cluster) const {
  auto loaded = load();
  if (!loaded)
    return loaded.error();
  if (!*loaded)
    return refusal{errc::not_found, path_ + ": there is no identity yet"};
  auto& who = **loaded;
  if (expected_cluster != uuid{} && who.cluster != expected_cluster)
    return refusal{errc::foreign, path_ + ": belongs to cluster "
                                      + to_string(who.cluster) + ", not to "
                                      + to_string(expected_cluster)
                                      + "; name another data directory"};
  ++who.self.value;
  if (auto ok = store(who); !ok)
    return ok.error();
  return std::move(who);
}

} // namespace troupe::disk

#include <test/catch.hpp>

#include <troupe/runtime/group/snapshot_codec.hpp>
#include <troupe/runtime/log/overlay_file_system.hpp>

using namespace troupe;
using namespace troupe::raft;

namespace {

// Files in memory above a directory that is empty.
struct place {
  disk::overlay_file_system fs{disk::posix_file_system()};
  std::string directory = "/nowhere";

  disk::snapshot_writer writer() {
    auto out = disk::snapshot_writer::create(
        fs, directory, {log_index{5}, term{2}, {{member_id{1}}, {}, {}, {}}},
        1);
    REQUIRE(out);
    return std::move(*out);
  }
};

std::string read_all(byte_source& from, bool& sound) {
  std::string out;
  char piece[777];
  for (;;) {
    auto n = from.read(piece);
    sound = n >= 0;
    if (n <= 0)
      return out;
    out.append(piece, static_cast<std::size_t>(n));
  }
}

} // namespace

TEST_CASE("[HR-3] snapshot: the state comes back as it was saved, compressed "
          "or not",
          "[unit][group]") {
  auto how = GENERATE(compression::none, compression::zlib);
  std::string state;
  for (int i = 0; i < 60'000; ++i)
    state += "row " + std::to_string(i % 1000) + ";";
  place x;
  auto to = x.writer();
  auto members = roster::found({{"a:1", true}, {"b:1", false}});
  REQUIRE(write_snapshot(to, members, how, [&](byte_sink& out) {
    return out.write(std::string_view{state}.substr(0, 1000))
           && out.write(std::string_view{state}.substr(1000));
  }));
  auto file = to.finish();
  REQUIRE(file);
  if (how == compression::zlib)
    CHECK(file->digest.bytes < state.size() / 4);
  auto reader = disk::snapshot_reader::open(x.fs, x.directory, *file);
  REQUIRE(reader);
  auto opened = open_snapshot(std::move(*reader));
  REQUIRE(opened);
  CHECK(opened->members == members);
  CHECK(opened->has_machine);
  CHECK(opened->how == how);
  bool sound = false;
  CHECK(read_all(*opened->machine, sound) == state);
  CHECK(sound);
}

TEST_CASE("snapshot: a state machine that does not save itself is refused",
          "[unit][group]") {
  place x;
  auto to = x.writer();
  auto done =
      write_snapshot(to, roster::found({{"a:1", true}}), compression::zlib,
                     [](byte_sink&) { return false; });
  REQUIRE_FALSE(done);
  CHECK(done.error().code == disk::errc::invalid);
}

TEST_CASE("snapshot: what another program wrote is none of a group",
          "[unit][group]") {
  place x;
  auto to = x.writer();
  REQUIRE(to.append(std::string(100, 'x')));
  auto file = to.finish();
  REQUIRE(file);
  auto reader = disk::snapshot_reader::open(x.fs, x.directory, *file);
  REQUIRE(reader);
  auto opened = open_snapshot(std::move(*reader));
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == disk::errc::corrupt);
}

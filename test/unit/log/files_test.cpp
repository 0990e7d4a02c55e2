#include <test/catch.hpp>

#include <algorithm>

#include <test/sim_fs/sim_fs.hpp>
#include <troupe/runtime/log/bytes.hpp>
#include <troupe/runtime/log/crc32c.hpp>
#include <troupe/runtime/log/identity_file.hpp>
#include <troupe/runtime/log/partition_state_files.hpp>

using namespace troupe;
using namespace troupe::disk;
using namespace troupe::test;

namespace {

identity somebody() {
  identity to;
  to.cluster = {1, 2, 3};
  to.node = node_id{4};
  to.name = "alpha of zone 1";
  to.node_uuid = {9, 8, 7};
  to.self = incarnation{5};
  to.founding = std::string("\0\1\xff", 3);
  to.has_log = true;
  return to;
}

} // namespace

TEST_CASE("crc32c: known values, by both ways", "[unit][log]") {
  auto both = [](std::string_view bytes, std::uint32_t want) {
    CHECK(crc32c(0, bytes) == want);
    CHECK(crc32c_portable(0, bytes) == want);
  };
  both("", 0);
  both("123456789", 0xe3069283);
  both(std::string(32, '\0'), 0x8a9136aa); // this and the next: RFC 3720, B.4
  both(std::string(32, '\xff'), 0x62a8ab43);
  std::string up;
  for (char c = 0; c < 32; ++c)
    up += c;
  both(up, 0x46dd794e);
  std::reverse(up.begin(), up.end());
  both(up, 0x113fdb5c);
}

TEST_CASE("crc32c: both ways agree on any length and split", "[unit][log]") {
  std::mt19937_64 random{1};
  std::string bytes(300, '\0');
  for (auto& c : bytes)
    c = static_cast<char>(random());
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    auto all = std::string_view{bytes}.substr(0, n);
    auto cut = n == 0 ? 0 : random() % n;
    REQUIRE(crc32c(0, all) == crc32c_portable(0, all));
    REQUIRE(crc32c(crc32c(0, all.substr(0, cut)), all.substr(cut))
            == crc32c(0, all));
  }
}

TEST_CASE("hex: only pairs of lower case digits are read", "[unit][log]") {
  std::string to;
  CHECK(from_hex(to_hex(std::string("\0a\xff", 3)), to));
  CHECK(to == std::string("\0a\xff", 3));
  CHECK_FALSE(from_hex("abc", to));
  CHECK_FALSE(from_hex("0G", to));
  CHECK_FALSE(from_hex("AB", to));
}

TEST_CASE("write_fully: short writes and interrupts are finished",
          "[unit][log]") {
  sim_fs fs{3};
  fs.faults.short_per_mille = 700;
  fs.faults.interrupted_per_mille = 300;
  auto out = fs.open("/f", open_mode::create);
  std::string a(1000, 'a');
  std::string b(2000, 'b');
  iovec parts[] = {{a.data(), a.size()}, {nullptr, 0}, {b.data(), b.size()}};
  REQUIRE(write_fully(*out.handle, "/f", parts, 10));
  CHECK(*read_file(fs, "/f") == std::string(10, '\0') + a + b);
}

TEST_CASE("replace_file: a crash leaves the old file or the new one",
          "[unit][log]") {
  bool old_seen = false;
  bool new_seen = false;
  for (std::uint64_t n = 1; n < 80; ++n) {
    INFO(n);
    sim_fs fs{n};
    REQUIRE(replace_file(fs, "/f", std::string(2000, 'o')));
    REQUIRE(sync_directory(fs, "/"));
    fs.faults.dies_at = fs.calls() + n % 6;
    auto ok = replace_file(fs, "/f", std::string(3000, 'n'))
              && sync_directory(fs, "/");
    fs.crash();
    auto bytes = *read_file(fs, "/f");
    REQUIRE((bytes == std::string(3000, 'n')
             || (!ok && bytes == std::string(2000, 'o'))));
    (bytes[0] == 'o' ? old_seen : new_seen) = true;
  }
  CHECK(old_seen);
  CHECK(new_seen);
}

TEST_CASE("directory_lock: the second one is refused by name", "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  REQUIRE(lock);
  auto second = directory_lock::acquire(fs, "/data");
  REQUIRE(!second);
  CHECK(second.error().code == errc::locked);
  CHECK(second.error().what.find("/data") != std::string::npos);
  CHECK(directory_lock::acquire(fs, "/other"));
  lock = directory_lock::acquire(fs, "/third"); // gives the first one up
  CHECK(directory_lock::acquire(fs, "/data"));
}

TEST_CASE("directory_lock: a parent that is missing is named", "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/no/data");
  REQUIRE(!lock);
  CHECK(lock.error().what.find("/no/data") != std::string::npos);
}

TEST_CASE("random_uuid: is another one each time", "[unit][log]") {
  auto one = random_uuid();
  CHECK(one != random_uuid());
  CHECK(one != uuid{});
  CHECK(to_string(one).size() == 32);
}

TEST_CASE("identity_file: what is stored is loaded", "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  identity_file file{*lock};
  CHECK_FALSE(*file.load());
  CHECK(file.start().error().code == errc::not_found);
  REQUIRE(file.store(somebody()));
  fs.crash();
  lock = directory_lock::acquire(fs, "/data");
  CHECK(**identity_file{*lock}.load() == somebody());
}

TEST_CASE("identity_file: every start counts, durably", "[unit][log]") {
  sim_fs fs{1};
  std::uint64_t told = 0;
  {
    auto lock = directory_lock::acquire(fs, "/data");
    REQUIRE(identity_file{*lock}.store(somebody()));
    told = somebody().self.value;
  }
  for (std::uint64_t n = 1; n < 100; ++n) {
    fs.faults.dies_at = fs.calls() + 1 + n % 11;
    {
      auto lock = directory_lock::acquire(fs, "/data");
      auto who =
          lock ? identity_file{*lock}.start() : result<identity>{lock.error()};
      if (who) {
        REQUIRE(who->self.value > told);
        REQUIRE(who->founding == somebody().founding);
        told = who->self.value;
      }
    }
    fs.crash();
  }
  CHECK(told > 20);
}

TEST_CASE("identity_file: any flipped bit is refused", "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  identity_file file{*lock};
  REQUIRE(file.store(somebody()));
  auto size = fs.find("/data/identity")->bytes().size();
  for (std::size_t at = 0; at < size; ++at) {
    for (auto mask : {1, 8, 32, 128}) {
      INFO("byte " << at << ", mask " << mask);
      fs.find("/data/identity")->flip(at, static_cast<std::uint8_t>(mask));
      auto loaded = file.load();
      REQUIRE(!loaded);
      REQUIRE((loaded.error().code == errc::corrupt
               || loaded.error().code == errc::foreign));
      REQUIRE(loaded.error().what.find("/data/identity") == 0);
      fs.find("/data/identity")->flip(at, static_cast<std::uint8_t>(mask));
    }
  }
  CHECK(file.load());
}

TEST_CASE("identity_file: a foreign, newer, cut or missing file is refused",
          "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  identity_file file{*lock};
  REQUIRE(file.store(somebody()));
  auto text = fs.find("/data/identity")->bytes();
  auto replace = [&](std::string_view with) {
    REQUIRE(replace_file(fs, "/data/identity", with));
    return file.load().error().code;
  };
  CHECK(replace("PGDATA") == errc::foreign);
  CHECK(replace("") == errc::foreign);
  for (std::size_t n = 17; n < text.size(); ++n)
    CHECK(replace(text.substr(0, n)) == errc::corrupt);
  CHECK(replace(text + "x") == errc::corrupt);
  auto newer = text;
  newer[16] = '3';
  newer.resize(newer.find("crc32c"));
  std::string sum;
  put(sum, crc32c(0, newer));
  std::reverse(sum.begin(), sum.end());
  CHECK(replace(newer + "crc32c " + to_hex(sum) + "\n") == errc::foreign);
  CHECK(replace(newer + "crc32c 00000000\n") == errc::corrupt);
  auto unlike = std::string{"troupe identity 9\nsomething else\n"};
  std::string its;
  put(its, crc32c(0, unlike));
  std::reverse(its.begin(), its.end());
  CHECK(replace(unlike + "crc32c " + to_hex(its) + "\n") == errc::foreign);
  REQUIRE(fs.unlink("/data/identity") == 0);
  CHECK_FALSE(*file.load());
  REQUIRE(fs.mkdir("/data/raft") == 0);
  REQUIRE(fs.open("/data/raft/0000000001.log", open_mode::create).error == 0);
  CHECK(file.load().error().code == errc::corrupt);
}

TEST_CASE("identity_file: another cluster's directory is refused",
          "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  identity_file file{*lock};
  REQUIRE(file.store(somebody()));
  auto other = file.start({5});
  REQUIRE(!other);
  CHECK(other.error().code == errc::foreign);
  CHECK(other.error().what.find("01020300") != std::string::npos);
  CHECK(file.start({1, 2, 3})->self.value == 6);
}

TEST_CASE("identity_file: names that cannot stand on a line are refused",
          "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  identity_file file{*lock};
  auto who = somebody();
  who.name = "a\nnode 9";
  CHECK(file.store(who).error().code == errc::invalid);
  who.name = std::string(256, 'a');
  CHECK(file.store(who).error().code == errc::invalid);
  who.name = "";
  who.founding = "";
  REQUIRE(file.store(who));
  CHECK(**file.load() == who);
}

TEST_CASE("partition_state_files: what is saved and synced is loaded",
          "[unit][log]") {
  sim_fs fs{1};
  std::string bytes("s\0t", 3);
  {
    auto lock = directory_lock::acquire(fs, "/data");
    auto files = partition_state_files::open(*lock);
    REQUIRE(files);
    REQUIRE(files->save("Cart.v1", 0, epoch{7}, bytes));
    REQUIRE(files->save("cart.v1", 0, epoch{8}, ""));
    REQUIRE(files->save("a/../b", 4000000000u, epoch{9}, "z"));
    REQUIRE(files->sync());
  }
  fs.crash();
  auto lock = directory_lock::acquire(fs, "/data");
  auto files = partition_state_files::open(*lock);
  auto one = *files->load("Cart.v1", 0);
  REQUIRE(one);
  CHECK(one->bytes == bytes);
  CHECK(one->epoch == epoch{7});
  CHECK((*files->load("cart.v1", 0))->epoch == epoch{8});
  CHECK((*files->load("a/../b", 4000000000u))->bytes == "z");
  CHECK_FALSE(*files->load("cart.v1", 1));
  // The newer one takes the place of the older one.
  REQUIRE(files->save("cart.v1", 0, epoch{10}, "new"));
  CHECK((*files->load("cart.v1", 0))->bytes == "new");
  REQUIRE(files->remove("cart.v1", 0));
  REQUIRE(files->remove("cart.v1", 0));
  CHECK_FALSE(*files->load("cart.v1", 0));
  REQUIRE(files->remove_all());
  CHECK_FALSE(*files->load("Cart.v1", 0));
  CHECK(files->save(std::string(201, 'a'), 0, epoch{1}, "").error().code
        == errc::invalid);
}

TEST_CASE("partition_state_files: a crash leaves whole files or none",
          "[unit][log]") {
  int kept = 0;
  for (std::uint64_t n = 1; n < 200; ++n) {
    sim_fs fs{n};
    {
      auto lock = directory_lock::acquire(fs, "/data");
      auto files = partition_state_files::open(*lock);
      fs.faults.dies_at = fs.calls() + 1 + n % 30;
      for (partition_id p = 0; p < 8; ++p)
        static_cast<void>(
            bool(files->save("r", p, epoch{p + 1}, std::string(1500, 'a'))));
    }
    fs.crash();
    auto lock = directory_lock::acquire(fs, "/data");
    auto files = partition_state_files::open(*lock);
    for (partition_id p = 0; p < 8; ++p) {
      auto got = files->load("r", p);
      REQUIRE(got);
      if (!*got)
        continue;
      REQUIRE((*got)->bytes == std::string(1500, 'a'));
      REQUIRE((*got)->epoch.value == p + 1);
      ++kept;
    }
  }
  CHECK(kept > 100);
}

TEST_CASE("partition_state_files: any flipped bit is refused", "[unit][log]") {
  sim_fs fs{1};
  auto lock = directory_lock::acquire(fs, "/data");
  auto files = partition_state_files::open(*lock);
  REQUIRE(files->save("r", 1, epoch{3}, "state"));
  REQUIRE(files->save("r", 2, epoch{3}, "state"));
  auto* file = fs.find("/data/partitions/r.1.state");
  REQUIRE(file != nullptr);
  for (std::size_t at = 0; at < file->bytes().size(); ++at) {
    INFO(at);
    file->flip(at, 2);
    REQUIRE(!files->load("r", 1));
    REQUIRE(*files->load("r", 2));
    file->flip(at, 2);
  }
  // A file under another one's name.
  REQUIRE(fs.rename("/data/partitions/r.1.state", "/data/partitions/r.3.state")
          == 0);
  CHECK(files->load("r", 3).error().code == errc::foreign);
}

// What those see who read the map while it changes.
#include <test/catch.hpp>

#include <troupe/runtime/map_mirror.hpp>

using namespace troupe;

namespace {

region_record many() {
  region_record out;
  out.id = region_id{1};
  out.settings.name = "r";
  out.settings.partitions = 1000; // of several pages, the last one not full
  out.partitions.resize(1000);
  for (partition_id p = 0; p < 1000; ++p)
    out.partitions[p].owner = node_id{1 + p % 2};
  return out;
}

} // namespace

TEST_CASE("mirror: a copy of a region stays as it was", "[actor][node]") {
  map_mirror mirror;
  auto record = many();
  mirror.update(record);
  auto before = mirror.find("r");
  REQUIRE(before);
  REQUIRE(before->partitions.size() == 1000);
  auto& row = record.partitions[999];
  auto change = [&](std::uint64_t owner) {
    row.owner = node_id{owner};
    mirror.update({region_id{1}, 999}, row);
  };
  change(3);
  auto between = mirror.regions().at(0);
  change(4);
  change(5);
  auto after = mirror.find("r");
  CHECK(before->partitions[999].owner == node_id{2});
  CHECK(between.partitions[999].owner == node_id{3});
  CHECK(after->partitions[999].owner == node_id{5});
  partition_id p = 0;
  after->partitions.each([&](auto& a) {
    CHECK(a.owner == record.partitions[p].owner);
    ++p;
  });
  CHECK(p == 1000);
  // A partition that there is not, as when a region has just shrunk.
  mirror.update({region_id{1}, 1000}, row);
  mirror.update({region_id{2}, 0}, row);
  CHECK(mirror.owned()[node_id{1}]["r"] == 500);
  CHECK(mirror.owned()[node_id{2}]["r"] == 499);
}

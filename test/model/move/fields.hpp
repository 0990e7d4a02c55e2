#pragma once

#include <test/model/digest.hpp>
#include <test/model/expose.hpp>
#include <test/model/move/frame.hpp>
#include <troupe/cluster/move/partition_host.hpp>

/// The fields of a slot and a host. Where one is added to a class, the
/// assertions below fail.
namespace troupe::model {

TROUPE_FIELD(stream_state, stream<message>, state_)
TROUPE_FIELD(stream_route, stream<message>, route_)
TROUPE_FIELD(stream_owner, stream<message>, owner_)
TROUPE_FIELD(stream_started, stream<message>, owner_started_)
TROUPE_FIELD(stream_epoch, stream<message>, epoch_)
TROUPE_FIELD(stream_last, stream<message>, last_)
TROUPE_FIELD(stream_void, stream<message>, void_epoch_)
TROUPE_FIELD(stream_in_the_way, stream<message>, in_the_way_since_)
TROUPE_FIELD(stream_sent, stream<message>, sent_)
TROUPE_FIELD(stream_settled, stream<message>, settled_)
TROUPE_FIELD(stream_unseen, stream<message>, unseen_)
TROUPE_FIELD(stream_taken, stream<message>, taken_)
TROUPE_FIELD(stream_returned, stream<message>, returned_)
TROUPE_FIELD(stream_held, stream<message>, held_)
TROUPE_FIELD(intake_state, intake<message>, state_)
TROUPE_FIELD(intake_epoch, intake<message>, epoch_)
TROUPE_FIELD(intake_parked, intake<message>, parked_)
TROUPE_FIELD(slot_stream, partition_slot<message>, stream_)
TROUPE_FIELD(slot_intake, partition_slot<message>, intake_)
TROUPE_FIELD(host_records, partition_host, records_)
TROUPE_FIELD(host_awaited, partition_host, awaited_)

/// A class of exactly these fields.
template <class... Ts>
struct fields_of;
template <>
struct fields_of<> {};
template <class T, class... Ts>
struct fields_of<T, Ts...> {
  T first;
  [[no_unique_address]] fields_of<Ts...> rest;
};

inline void add(digester& d, const message& x) {
  d.add(x.origin, x.number);
}
inline void add(digester& d, const fence& x) {
  d.add(x.origin, x.epoch, x.asked_by);
}
inline void add(digester& d, const intake<message>::parcel& x) {
  d.add(x.index());
  std::visit([&](auto& one) { add(d, one); }, x);
}
template <class T>
void add(digester& d, const fifo<T>& queue) {
  auto& items = const_cast<fifo<T>&>(queue); // which has no const iterators
  d.add(items.size());
  for (auto& one : items)
    add(d, one);
}
inline void add(digester& d, const route& x) {
  d.add(x.stage, x.quarantined, x.owner, x.epoch, x.version, x.owner_started);
}

inline void add(digester& d, const slot& x) {
  auto& out = field<slot_stream>(x);
  d.add(field<stream_state>(out), field<stream_owner>(out),
        field<stream_started>(out), field<stream_epoch>(out),
        field<stream_last>(out), field<stream_void>(out),
        field<stream_in_the_way>(out), field<stream_sent>(out),
        field<stream_settled>(out), field<stream_unseen>(out),
        field<stream_taken>(out));
  add(d, field<stream_route>(out));
  add(d, field<stream_returned>(out));
  add(d, field<stream_held>(out));
  auto& in = field<slot_intake>(x);
  d.add(field<intake_state>(in), field<intake_epoch>(in));
  add(d, field<intake_parked>(in));
}

inline void add(digester& d, const assignment& x) {
  d.add(x.stage, x.quarantined, x.owner, x.owner_incarnation, x.epoch, x.target,
        x.source, x.source_epoch, x.version, x.failures);
}

// The facts, the effects, the count of the living and what is awaited follow
// from the records.
inline void add(digester& d, const partition_host& x) {
  auto kept = [&](const auto& one) {
    d.add(one.has_value());
    if (!one)
      return;
    d.add(one->epoch, one->state.present, one->sent_to, one->taken_by,
          one->on_disk, one->asked_disk);
    if (one->state.present)
      d.add(std::string_view{*one->state.bytes});
  };
  for (auto& [key, r] : field<host_records>(x)) {
    d.add(key.partition);
    d.add(r.now.stage, r.now.owner, r.now.owner_incarnation, r.now.epoch,
          r.now.target, r.now.source, r.now.source_epoch);
    d.add(r.actor, r.killed, r.epoch, r.failed ? r.failed->epoch : epoch{},
          r.failed && r.failed->unstarted);
    kept(r.saved);
    kept(r.received);
  }
}

// The bytes on their way of a stream decide nothing: there is always room.
static_assert(
    sizeof(stream<message>)
        == sizeof(
            fields_of<fields_of<stream<message>::state, std::pair<bool, bool>>,
                      route, node_id, incarnation, epoch, epoch, epoch,
                      boot_time, std::uint64_t, std::uint64_t, std::uint64_t,
                      fifo<message>, fifo<message>>),
    "another field of stream: give it to the digest");
static_assert(sizeof(intake<message>)
                  == sizeof(fields_of<intake<message>::state, epoch,
                                      fifo<intake<message>::parcel>>),
              "another field of intake: give it to the digest");

} // namespace troupe::model

#pragma once

namespace troupe::model {

/// The rules of a move. One that is false is switched off: the explorer must
/// then find a broken state.
struct rules {
  // Routers. [INV-STREAM-*]
  bool fence_in_order = true;     // fences travel behind what was sent
  bool fence_awaited = true;      // no next stream before the fence is back
  bool greater_epoch = true;      // the next stream has a greater epoch
  bool return_closes = true;      // the first return closes the stream
  bool returned_first = true;     // what came back goes before what was held
  bool given_up_is_void = true;   // late returns of such a stream are ignored
  bool lost_gives_up = true;      // streams to an owner that is down are ended
  bool goodbye_ends = true;       // a goodbye ends the streams to that node
  bool untaken_comes_back = true; // and gives back what it had not taken
  bool goodbye_awaited = true;    // of one that left in order
  bool fence_waits = true;        // as long as no other owner runs
  bool lost_stays_lost = true;    // whatever else it had been assigned
  // Owners. [INV-INTAKE-*]
  bool epoch_checked = true;      // only the actor's own epoch gets in
  bool fence_in_mailbox = true;   // a fence waits for what is before it
  bool marker_parks = true;       // behind the marker nothing gets in
  bool mailbox_comes_back = true; // of an actor that ends
  bool fences_answered = true;    // those of its mailbox too
  // Hosts and leases. [INV-HOST-*, INV-LEASE-*]
  bool state_acknowledged = true; // confirmed only when the target has it
  bool state_kept = true;         // until the map says running
  bool killed_begins_nothing = true;
  bool gate = true;           // nothing begins without a lease
  bool echo_has_index = true; // an echo is good once an index is applied
  bool index_of_last = true;  // the log's last, not the last committed
  // Leaders. [INV-COORD-*, INV-MAP-3]
  bool confirm_awaited = true; // the target starts when the owner has stopped
  bool lease_awaited = true;   // nobody is taken for lost before its lease ends
  bool rollback_new_epoch = true;
  bool rows_name_epoch = true; // a fact of another epoch says nothing
};

} // namespace troupe::model

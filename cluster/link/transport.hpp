#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <troupe/cluster/link/function_ref.hpp>
#include <troupe/cluster/link/metrics.hpp>
#include <troupe/cluster/link/types.hpp>

namespace troupe::link {

/// A refusal that ended a handshake. `by_peer`: the other side said it.
struct refused_link {
  node_id peer; // none: it did not get as far as to say
  std::string address;
  refusal what;
  bool by_peer = false;
};

/// What a transport tells its owner.
///
/// Threads: all functions are called one at a time, on the transport's own
///          thread. They may call the transport, but must not block.
class transport_handler {
public:
  virtual ~transport_handler() = default;

  /// A whole frame. `payload` is valid during the call only. Frames of the
  /// data lane come once, in the order in which they were sent.
  virtual void on_frame(node_id peer, lane way, std::uint8_t kind,
                        std::string_view payload) = 0;

  /// All frames of one read were given: what they cause may begin. Not if the
  /// connection closed within the read.
  virtual void on_pause() {}

  virtual void on_connected(const identity& peer) = 0;
  virtual void on_disconnected(node_id peer, close_reason why) = 0;

  /// The session is over and its frames are void. Comes after
  /// `on_disconnected`, and no frame of that session comes after it.
  virtual void on_session_ended(const session_end& end) = 0;

  /// May this node be linked to us? Protocol, cluster and addressee are checked
  /// already. Asked by both ends. A value refuses; its code becomes `owner`.
  virtual std::optional<refusal> on_hello(const hello& from) = 0;

  /// A handshake was refused, here or by the peer. For the log and the status;
  /// dialling goes on, more slowly.
  virtual void on_refused(const refused_link& what) = 0;

  /// Bytes that no correct peer sends; their connection is closed already.
  virtual void on_malformed(std::string_view remote, malformed_reason why) = 0;

  /// A stranger's request. `reply` may be called once, from any thread, now or
  /// later; further calls do nothing.
  using introduction_reply = std::function<void(std::string)>;
  virtual void on_introduction(std::string request, std::string remote,
                               introduction_reply reply) = 0;
};

/// The port through which a node talks to other nodes: one session for each
/// peer, as DESIGN.md section 7 says.
///
/// In:      peers to keep linked to, frames to send.
/// Out:     calls of the transport_handler.
/// Errors:  refusals as values; never an exception.
/// Threads: all functions are thread-safe. None blocks.
class transport {
public:
  using predicate = function_ref<bool()>;
  using parts = std::span<const std::string_view>;
  using introduction_result = std::variant<std::string, refusal>;
  using introduction_callback = std::function<void(introduction_result)>;

  virtual ~transport() = default;

  /// Says who this node is. Before that only introductions work. Once.
  virtual void set_identity(const identity& self) = 0;

  /// Replaces the set of nodes that are dialled; their sessions begin now, and
  /// take frames before the first connection. A node that is no longer in the
  /// set keeps its session until `drop_peer`. A greater incarnation ends the
  /// session with the older one; a smaller one is ignored.
  virtual void set_peers(const std::vector<peer_address>& peers) = 0;

  /// What is sent to `peer` from now on goes to no start of it before this one:
  /// a session with an earlier one ends, as by `set_peers`. None: says nothing.
  virtual void expect(node_id peer, incarnation started) = 0;

  /// Ends the session with `peer`, its frames are void, and it is dialled no
  /// more. If it dials again, `on_hello` decides.
  virtual void drop_peer(node_id peer) = 0;

  /// Appends one frame, made of `payload`'s parts. Frames that one thread
  /// sends to one peer on one lane keep their order.
  send_result send(node_id to, frame_class how, std::uint8_t kind,
                   parts payload) {
    return send_if(to, how, kind, payload, [] { return true; });
  }

  /// As `send`, if `check` holds. It is called before the append, under the
  /// same lock, so what two threads append keeps the order of their checks.
  /// It must be short and must not call the transport.
  virtual send_result send_if(node_id to, frame_class how, std::uint8_t kind,
                              parts payload, predicate check) = 0;

  /// Asks a node that need not be a peer, over a connection of its own.
  /// `done` is called once, on the transport's thread.
  virtual void introduce(const std::string& address, std::string request,
                         std::chrono::milliseconds timeout,
                         introduction_callback done) = 0;

  virtual link::metrics metrics() const = 0;
};

} // namespace troupe::link

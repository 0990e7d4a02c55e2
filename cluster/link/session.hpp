#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include <troupe/cluster/link/types.hpp>

namespace troupe::link {

/// What any hello must satisfy, whoever it comes from: a protocol in common,
/// our cluster, meant for us. Nothing: it does.
std::optional<refusal> check_hello(const hello& x, const identity& self,
                                   protocol_range ours);

/// The protocol that two sides with something in common speak.
std::uint32_t choose_protocol(protocol_range a, protocol_range b);

/// Decides which handshakes may carry on the session with one peer, and which
/// of two connections is kept. It knows the peer's process, its number of the
/// session, and the dials seen; frames are not its business.
///
/// In:         hellos, welcomes, connections that come and go.
/// Out:        refusals, or what accepting means.
/// Invariants: a session number of the peer, once learned, does not change
///             while ours stays; an older dial never replaces a newer one; of
///             two dials that cross, both ends keep the lower node's.
class session {
public:
  /// A greater incarnation than `known`, or another session of the peer's
  /// process, voids ours: `restart` says why.
  struct plan {
    std::optional<end_reason> restart;
  };

  /// Ours ended; the next one is `serial`. The peer's process and its dials
  /// stay known. 0: none yet.
  void begin(std::uint64_t serial);
  std::uint64_t serial() const { return serial_; }
  const identity& peer() const { return peer_; }

  /// The connection.
  void dialling();                      // not heard of by the peer yet
  void greeting(std::uint64_t attempt); // our hello is under way
  void live_dialled();                  // our hello was answered
  void disconnected();
  bool live() const;

  /// What we claim in a hello, or in the answer to one.
  resume_claim claim(std::uint64_t attempt, std::uint64_t received) const;

  /// A hello of the peer, checked by `check_hello`. `known` is the incarnation
  /// that our session is with, `gone` the last one that said goodbye; both may
  /// be none.
  std::variant<refusal, plan> judge(const hello& x, const identity& self,
                                    incarnation known, incarnation gone) const;

  /// As planned. After a restart `begin` comes first.
  void accept(const hello& x);

  /// The answer to our hello. A plan with `restart` means: the peer was started
  /// anew and has taken up our session, which has to begin at 1 again under
  /// the same number.
  std::variant<refusal, plan> judge_welcome(const hello& x,
                                            const identity& self,
                                            incarnation known,
                                            incarnation gone) const;
  void welcomed(const hello& x);

private:
  struct idle {};
  struct connecting {};
  struct greeted {
    std::uint64_t attempt;
  };
  struct live_by_us {
    std::uint64_t attempt;
  };
  struct live_by_peer {};

  std::optional<refusal> check_process(const hello& x, incarnation known,
                                       incarnation gone) const;
  std::optional<refusal> check_race(const hello& x, const identity& self) const;
  void learn(const hello& x);

  std::uint64_t serial_ = 0;
  identity peer_;                  // of its last handshake
  std::uint64_t peer_session_ = 0; // 0: not met in this session
  std::uint64_t attempt_seen_ = 0; // of the process peer_.boot
  std::variant<idle, connecting, greeted, live_by_us, live_by_peer> connection_;
};

} // namespace troupe::link

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/buffer.hpp>

#include <troupe/cluster/link/outbox.hpp>
#include <troupe/cluster/link/wire.hpp>
#include <troupe/runtime/link/net.hpp>

namespace troupe::link {

/// One TCP connection that carries pieces, both ways.
///
/// In:      single frames of the handshake (`send`), batches asked from the
///          owner whenever the socket can take one.
/// Out:     pieces to the owner, as they come.
/// Errors:  `on_failed`, once, when the network or the peer ended it; never
///          after `close`.
/// Threads: the transport's thread; the duplicate may be written to from others
///          while no batch is under way here.
class connection : public std::enable_shared_from_this<connection> {
public:
  class owner {
  public:
    virtual void on_piece(connection& from, const piece& x) = 0;

    /// All pieces of one read were given.
    virtual void on_burst(connection&) {}

    /// Fill `out`, or leave it empty until the next `pump`.
    virtual void on_writable(connection&, batch& out) { out.clear(); }

    virtual void on_failed(connection& from,
                           std::optional<malformed_reason> why) = 0;

  protected:
    ~owner() = default;
  };

  connection(tcp_socket socket, std::size_t read_buffer_bytes, owner& to);

  void set_owner(owner& to) { owner_ = &to; }
  void start();

  /// Writes the preamble, if this is the first, and then `frames`.
  void send(std::string frames);

  /// The same, and then ends our direction; what still comes is not looked at.
  void finish(std::string frames);

  /// Asks the owner for a batch unless a write is under way.
  void pump();

  /// For whoever writes in turns with us.
  socket_copy duplicate() { return socket_copy{socket_}; }

  /// No call of the owner follows.
  void close();
  bool closed() const { return closed_; }
  bool finishing() const { return finishing_; }
  bool writing() const { return writing_; }

  const std::string& remote() const { return remote_; }
  steady_clock::time_point heard() const { return heard_; }
  steady_clock::time_point sent() const { return sent_; }

  /// We ourselves were stopped for a while: the peer is not to blame.
  void forgive(steady_clock::time_point now) { heard_ = now; }

private:
  void read();
  void on_read(error_code e, std::size_t count);
  template <class Buffers>
  void write(const Buffers& what);
  void fail(std::optional<malformed_reason> why);

  tcp_socket socket_;
  owner* owner_;
  std::string remote_;
  frame_reader reader_;
  std::string waiting_; // of send
  std::string single_;  // under way
  batch batch_;         // under way
  std::vector<asio::const_buffer> buffers_;
  steady_clock::time_point heard_;
  steady_clock::time_point sent_;
  bool writing_ = false;
  bool finishing_ = false;
  bool closed_ = false;
};

} // namespace troupe::link

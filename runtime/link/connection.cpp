#include <troupe/runtime/link/connection.hpp>

#include <limits>
#include <span>
#include <utility>

#include <boost/asio/write.hpp>

namespace troupe::link {

connection::connection(tcp_socket socket, std::size_t read_buffer_bytes,
                       owner& to)
    : socket_(std::move(socket)),
      owner_(&to),
      reader_(read_buffer_bytes),
      waiting_(preamble),
      heard_(steady_clock::now()),
      sent_(heard_) {
  error_code e;
  auto from = socket_.remote_endpoint(e);
  remote_ = e ? "?" : to_string(from);
}

void connection::start() {
  read();
}

void connection::send(std::string frames) {
  waiting_ += frames;
  pump();
}

void connection::finish(std::string frames) {
  finishing_ = true;
  send(std::move(frames));
}

void connection::pump() {
  if (writing_ || closed_)
    return;
  if (!waiting_.empty()) {
    single_ = std::exchange(waiting_, {});
    return write(asio::buffer(single_));
  }
  if (finishing_) {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    return;
  }
  owner_->on_writable(*this, batch_);
  if (batch_.empty())
    return;
  buffers_.clear();
  for (auto slice : batch_.slices)
    buffers_.emplace_back(slice.data(), slice.size());
  write(std::span<const asio::const_buffer>{buffers_});
}

template <class Buffers>
void connection::write(const Buffers& what) {
  writing_ = true;
  sent_ = steady_clock::now();
  // Not transfer_all: it would cut a batch into writes of 64 KiB.
  auto whole = [](error_code e, std::size_t) {
    return e ? 0 : std::numeric_limits<std::size_t>::max();
  };
  asio::async_write(socket_, what, whole,
                    [self = shared_from_this()](error_code e, std::size_t) {
                      // After an error nothing is written any more; what the
                      // peer said before it left is still read, to the end.
                      if (e)
                        return;
                      self->writing_ = false;
                      self->pump();
                    });
}

void connection::read() {
  auto space = reader_.space();
  socket_.async_read_some(
      asio::buffer(space.data(), space.size()),
      [self = shared_from_this()](error_code e, std::size_t count) {
        self->on_read(e, count);
      });
}

void connection::on_read(error_code e, std::size_t count) {
  if (closed_)
    return;
  if (e)
    return fail(std::nullopt);
  heard_ = steady_clock::now();
  if (finishing_)
    return read();
  reader_.commit(count);
  piece x;
  auto status = reader_.next(x);
  while (status == frame_reader::status::piece) {
    owner_->on_piece(*this, x);
    if (closed_)
      return;
    if (finishing_)
      break;
    status = reader_.next(x);
  }
  owner_->on_burst(*this);
  if (closed_)
    return;
  if (status == frame_reader::status::malformed)
    return fail(reader_.reason());
  read();
}

void connection::close() {
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
}

void connection::fail(std::optional<malformed_reason> why) {
  close();
  owner_->on_failed(*this, why);
}

} // namespace troupe::link

#include <troupe/runtime/http/event_writer.hpp>

#include <troupe/runtime/http/to_json.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/write.hpp>

namespace troupe::http {

namespace net = boost::asio;
namespace beast_http = boost::beast::http;

/// Held by the backend for as long as it likes. The executor must go before the
/// context that it belongs to.
struct event_writer::wakeup {
  std::shared_ptr<server_core> core;
  boost::asio::any_io_executor executor;
  std::weak_ptr<event_writer> writer;
  std::atomic<bool> pending{false};
};

event_writer::event_writer(std::shared_ptr<server_core> core,
                           boost::beast::tcp_stream& stream, event_stream what,
                           on_done done)
    : core_(std::move(core)),
      stream_(stream),
      what_(what),
      done_(std::move(done)) {
}

void event_writer::start(unsigned http_version, bool keep_alive) {
  chunked_ = http_version >= 11;
  keep_alive_ = keep_alive && chunked_;
  head_.version(http_version);
  head_.set(beast_http::field::server, "troupe");
  head_.set(beast_http::field::content_type, "application/x-ndjson");
  head_.set(beast_http::field::cache_control, "no-store");
  head_.keep_alive(keep_alive_);
  head_.chunked(chunked_);
  serializer_.emplace(head_);
  if (what_.follow) {
    watch();
    subscribe();
  }
  writing_ = true;
  stream_.expires_after(core_->settings().write_timeout);
  beast_http::async_write_header(
      stream_, *serializer_,
      [self = shared_from_this()](error_code ec, std::size_t) {
        self->writing_ = false;
        if (ec)
          self->end(false);
        else
          self->pump();
      });
}

/// Learns that the client left. What it sends now cannot be a request that
/// anyone will answer.
void event_writer::watch() {
  stream_.expires_never();
  stream_.async_read_some(
      net::buffer(ignored_),
      [self = shared_from_this()](error_code ec, std::size_t) {
        if (ec)
          self->end(false);
        else if (self->done_)
          self->watch();
      });
}

void event_writer::subscribe() {
  wakeup_ = std::make_shared<wakeup>();
  wakeup_->core = core_;
  wakeup_->executor = stream_.get_executor();
  wakeup_->writer = weak_from_this();
  subscription_ =
      core_->api().backend().on_events(what_.sequence, [w = wakeup_] {
        if (w->pending.exchange(true))
          return;
        net::post(w->executor, [w] {
          w->pending = false;
          if (auto self = w->writer.lock())
            self->pump();
        });
      });
}

void event_writer::pump() {
  if (writing_ || !done_)
    return;
  event_page page;
  try {
    page = core_->api().backend().events(
        what_.sequence, what_.since, core_->settings().events_per_write_max);
  } catch (const std::exception&) {
    core_->count_closed("internal");
    return end(false);
  }
  if (page.gap)
    what_.since = page.gap->last;
  if (!page.events.empty())
    what_.since = page.events.back().seq;
  if (page.gap || !page.events.empty())
    write(to_lines(page));
  else if (!what_.follow)
    write_end();
}

void event_writer::write(std::string text) {
  writing_ = true;
  page_ = std::move(text);
  stream_.expires_after(core_->settings().write_timeout);
  auto then = [self = shared_from_this()](error_code ec, std::size_t) {
    self->writing_ = false;
    if (ec == boost::beast::error::timeout)
      self->core_->count_closed("slow_reader");
    if (ec)
      self->end(false);
    else
      self->pump();
  };
  if (chunked_)
    net::async_write(stream_, beast_http::make_chunk(net::buffer(page_)), then);
  else
    net::async_write(stream_, net::buffer(page_), then);
}

void event_writer::write_end() {
  if (!chunked_)
    return end(false);
  writing_ = true;
  stream_.expires_after(core_->settings().write_timeout);
  net::async_write(stream_, beast_http::make_chunk_last(),
                   [self = shared_from_this()](error_code ec, std::size_t) {
                     self->end(!ec && self->keep_alive_);
                   });
}

void event_writer::end(bool usable) {
  if (!done_)
    return;
  subscription_.reset();
  auto done = std::move(done_);
  done_ = nullptr;
  done(usable);
}

} // namespace troupe::http

#include <troupe/runtime/http/connection.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

namespace troupe::http {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace beast_http = boost::beast::http;

namespace {

constexpr std::size_t read_bytes = 16 * 1024;

} // namespace

connection::connection(std::shared_ptr<server_core> core,
                       net::ip::tcp::socket socket)
    : core_(std::move(core)),
      stream_(std::move(socket)),
      late_(stream_.get_executor()),
      buffer_(core_->settings().header_bytes_max + 4 * read_bytes) {
}

connection::~connection() {
  release_body();
  if (number_)
    core_->leave(number_);
}

bool connection::start() {
  number_ = core_->enter(weak_from_this());
  if (!number_)
    return false;
  error_code ignored;
  stream_.socket().set_option(net::ip::tcp::no_delay(true), ignored);
  stream_.socket().set_option(net::socket_base::keep_alive(true), ignored);
  net::post(stream_.get_executor(),
            [self = shared_from_this()] { self->read_first(); });
  return true;
}

void connection::turn_away(std::string_view text) {
  error_code ignored;
  stream_.socket().non_blocking(true, ignored);
  stream_.socket().write_some(net::buffer(text), ignored);
  stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, ignored);
}

void connection::finish() {
  net::post(stream_.get_executor(), [self = shared_from_this()] {
    self->last_ = true;
    if (self->state_ == state::idle || self->state_ == state::streaming)
      self->stream_.close();
  });
}

void connection::abort() {
  net::post(stream_.get_executor(), [self = shared_from_this()] {
    self->last_ = true;
    self->late_.cancel();
    self->stream_.close();
  });
}

// -- reading ------------------------------------------------------------------

/// Between requests a client may be idle; once it began one, it must go on.
void connection::read_first() {
  state_ = state::idle;
  if (last_)
    return stream_.close();
  if (buffer_.size() > 0)
    return read_header();
  auto& settings = core_->settings();
  stream_.expires_after(request_ ? settings.idle_timeout
                                 : settings.header_timeout);
  stream_.async_read_some(
      buffer_.prepare(read_bytes),
      [self = shared_from_this()](error_code ec, std::size_t n) {
        self->buffer_.commit(n);
        if (ec)
          self->on_read_error(ec);
        else
          self->read_header();
      });
}

void connection::read_header() {
  state_ = state::reading;
  ++request_;
  route_ = {};
  asked_ = std::chrono::steady_clock::now();
  parser_.emplace();
  parser_->header_limit(
      static_cast<std::uint32_t>(core_->settings().header_bytes_max));
  parser_->body_limit(core_->settings().body_bytes_max);
  stream_.expires_after(core_->settings().header_timeout);
  beast_http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code ec, std::size_t) {
        self->on_header(ec);
      });
}

/// What can be refused before the body is there.
std::optional<api_error> connection::check_header() {
  auto& head = parser_->get();
  auto origin = head[beast_http::field::origin];
  auto at = origin.find("://");
  auto from = at == origin.npos ? origin : origin.substr(at + 3);
  if (!origin.empty() && head.method() != beast_http::verb::get
      && from != head[beast_http::field::host])
    return api_error{api_errc::cross_origin,
                     "a page of " + std::string(origin)
                         + " may not give commands to this node"};
  if (parser_->is_done())
    return std::nullopt;
  auto bytes = parser_->content_length_remaining().value_or(
      core_->settings().body_bytes_max);
  if (!core_->reserve(bytes))
    return api_error{api_errc::overloaded,
                     "the node is busy with other large requests"};
  reserved_ = bytes;
  return std::nullopt;
}

void connection::on_header(error_code ec) {
  if (ec)
    return on_read_error(ec);
  if (auto error = check_header())
    return refuse_and_close(std::move(*error));
  if (!beast::iequals(parser_->get()[beast_http::field::expect],
                      "100-continue"))
    return read_body();
  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_.expires_after(core_->settings().write_timeout);
  net::async_write(stream_, net::buffer(go_on),
                   [self = shared_from_this()](error_code ec, std::size_t) {
                     if (!ec)
                       self->read_body();
                   });
}

void connection::read_body() {
  stream_.expires_after(core_->settings().body_timeout);
  beast_http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code ec, std::size_t) {
        if (ec)
          self->on_read_error(ec);
        else
          self->answer();
      });
}

void connection::on_read_error(error_code ec) {
  auto& settings = core_->settings();
  if (ec == beast::error::timeout) {
    // The stream is closed by now: nothing can be said any more.
    if (state_ == state::reading)
      core_->count_closed("slow_writer");
  } else if (ec == beast_http::error::body_limit) {
    refuse_and_close(
        {api_errc::body_too_large, "the body is over "
                                       + std::to_string(settings.body_bytes_max)
                                       + " bytes"});
  } else if (ec == beast_http::error::header_limit
             || ec == beast_http::error::buffer_overflow) {
    refuse_and_close({api_errc::header_too_large,
                      "the request line and headers are over "
                          + std::to_string(settings.header_bytes_max)
                          + " bytes"});
  } else if (ec.category()
                 == beast_http::make_error_code(beast_http::error::bad_version)
                        .category()
             && ec != beast_http::error::end_of_stream
             && ec != beast_http::error::partial_message) {
    core_->count_closed("malformed");
    refuse_and_close({api_errc::malformed, "this is not HTTP: " + ec.message(),
                      "speak HTTP/1.1 to this port"});
  }
}

// -- answering ----------------------------------------------------------------

void connection::answer() {
  state_ = state::waiting;
  auto& message = parser_->get();
  api_request request{std::string(message.method_string()),
                      std::string(message.target()), std::move(message.body())};
  auto verdict = core_->api().handle(std::move(request), answerer());
  route_ = verdict.route;
  // What holds the connection until the reply is the timer.
  late_.expires_after(verdict.timeout + core_->settings().answer_grace);
  late_.async_wait([self = shared_from_this(), n = request_](error_code ec) {
    if (!ec)
      self->on_late(n);
  });
}

/// Held by the backend until it answers, which may be after the server's end.
respond connection::answerer() {
  struct way_back {
    std::shared_ptr<server_core> core; // goes after the executor
    net::any_io_executor executor;
    std::weak_ptr<connection> to;
    std::uint64_t request;
  };
  auto way = std::make_shared<way_back>(
      way_back{core_, stream_.get_executor(), weak_from_this(), request_});
  return [way](api_reply reply) {
    net::post(way->executor, [to = way->to, request = way->request,
                              reply = std::move(reply)]() mutable {
      if (auto self = to.lock())
        self->on_reply(request, std::move(reply));
    });
  };
}

void connection::on_late(std::uint64_t request) {
  on_reply(request, to_answer({api_errc::outcome_unknown,
                               "the node did not answer in time"}));
}

void connection::on_reply(std::uint64_t request, api_reply reply) {
  if (state_ != state::waiting || request != request_)
    return;
  late_.cancel();
  release_body();
  if (auto whole = std::get_if<api_answer>(&reply))
    return write(std::move(*whole));
  auto& what = std::get<event_stream>(reply);
  if (parser_->get().method() == beast_http::verb::head)
    return write({200, {}, "application/x-ndjson"});
  state_ = state::streaming;
  core_->count_request(route_, 200, 0);
  auto done = [self = shared_from_this(), follow = what.follow](bool usable) {
    self->events_.reset();
    if (follow)
      self->stream_.close(); // the writer's read may still be under way
    else
      self->next(usable);
  };
  events_ = std::make_shared<event_writer>(core_, stream_, what, done);
  events_->start(parser_->get().version(),
                 !last_ && !what.follow && parser_->keep_alive());
}

void connection::write(api_answer answer) {
  state_ = state::writing;
  std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - asked_;
  core_->count_request(route_, answer.status, took.count());
  bool head = parser_->get().method() == beast_http::verb::head;
  response_.emplace(static_cast<beast_http::status>(answer.status),
                    parser_->get().version());
  auto& x = *response_;
  x.set(beast_http::field::server, "troupe");
  x.set(beast_http::field::content_type, answer.content_type);
  x.set(beast_http::field::cache_control, "no-store");
  x.set("X-Content-Type-Options", "nosniff");
  for (auto& [name, value] : answer.headers)
    x.set(name, value);
  x.keep_alive(!last_ && parser_->keep_alive());
  x.content_length(answer.body.size());
  if (!head)
    x.body() = std::move(answer.body);
  stream_.expires_after(core_->settings().write_timeout);
  beast_http::async_write(
      stream_, x, [self = shared_from_this()](error_code ec, std::size_t) {
        if (ec == beast::error::timeout)
          self->core_->count_closed("slow_reader");
        if (!ec)
          self->next(self->response_->keep_alive());
      });
}

void connection::refuse_and_close(api_error error) {
  last_ = true;
  write(to_answer(error));
}

void connection::next(bool keep_alive) {
  response_.reset();
  if (keep_alive && !last_)
    read_first();
  else
    linger();
}

// -- closing ------------------------------------------------------------------

/// Closing with input unread would make the kernel throw away what the client
/// has not read yet; so the input is read first, for a while.
void connection::linger() {
  state_ = state::closing;
  error_code ec;
  stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, ec);
  if (ec)
    return stream_.close();
  stream_.expires_after(core_->settings().linger_timeout);
  read_away();
}

void connection::read_away() {
  buffer_.clear();
  stream_.async_read_some(
      buffer_.prepare(read_bytes),
      [self = shared_from_this()](error_code ec, std::size_t) {
        if (ec)
          self->stream_.close();
        else
          self->read_away();
      });
}

void connection::release_body() {
  if (reserved_)
    core_->release(reserved_);
  reserved_ = 0;
}

} // namespace troupe::http

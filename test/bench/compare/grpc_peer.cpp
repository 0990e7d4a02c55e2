// gRPC. Unary calls over completion queues, one thread a process, which is
// faster here than its callbacks; streams whose writes are gathered while more
// is waiting.
//
//   serve                        prints ready PORT
//   relay --to PORT              unary in, unary out
//   one-way --to PORT            a stream of messages
//   request --to PORT --outstanding N
//   stream --to PORT --outstanding N     requests and answers as streams
#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "envelope.grpc.pb.h"
#include "load.hpp"

namespace {

using namespace compare;

std::unique_ptr<Relay::Stub> dial(const arguments& args) {
  auto channel = grpc::CreateChannel("127.0.0.1:" + args.text("to"),
                                     grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(std::chrono::system_clock::now()
                                 + std::chrono::seconds{5}))
    fail("no connection");
  return Relay::NewStub(channel);
}

// Gathered while more waits behind it.
grpc::WriteOptions write_options(bool more) {
  grpc::WriteOptions out;
  if (more)
    out.set_buffer_hint();
  return out;
}

// -- the answering side -------------------------------------------------------

/// Answers a stream; reads on while writes wait.
class exchange : public grpc::ServerBidiReactor<Envelope, Envelope> {
public:
  exchange() { StartRead(&in_); }

  void OnReadDone(bool ok) override {
    std::lock_guard guard{mutex_};
    if (!ok) {
      ended_ = true;
      if (waiting_.empty())
        Finish(grpc::Status::OK);
      return;
    }
    waiting_.push_back(std::move(in_));
    if (waiting_.size() == 1)
      StartWrite(&waiting_.front());
    StartRead(&in_);
  }

  void OnWriteDone(bool) override {
    std::lock_guard guard{mutex_};
    waiting_.pop_front();
    if (!waiting_.empty())
      StartWrite(&waiting_.front(), write_options(waiting_.size() > 1));
    else if (ended_)
      Finish(grpc::Status::OK);
  }

  void OnDone() override { delete this; }

private:
  std::mutex mutex_;
  std::deque<Envelope> waiting_;
  bool ended_ = false;
  Envelope in_;
};

using service_base = Relay::WithAsyncMethod_Ask<
    Relay::WithCallbackMethod_Exchange<Relay::Service>>;

class service : public service_base {
public:
  grpc::ServerBidiReactor<Envelope, Envelope>*
  Exchange(grpc::CallbackServerContext*) override {
    return new exchange;
  }

  grpc::Status
  Push(grpc::ServerContext*,
       grpc::ServerReaderWriter<Count, Envelope>* stream) override {
    std::uint64_t plain = 0;
    Envelope in;
    Count out;
    while (stream->Read(&in)) {
      ++plain;
      if (in.id() == 0)
        continue;
      out.set_messages(plain);
      stream->Write(out);
    }
    return grpc::Status::OK;
  }
};

/// One call that arrives here: answered, or asked of the next server first.
class arrival {
public:
  arrival(service& of, grpc::ServerCompletionQueue& queue, Relay::Stub* next)
      : of_(of), queue_(queue), next_(next) {
    of_.RequestAsk(&context_, &in_, &writer_, &queue_, &queue_, this);
  }

  void go_on(bool ok) {
    if (!ok || step_ == step::answered) {
      delete this;
      return;
    }
    if (step_ == step::arriving) {
      new arrival{of_, queue_, next_};
      if (next_) {
        step_ = step::asked;
        reader_ = next_->AsyncAsk(&ahead_, in_, &queue_);
        reader_->Finish(&out_, &status_, this);
        return;
      }
      out_ = std::move(in_);
    }
    step_ = step::answered;
    writer_.Finish(out_, status_, this);
  }

private:
  enum class step { arriving, asked, answered };

  service& of_;
  grpc::ServerCompletionQueue& queue_;
  Relay::Stub* next_;
  step step_ = step::arriving;
  grpc::ServerContext context_;
  grpc::ClientContext ahead_;
  Envelope in_;
  Envelope out_;
  grpc::Status status_;
  grpc::ServerAsyncResponseWriter<Envelope> writer_{&context_};
  std::unique_ptr<grpc::ClientAsyncResponseReader<Envelope>> reader_;
};

[[noreturn]] void serve(Relay::Stub* next) {
  service of;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&of);
  auto queue = builder.AddCompletionQueue();
  auto server = builder.BuildAndStart();
  if (!server)
    fail("no server");
  for (int i = 0; i < 64; ++i)
    new arrival{of, *queue, next};
  say_ready(std::to_string(port));
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok))
    static_cast<arrival*>(tag)->go_on(ok);
  std::_Exit(0);
}

// -- the asking side ----------------------------------------------------------

Envelope make_envelope() {
  Envelope out;
  out.set_epoch(17);
  out.set_payload(std::string(payload_bytes, 'x'));
  return out;
}

struct call {
  std::unique_ptr<grpc::ClientContext> context;
  Envelope in;
  Envelope out;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Envelope>> reader;
  steady_clock::time_point sent;
};

void request(Relay::Stub& to, load& of, std::size_t outstanding) {
  auto& into = of.add_recorder();
  grpc::CompletionQueue queue;
  std::vector<call> calls(outstanding);
  auto ask = [&](call& x) {
    x.sent = steady_clock::now();
    x.context = std::make_unique<grpc::ClientContext>();
    x.reader = to.AsyncAsk(x.context.get(), x.in, &queue);
    x.reader->Finish(&x.out, &x.status, &x);
  };
  for (auto& x : calls) {
    x.in = make_envelope();
    ask(x);
  }
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
    auto& x = *static_cast<call*>(tag);
    if (!x.status.ok())
      fail(x.status.error_message());
    into.done_since(x.sent);
    ask(x);
  }
}

class conversation : public grpc::ClientBidiReactor<Envelope, Envelope> {
public:
  conversation(Relay::Stub& to, load& of, std::size_t outstanding)
      : into_(of.add_recorder()), sent_(outstanding), out_(make_envelope()) {
    to.async()->Exchange(&context_, this);
    for (std::size_t i = 0; i < outstanding; ++i)
      waiting_.push_back(i);
    StartRead(&in_);
    write_next();
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok)
      fail("the stream ended");
    {
      std::lock_guard guard{mutex_};
      into_.done_since(sent_[in_.id()]);
      waiting_.push_back(in_.id());
      if (waiting_.size() == 1 && !writing_)
        write_next();
    }
    StartRead(&in_);
  }

  void OnWriteDone(bool) override {
    std::lock_guard guard{mutex_};
    writing_ = false;
    if (!waiting_.empty())
      write_next();
  }

private:
  void write_next() {
    auto id = waiting_.front();
    waiting_.pop_front();
    out_.set_id(id);
    sent_[id] = steady_clock::now();
    writing_ = true;
    StartWrite(&out_, write_options(!waiting_.empty()));
  }

  recorder& into_;
  grpc::ClientContext context_;
  std::mutex mutex_;
  std::deque<std::uint64_t> waiting_;
  std::vector<steady_clock::time_point> sent_;
  bool writing_ = false;
  Envelope in_;
  Envelope out_;
};

// What flow control lets through.
void one_way(Relay::Stub& to, load& of) {
  auto& into = of.add_recorder();
  grpc::ClientContext context;
  auto stream = to.Push(&context);
  std::thread{[&] {
    Count x;
    for (std::uint64_t seen = 0; stream->Read(&x);)
      into.done(x.messages() - std::exchange(seen, x.messages()));
  }}.detach();
  auto message = make_envelope();
  for (std::uint64_t sent = 1;; ++sent) {
    bool count = sent % 500 == 0;
    message.set_id(count ? sent : 0);
    message.set_partition(static_cast<std::uint32_t>(sent % 1000));
    if (!stream->Write(message, write_options(!count)))
      fail("the stream ended");
  }
}

} // namespace

int main(int argc, char** argv) {
  arguments args{argc, argv};
  auto& role = args.role();
  if (role == "serve")
    serve(nullptr);
  auto to = dial(args);
  if (role == "relay")
    serve(to.get());
  load all{args};
  auto outstanding = args.count("outstanding", 1);
  if (role == "stream")
    new conversation{*to, all, outstanding};
  else
    std::thread{[&] {
      role == "one-way" ? one_way(*to, all) : request(*to, all, outstanding);
    }}.detach();
  all.run();
  std::_Exit(0);
}

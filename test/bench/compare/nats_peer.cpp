// NATS, with its C client: client, server and this peer's answering process.
//
//   serve --to PORT              prints ready
//   one-way --to PORT
//   request --to PORT --outstanding N
//
// With one request at a time all is sent at once; else the client's own
// batching is faster.
#include <nats/nats.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "load.hpp"

namespace {

using namespace compare;

void check(natsStatus x, const char* what) {
  if (x != NATS_OK)
    fail(std::string{what} + ": " + natsStatus_GetText(x));
}

natsConnection* dial(const arguments& args) {
  natsOptions* options = nullptr;
  natsConnection* out = nullptr;
  auto url = "nats://127.0.0.1:" + args.text("to");
  check(natsOptions_Create(&options), "options");
  check(natsOptions_SetURL(options, url.c_str()), "url");
  check(natsOptions_SetSendAsap(options, args.count("outstanding", 0) == 1),
        "send at once");
  check(natsConnection_Connect(&out, options), "connect");
  natsOptions_Destroy(options);
  return out;
}

void subscribe(natsConnection* to, const char* subject,
               natsMsgHandler on_message, void* with) {
  natsSubscription* out = nullptr;
  check(natsConnection_Subscribe(&out, to, subject, on_message, with),
        "subscribe");
  check(natsSubscription_SetPendingLimits(out, -1, -1), "limits");
  check(natsConnection_Flush(to), "flush");
}

// Plain messages and requests come in order: one subject with a sub-subject.
void on_question(natsConnection* from, natsSubscription*, natsMsg* x,
                 void* with) {
  auto& plain = *static_cast<std::uint64_t*>(with);
  if (auto* reply = natsMsg_GetReply(x)) {
    if (natsMsg_GetDataLength(x) > 0) {
      natsConnection_Publish(from, reply, natsMsg_GetData(x),
                             natsMsg_GetDataLength(x));
    } else {
      natsConnection_Publish(from, reply, &plain, sizeof plain);
    }
  } else {
    ++plain;
  }
  natsMsg_Destroy(x);
}

[[noreturn]] void serve(const arguments& args) {
  static std::uint64_t plain = 0;
  subscribe(dial(args), "bench", on_question, &plain);
  say_ready();
  for (;;)
    std::this_thread::sleep_for(std::chrono::hours{1});
}

// The server drops a subscriber that is too far behind, so no more than some
// thousands are under way.
class flood {
public:
  flood(natsConnection* to, load& of)
      : to_(to), load_(of), into_(of.add_recorder()) {
    natsInbox* inbox = nullptr;
    check(natsInbox_Create(&inbox), "inbox");
    inbox_ = inbox;
    subscribe(to_, inbox, on_count, this);
  }

  void run() {
    std::string payload(payload_bytes, 'x');
    std::uint64_t sent = 0;
    while (!load_.over()) {
      for (int i = 0; i < 1000; ++i, ++sent)
        check(natsConnection_Publish(to_, "bench", payload.data(),
                                     static_cast<int>(payload.size())),
              "publish");
      check(natsConnection_PublishRequest(to_, "bench", inbox_.c_str(), "", 0),
            "count");
      while (sent - seen_ > 100'000 && !load_.over())
        std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
  }

private:
  static void on_count(natsConnection*, natsSubscription*, natsMsg* x,
                       void* with) {
    auto* self = static_cast<flood*>(with);
    std::uint64_t handled = 0;
    std::memcpy(&handled, natsMsg_GetData(x), sizeof handled);
    self->into_.done(handled - self->seen_.exchange(handled));
    natsMsg_Destroy(x);
  }

  natsConnection* to_;
  load& load_;
  recorder& into_;
  std::string inbox_;
  std::atomic<std::uint64_t> seen_{0};
};

// One wildcard subscription takes all answers; the last part of its subject is
// the number of the request.
class asker {
public:
  asker(natsConnection* to, load& of, std::size_t outstanding)
      : to_(to), into_(of.add_recorder()), sent_(outstanding) {
    natsInbox* inbox = nullptr;
    check(natsInbox_Create(&inbox), "inbox");
    for (std::size_t i = 0; i < outstanding; ++i)
      inboxes_.push_back(std::string{inbox} + "." + std::to_string(i));
    prefix_ = std::strlen(inbox) + 1;
    subscribe(to_, (std::string{inbox} + ".*").c_str(), on_answer, this);
    for (std::size_t i = 0; i < outstanding; ++i)
      ask(i);
  }

private:
  void ask(std::size_t i) {
    sent_[i] = steady_clock::now();
    check(natsConnection_PublishRequest(to_, "bench", inboxes_[i].c_str(),
                                        payload_.data(),
                                        static_cast<int>(payload_.size())),
          "ask");
  }

  static void on_answer(natsConnection*, natsSubscription*, natsMsg* x,
                        void* with) {
    auto* self = static_cast<asker*>(with);
    auto i = std::strtoull(natsMsg_GetSubject(x) + self->prefix_, nullptr, 10);
    natsMsg_Destroy(x);
    self->into_.done_since(self->sent_[i]);
    self->ask(i);
  }

  natsConnection* to_;
  recorder& into_;
  std::vector<steady_clock::time_point> sent_;
  std::vector<std::string> inboxes_;
  std::size_t prefix_ = 0;
  std::string payload_ = std::string(payload_bytes, 'x');
};

} // namespace

int main(int argc, char** argv) {
  arguments args{argc, argv};
  auto& role = args.role();
  if (role == "serve")
    serve(args);
  auto* server = dial(args);
  load all{args};
  if (role == "one-way") {
    flood one{server, all};
    std::thread{[&] { one.run(); }}.detach();
    all.run();
    std::_Exit(0);
  }
  asker one{server, all, args.count("outstanding", 1)};
  all.run();
  std::_Exit(0);
}

// The first inputs of a corpus, as correct nodes would say them: written with
// `unit_fuzz "[seeds]"` when the protocol has changed.
#include <filesystem>
#include <fstream>
#include <string>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/make_message.hpp>

#include <test/catch.hpp>

#include <troupe/actors/data_frames.hpp>
#include <troupe/actors/payload/payload.hpp>
#include <troupe/cluster/link/hello_codec.hpp>
#include <troupe/cluster/link/wire.hpp>
#include <troupe/cluster/node/frame_kind.hpp>

using namespace troupe;

namespace {

void write(const std::string& name, const std::string& bytes) {
  std::ofstream{std::filesystem::path{TROUPE_FUZZ_CORPUS} / name,
                std::ios::binary}
      << bytes;
}

std::string piece(link::piece_header x, std::string_view payload) {
  std::string out(link::header_bytes, '\0');
  x.length = static_cast<std::uint32_t>(payload.size());
  link::write_header(x, out.data());
  return out += payload;
}

link::hello a_hello() {
  link::hello x;
  x.from.cluster.fill(1);
  x.from.node = node_id{9};
  x.from.incarnation = incarnation{1};
  x.from.boot = 9001;
  x.from.name = "n9";
  x.from.address = "127.0.0.1:1";
  x.to = node_id{1};
  x.resume.attempt = 1;
  x.resume.session = 1;
  return x;
}

} // namespace

TEST_CASE("fuzz: the first inputs are written", "[.][seeds]") {
  using link::piece_type;
  std::string hello, refused;
  link::append_frame(hello, piece_type::hello, encode(a_hello()));
  link::append_frame(
      refused, piece_type::refused,
      encode(link::sent_refusal{{link::refusal_code::stopped, "it stops"},
                                incarnation{3}}));
  auto first = link::flag_first;
  auto more = link::flag_more;
  auto frames =
      piece({0, piece_type::data, 16, first, 1}, "one")
      + piece({0, piece_type::control, 2, first, 0}, "beat")
      + piece({0, piece_type::data, 16, std::uint8_t(first | more), 2}, "two ")
      + piece({0, piece_type::data, 16, 0, 3}, "halves")
      + piece({0, piece_type::ping, 0, 0, 0}, "")
      + piece({0, piece_type::ack, 0, 0, 3}, "");
  std::string greeting{link::preamble};
  write("frames/handshake", '\7' + greeting + hello + frames);
  write("frames/refused", '\1' + greeting + refused);
  write("frames/goodbye", '\0' + greeting + frames
                              + piece({0, piece_type::goodbye, 0, 0, 3}, ""));
  write("port/handshake", '\1' + hello + frames);
  write("port/frames", '\1' + frames);
  std::string ask;
  link::append_frame(ask, piece_type::introduce, "who are you");
  write("port/introduce", '\1' + ask);
  write("port/noise", std::string{'\0', 'G', 'E', 'T', ' ', '/'});

  caf::actor_system_config config;
  caf::actor_system sys{config};
  auto frame = [&](frame_kind kind, const google::protobuf::MessageLite& head,
                   const std::string& payload) {
    std::string out(1, static_cast<char>(kind));
    append_frame_head(out, head);
    return out += payload;
  };
  std::string number, text;
  (void)encode_payload(sys, caf::make_message(21), 0, number);
  (void)encode_payload(sys, caf::make_message(std::string{"text"}), 0, text);
  proto::Message message;
  message.set_region(1);
  message.set_partition(1);
  message.set_epoch(5);
  message.set_request(77);
  message.set_sender(3);
  message.set_deadline_ms(1000);
  message.add_path(2);
  message.set_key("k");
  for (std::uint32_t p = 0; p < 4; ++p) {
    message.set_partition(p);
    write("plane/number" + std::to_string(p),
          frame(frame_kind::message, message, number));
  }
  message.set_request(0);
  write("plane/text", frame(frame_kind::message, message, text));
  proto::GiveBack back;
  *back.mutable_message() = message;
  back.set_owner(2);
  back.set_epoch(6);
  back.set_version(9);
  back.set_asked_by(1);
  write("plane/give_back", frame(frame_kind::give_back, back, text));
  proto::Answer answer;
  answer.set_request(1);
  answer.set_epoch(5);
  answer.set_asked_by(1);
  write("plane/answer", frame(frame_kind::answer, answer, number));
  proto::Fences fences;
  fences.set_asked_by(1);
  auto& row = *fences.add_rows();
  row.set_region(1);
  row.set_epoch(5);
  write("plane/fence", frame(frame_kind::fence, fences, {}));
  write("plane/fenced", frame(frame_kind::fenced, fences, {}));
  proto::Processed processed;
  processed.set_asked_by(1);
  auto& done = *processed.add_rows();
  done.set_region(1);
  done.set_epoch(5);
  done.set_messages(3);
  write("plane/processed", frame(frame_kind::processed, processed, {}));
}

// A program that records packets with a marker in them, sealed, and then stops itself: whoever looks at it must find
// nothing. Run by leftovers_test.
//
// usage: marker_child FOLDER RECIPIENT MARKER-AS-HEX
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "recorder/support.hpp"

using namespace rtpx;

namespace {

void wipe(void* bytes, std::size_t size) {
  std::memset(bytes, 0, size);
  __asm__ __volatile__("" : : "r"(bytes) : "memory");
}

// Its own frame, so that what it leaves on the stack is overwritten by what follows.
[[gnu::noinline]] bool record(char** argv) {
  std::vector<std::byte> packet = test::vp8_picture(0, 1000);
  const std::size_t length = std::strlen(argv[3]) / 2;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t at = 100; at + length < packet.size(); at += 2 * length)
    for (std::size_t i = 0; i < length; ++i)
      packet[at + i] = static_cast<std::byte>(digit(argv[3][2 * i]) * 16 + digit(argv[3][2 * i + 1]));
  wipe(argv[3], 2 * length);
  Recorder::Options options;
  options.folder = argv[1];
  options.recipients = {*Recipient::parse(argv[2])};
  options.flush_interval = std::chrono::milliseconds(5);
  auto recorder = Recorder::start(options);
  if (!recorder) return false;
  const auto track = test::video("camera");
  if (!(*recorder)->add_tracks({&track, 1})) return false;
  for (std::uint16_t i = 0; i < 2000; ++i) {
    store_be(packet.data() + 2, i);
    if ((*recorder)->record("camera", std::nullopt, packet) != Outcome::accepted) return false;
    if (i % 100 == 0) ::usleep(2000);
  }
  const std::string id = "camera";
  const bool ended = (*recorder)->end_tracks({&id, 1}).has_value();
  recorder->reset();
  wipe(packet.data(), packet.size());
  return ended;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || !record(argv)) return 2;
  std::printf("recorded\n");
  std::fflush(stdout);
  ::raise(SIGSTOP);
  return 0;
}

// publish RECORDING [SPEED] [FUZZ_SEED]: a WebRTC publisher for tests of the running server. Writes its offer
// to standard output, ended by a line "."; reads the answer, ended likewise; connects ("connected"); sends
// the packets of RECORDING (which has the offer.sdp) at SPEED times the pace at which they arrived, says how
// many ("sent 1234"), waits for standard input to end, and closes. With a seed, mutated copies of all its
// datagrams go out between the packets, from its own address and from another.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <thread>

#include "storage/record_reader.hpp"
#include "support/webrtc_publisher.hpp"

using namespace rtpx;
using namespace std::chrono_literals;

namespace {

struct Packet {
  std::int64_t arrival_ms;
  std::vector<std::byte> bytes;
};

/// The RTP of all tracks as it arrived.
std::vector<Packet> packets_of(const std::filesystem::path& folder) {
  std::vector<Packet> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".rtpx") continue;
    const auto reader = RecordReader::open({entry.path()});
    if (!reader) continue;
    for (auto record = (*reader)->next(); record && *record; record = (*reader)->next())
      out.push_back(
          {(*record)->header.receive_time_ms, {(*record)->packet.begin(), (*record)->packet.end()}});
  }
  std::ranges::stable_sort(out, {}, &Packet::arrival_ms);
  return out;
}

std::string read_answer() {
  std::string out;
  for (std::string line; std::getline(std::cin, line) && line != ".";) out += line + "\n";
  return out;
}

/// Sends mutated copies of what a publisher really sends.
class Fuzzer {
 public:
  Fuzzer(unsigned seed, test::WebRtcPublisher& publisher) : random_(seed), publisher_(publisher) {
    publisher_.on_send = [this](Bytes datagram) {
      if (seen_.size() < 200) seen_.emplace_back(datagram.begin(), datagram.end());
    };
  }
  void send_some() {
    for (int i = 0; i < 5; ++i) {
      std::vector<std::byte> copy = seen_[random_() % seen_.size()];
      for (unsigned n = random_() % 8 + 1; n > 0 && !copy.empty(); --n)
        copy[random_() % copy.size()] = static_cast<std::byte>(random_());
      if (random_() % 4 == 0) copy.resize(random_() % (copy.size() + 20));
      if (random_() % 2 == 0)
        publisher_.send_unseen(copy);
      else
        stranger_.send(copy, publisher_.server());
    }
  }

 private:
  std::mt19937 random_;
  test::WebRtcPublisher& publisher_;
  std::vector<std::vector<std::byte>> seen_;
  UdpSocket stranger_ = *UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 4096);
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::filesystem::path folder = argv[1];
  const double speed = argc > 2 ? std::atof(argv[2]) : 1;
  std::ifstream offer(folder / "offer.sdp");
  test::WebRtcPublisher publisher({std::istreambuf_iterator<char>(offer), {}});
  std::optional<Fuzzer> fuzzer;
  if (argc > 3) fuzzer.emplace(static_cast<unsigned>(std::atoi(argv[3])), publisher);
  std::cout << publisher.offer() << ".\n" << std::flush;
  if (!publisher.connect(read_answer())) return 1;
  std::cout << "connected\n" << std::flush;

  const std::vector<Packet> packets = packets_of(folder);
  const auto start = std::chrono::steady_clock::now();
  for (const Packet& packet : packets) {
    const auto after = static_cast<double>(packet.arrival_ms - packets.front().arrival_ms) / speed;
    std::this_thread::sleep_until(start + std::chrono::microseconds(static_cast<std::int64_t>(after * 1000)));
    publisher.send(packet.bytes);
    if (fuzzer) fuzzer->send_some();
    publisher.poll(0ms);
  }
  publisher.poll(300ms);
  std::cout << "sent " << packets.size() << "\n" << std::flush;
  for (std::string line; std::getline(std::cin, line);) {
  }
  publisher.close();
  return 0;
}

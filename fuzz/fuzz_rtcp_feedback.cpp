// The first byte chooses: RTCP bytes read as a receiver and a sender read them, or a sequence of arrivals for
// which our own feedback must say what happened and stay within its bounds.
#include <map>

#include "ingest/feedback/nack_generator.hpp"
#include "ingest/feedback/receiver_statistics.hpp"
#include "ingest/feedback/rtcp_feedback.hpp"
#include "ingest/feedback/transport_cc.hpp"
#include "require.hpp"

using namespace rtpx;

namespace {

void read(Bytes bytes) {
  std::size_t total = 0;
  for (const rtcp::Block& block : rtcp::split(bytes)) {
    total += 4 + block.body.size();
    if (const auto nack = rtcp::read_nack(block))
      require(nack->sequences.size() <= block.body.size() / 4 * 17);
    (void)rtcp::read_pli(block);
    (void)rtcp::read_round_trip(block, 1, 2);
    if (const auto report = read_transport_cc(block)) require(report->statuses.size() <= 0xFFFF);
  }
  require(total <= bytes.size());
  require(rtcp::senders(bytes).size() * 4 <= bytes.size());
}

/// Repeated { sequence step (2 bytes, signed), milliseconds (1 byte) }.
void generate(ByteReader in) {
  TransportCc transport_cc;
  NackGenerator nack;
  ReceiverStatistics statistics;
  ReceiveClock::time_point now{std::chrono::seconds(1000)};
  std::uint16_t sequence = 0;
  std::map<std::uint16_t, bool> arrived;
  rtcp::Buffer out;
  for (int count = 0; in.remaining() >= 3 && count < 300; ++count) {
    sequence = static_cast<std::uint16_t>(sequence + in.u16());
    now += std::chrono::milliseconds(in.u8());
    transport_cc.on_packet(sequence, now);
    arrived[sequence] = true;
    if (statistics.on_packet(sequence, sequence, 90000, now) == ReceiverStatistics::Step::normal)
      nack.on_packet(sequence, now);
    require(nack.missing() <= NackGenerator::kMaxMissing);
    const auto due = nack.due(now, std::chrono::milliseconds(50));
    for (std::size_t i = 1; i < due.size(); ++i)
      require(static_cast<std::uint16_t>(due[i] - due[i - 1]) < 0x8000);
    rtcp::Buffer asked;
    rtcp::write_nack(asked, 1, 2, due);
    for (const rtcp::Block& block : rtcp::split(asked)) require(rtcp::read_nack(block)->sequences == due);
    if (count % 16 == 15) transport_cc.write(out, 1, 2);
  }
  transport_cc.write(out, 1, 2);
  for (const rtcp::Block& block : rtcp::split(out)) {
    require(block.body.size() <= 1300);
    const auto report = read_transport_cc(block);
    require(report.has_value());
    for (const auto& status : report->statuses)
      require(!status.received || arrived.contains(status.sequence));
  }
  (void)statistics.report(1, now);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  if ((data[0] & 1U) == 0)
    read(bytes);
  else
    generate(ByteReader(bytes));
  return 0;
}

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

/// What a receiver says besides, with the input's numbers.
void write_all(ByteReader in) {
  std::vector<rtcp::ReportBlock> blocks;
  std::vector<std::uint32_t> media;
  for (; in.remaining() >= 12; media.push_back(blocks.back().ssrc))
    blocks.push_back(
        {.ssrc = in.u32(), .cumulative_lost = static_cast<std::int32_t>(in.u32()), .jitter = in.u32()});
  const std::string name(as_text(in.take(in.remaining())));
  rtcp::Buffer out;
  rtcp::write_receiver_report(out, 1, blocks);
  rtcp::write_cname(out, 1, name);
  rtcp::write_pli(out, 1, 2);
  rtcp::write_fir(out, 1, 2, static_cast<std::uint8_t>(blocks.size()));
  rtcp::write_remb(out, 1, blocks.empty() ? 0 : std::uint64_t{blocks[0].jitter} << blocks.size() % 32, media);
  rtcp::write_reference_time(out, 1, blocks.size());
  rtcp::write_bye(out, 1);
  std::size_t total = 0;
  const auto packets = rtcp::split(out);
  for (const rtcp::Block& block : packets) total += 4 + block.body.size();
  require(packets.size() == 7 && total == out.size());
  require(packets[0].count == std::min(blocks.size(), rtcp::kMaxReportBlocks));
  require(rtcp::read_pli(packets[2]) == 2U);
  require(rtcp::senders(out) == std::vector<std::uint32_t>{1});
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
  write_all(ByteReader(bytes));
  return 0;
}

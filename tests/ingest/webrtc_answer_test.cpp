#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingest/webrtc/negotiation.hpp"
#include "ingest/webrtc/sender_hints.hpp"
#include "rtp/demux.hpp"
#include "support/captures.hpp"
#include "support/webrtc_publisher.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// The test publisher's offer with usable credentials.
std::string offer_text(bool simulcast = false) {
  return test::WebRtcPublisher(test::browser_offer(simulcast)).offer();
}

std::string answer_to(const Negotiation& negotiation) {
  return write_answer(negotiation, {.ufrag = "ufrag123",
                                    .pwd = "password0123456789012345",
                                    .fingerprint = {"sha-256", "AA:BB"},
                                    .candidates = {*SocketAddress::parse("203.0.113.7", 9000),
                                                   *SocketAddress::parse("2001:db8::7", 9000)}});
}

Negotiation take(const std::string& offer) {
  auto made = negotiate(offer, {});
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return made ? *std::move(made) : Negotiation{};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

TEST(Answer, MirrorsTheOfferAsAReceiver) {
  const std::string answer = answer_to(take(offer_text()));
  for (const char* line : {"a=ice-lite\r\n",
                           "a=group:BUNDLE 0 1\r\n",
                           "a=fingerprint:sha-256 AA:BB\r\n",
                           "a=setup:passive\r\n",
                           "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
                           "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n",
                           "a=recvonly\r\n",
                           "a=rtcp-mux\r\n",
                           "a=rtcp-rsize\r\n",
                           "a=rtpmap:111 opus/48000/2\r\n",
                           "a=fmtp:111 minptime=10;useinbandfec=1\r\n",
                           "a=fmtp:96 x-google-start-bitrate=2500\r\n",
                           "a=fmtp:97 apt=96\r\n",
                           "a=rtcp-fb:96 nack pli\r\n",
                           "a=rtcp-fb:96 transport-cc\r\n",
                           "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                           "a=extmap-allow-mixed\r\n",
                           "a=candidate:1 1 udp 2130706431 203.0.113.7 9000 typ host\r\n",
                           "a=candidate:2 1 udp 2130706175 2001:db8::7 9000 typ host\r\n",
                           "a=end-of-candidates\r\n"})
    EXPECT_THAT(answer, HasSubstr(line));
  EXPECT_THAT(answer, Not(HasSubstr("goog-remb"))) << "transport-cc is there";
  EXPECT_TRUE(sdp::parse(answer));
}

TEST(Answer, RembIsTakenWhereItIsAllThereIs) {
  const Negotiation negotiation = take(replaced(offer_text(), "a=rtcp-fb:96 transport-cc\r\n", ""));
  EXPECT_TRUE(negotiation.tracks[1].feedback.remb);
  EXPECT_THAT(answer_to(negotiation), HasSubstr("a=rtcp-fb:96 goog-remb\r\n"));
}

TEST(Answer, SimulcastLayersAreReceived) {
  const Negotiation negotiation = take(offer_text(true));
  EXPECT_EQ(negotiation.tracks[1].track.rids, (std::vector<std::string>{"q", "h", "f"}));
  EXPECT_THAT(answer_to(negotiation),
              HasSubstr("a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n"));
}

TEST(Answer, ExtensionsThatTheOffererOnlyReceivesAreLeftOutAndSendonlyIsTurnedRound) {
  const std::string answer =
      answer_to(take(replaced(replaced(offer_text(), "a=extmap:1 urn", "a=extmap:1/recvonly urn"),
                              "a=extmap:10 urn", "a=extmap:10/sendonly urn")));
  EXPECT_THAT(answer, Not(HasSubstr("ssrc-audio-level")));
  EXPECT_THAT(answer, HasSubstr("a=extmap:10/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"));
}

TEST(Answer, WhatCannotBeRecordedIsRefusedWithPortZeroInItsPlace) {
  const std::string offer =
      replaced(offer_text(), "a=rtpmap:111 opus/48000/2", "a=rtpmap:111 speex/16000") +
      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n";
  const std::string answer = answer_to(take(offer));
  EXPECT_THAT(answer, HasSubstr("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"));
  EXPECT_THAT(answer, HasSubstr("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
  EXPECT_THAT(answer, HasSubstr("a=group:BUNDLE 1\r\n"));
  const auto parsed = sdp::parse(answer);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->media.size(), 3U);
  EXPECT_EQ(parsed->media[1].candidates.size(), 2U) << "the first section taken has the candidates";
}

TEST(Answer, WithoutABundleOnlyTheFirstTransportIsTaken) {
  const Negotiation negotiation = take(replaced(offer_text(), "a=group:BUNDLE 0 1\r\n", ""));
  EXPECT_EQ(negotiation.tracks.size(), 1U);
  EXPECT_THAT(answer_to(negotiation), HasSubstr("m=video 0 "));
}

TEST(Answer, ErrorsSayWhatTheOfferLacks) {
  const auto message = [](const std::string& offer) {
    const auto made = negotiate(offer, {});
    return made ? std::string("taken") : made.error().message;
  };
  EXPECT_THAT(message(replaced(offer_text(), "a=ice-pwd:", "a=x:")), HasSubstr("ICE"));
  EXPECT_THAT(message(replaced(offer_text(), "sha-256", "sha-1")), HasSubstr("SHA-256"));
  EXPECT_THAT(message(replaced(offer_text(), "a=sendonly", "a=recvonly")), HasSubstr("a=sendonly"));
  EXPECT_THAT(message("<html>"), Not(testing::StrEq("taken")));
  EXPECT_THAT(message(std::string(200'000, 'a')), HasSubstr("131072"));
  EXPECT_EQ(negotiate(offer_text(), {.max_tracks = 1}).error().code, Errc::invalid_argument);
}

TEST(Answer, TrackIdsAreUniqueAndRedDoesNotHideTheMediaCodec) {
  std::string offer = replaced(offer_text(), "msid:stream video-track", "msid:stream audio-track");
  offer = replaced(offer, "SAVPF 111\r\n", "SAVPF 63 111\r\n");
  offer = replaced(offer, "a=rtpmap:111", "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:111");
  const Negotiation negotiation = take(offer);
  EXPECT_EQ(negotiation.tracks[0].track.id, "audio-track");
  EXPECT_EQ(negotiation.tracks[1].track.id, "audio-track-1");
  EXPECT_EQ(negotiation.tracks[0].track.codecs[0].mime_type, "audio/opus");
  EXPECT_EQ(negotiation.tracks[0].track.codecs[1].sdp_fmtp_line, "63 111/111");
  EXPECT_THAT(answer_to(negotiation), HasSubstr("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"))
      << "the offer's order";
}

TEST(Answer, OldSimulcastBySsrcGroupGetsNumberedLayers) {
  const Negotiation negotiation =
      take(replaced(offer_text(), "a=ssrc-group:FID 2001 2002\r\n",
                    "a=ssrc-group:SIM 2001 3001\r\na=ssrc:3001 cname:c\r\na=ssrc-group:FID 2001 2002\r\n"));
  EXPECT_EQ(negotiation.tracks[1].track.rids, (std::vector<std::string>{"0", "1"}));
  Demux demux(negotiation.tracks, 64);
  const auto see = [&](std::uint8_t type, std::uint32_t ssrc) {
    const auto bytes = test::make_rtp(type, 1, 1, ssrc, 10);
    EXPECT_EQ(demux.learn(*parse_rtp(bytes), {}), Demux::Learned::route);
    return *demux.find(ssrc);
  };
  EXPECT_EQ(see(96, 3001).rid_index, 1);
  EXPECT_FALSE(see(96, 3001).rid_by_order) << "the group says it";
  EXPECT_EQ(see(97, 2002).role, StreamRole::rtx);
  EXPECT_EQ(demux.find(2002)->media, 2001U);
  EXPECT_EQ(demux.find(2002)->rid_index, 0);
}

TEST(Answer, RealBrowsersOffersAreTaken) {
  RTPX_NEEDS_CAPTURE(folder, "browser");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!std::filesystem::exists(entry.path() / "offer.sdp")) continue;
    const auto made = negotiate(test::read_file(entry.path() / "offer.sdp"), {});
    ASSERT_TRUE(made) << entry.path() << made.error().message;
    EXPECT_EQ(made->tracks.size(), 2U) << entry.path();
    EXPECT_EQ(made->tracks[1].track.kind, MediaKind::video);
    EXPECT_FALSE(made->tracks[0].track.streams.empty()) << entry.path();
    const auto answer = sdp::parse(answer_to(*made));
    ASSERT_TRUE(answer);
    EXPECT_EQ(sdp::codecs(answer->media[1]).size(), sdp::codecs(made->offer.media[1]).size()) << entry.path();
    for (const sdp::Media& media : answer->media) EXPECT_EQ(media.port, 9) << entry.path();
  }
}

/// An offer as it was posted: the body of the first request of an HTTP exchange.
std::string posted_offer(const std::filesystem::path& exchange) {
  const std::string text = test::read_file(exchange);
  const std::size_t from = text.find("v=0");
  return text.substr(from, text.find("========") - from);
}

TEST(Answer, FfmpegsOfferByDefaultIsTakenAndItsDtlsIsOpenedByUs) {
  RTPX_NEEDS_CAPTURE(folder, "field");
  const Negotiation negotiation = take(posted_offer(folder / "ffmpeg9_default_offer.txt"));
  ASSERT_EQ(negotiation.tracks.size(), 2U);
  EXPECT_EQ(negotiation.dtls_role, Dtls::Role::client);
  const auto answer = sdp::parse(answer_to(negotiation));
  ASSERT_TRUE(answer);
  for (const sdp::Media& media : answer->media) EXPECT_EQ(media.transport.setup, "active");
  EXPECT_FALSE(answer->media[0].rtcp_rsize);
  EXPECT_TRUE(answer->media[1].rtcp_rsize);
  EXPECT_FALSE(negotiation.tracks[0].feedback.reduced_size) << "each m-line has its own";
  EXPECT_TRUE(negotiation.tracks[1].feedback.reduced_size);
  EXPECT_FALSE(negotiation.tracks[0].feedback.nack);
  EXPECT_TRUE(negotiation.tracks[1].feedback.nack);
  EXPECT_FALSE(negotiation.tracks[1].feedback.pli);
  Demux demux(negotiation.tracks, 64);
  const auto repair = test::make_rtp(105, 1, 1, 2127155552, 10);  // named in its group only
  ASSERT_EQ(demux.learn(*parse_rtp(repair), {}), Demux::Learned::route);
  EXPECT_EQ(demux.find(2127155552)->role, StreamRole::rtx);
  EXPECT_EQ(demux.find(2127155552)->media, 2127155551U);
}

TEST(Answer, PionsSimulcastIsTakenInThreeLayers) {
  RTPX_NEEDS_CAPTURE(folder, "field");
  const Negotiation negotiation = take(posted_offer(folder / "pion4_simulcast_offer.txt"));
  ASSERT_EQ(negotiation.tracks.size(), 2U);
  EXPECT_EQ(negotiation.dtls_role, Dtls::Role::server);
  EXPECT_EQ(negotiation.tracks[0].track.rids, (std::vector<std::string>{"q", "h", "f"}));
  EXPECT_THAT(answer_to(negotiation),
              HasSubstr("a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n"));
  Demux demux(negotiation.tracks, 64);
  // The packets say otherwise than the order of the SSRCs.
  const auto see = [&](std::uint8_t type, std::uint32_t ssrc, std::uint8_t extension, const char* rid) {
    const auto bytes = test::make_rtp(type, 1, 1, ssrc, 10, {{1, "0"}, {extension, rid}});
    EXPECT_EQ(demux.learn(*parse_rtp(bytes), {}), Demux::Learned::route);
    return demux.find(ssrc) == nullptr ? 0xFF : demux.find(ssrc)->rid_index;
  };
  EXPECT_EQ(see(96, 1789622314, 2, "f"), 2);
  EXPECT_EQ(see(96, 1995799905, 2, "q"), 0);
  EXPECT_EQ(see(96, 3421417491, 2, "h"), 1);
  EXPECT_EQ(see(97, 691796224, 3, "f"), 2) << "repaired-rid";
  const auto bare = test::make_rtp(97, 1, 1, 2646277545, 10);
  ASSERT_EQ(demux.learn(*parse_rtp(bare), {}), Demux::Learned::route)
      << "the layer of what it repairs, by its group";
  EXPECT_EQ(demux.find(2646277545)->rid_index, 0);
  EXPECT_EQ(demux.find(2646277545)->media, 1995799905U);
}

TEST(Answer, CodecNamesAreReadInAnyCaseAndMultiopusAndFlexfecAreTaken) {
  std::string offer = replaced(offer_text(), "opus/48000/2", "OPUS/48000/2");
  offer = replaced(offer, "VP8/90000", "vp8/90000");
  offer = replaced(offer, "SAVPF 96 97", "SAVPF 96 97 98");
  offer = replaced(offer, "a=rtpmap:97 rtx",
                   "a=rtpmap:98 FlexFEC/90000\r\na=fmtp:98 repair-window=10000000\r\na=rtpmap:97 RTX");
  const Negotiation negotiation = take(offer);
  ASSERT_EQ(negotiation.tracks.size(), 2U);
  EXPECT_EQ(negotiation.tracks[1].track.codecs.size(), 3U);
  Demux demux(negotiation.tracks, 64);
  const auto fec = test::make_rtp(98, 1, 1, 555, 10, {{4, "1"}});
  ASSERT_EQ(demux.learn(*parse_rtp(fec), {}), Demux::Learned::route);
  EXPECT_EQ(demux.find(555)->role, StreamRole::fec);
  const Negotiation surround =
      take(replaced(offer_text(), "a=rtpmap:111 opus/48000/2\r\n",
                    "a=rtpmap:111 multiopus/48000/6\r\na=fmtp:111 "
                    "channel_mapping=0,4,1,2,3,5;num_streams=4;coupled_streams=2\r\n"));
  ASSERT_EQ(surround.tracks.size(), 2U);
  EXPECT_EQ(surround.tracks[0].track.codecs.front().channels, 6);
  EXPECT_THAT(answer_to(surround), HasSubstr("a=rtpmap:111 multiopus/48000/6\r\n"));
}

TEST(Answer, ABundleOnlySectionMayHavePortZeroAndLeaveItsTransportToTheOther) {
  std::string offer = offer_text();
  const std::size_t video = offer.find("m=video");
  std::string head = offer.substr(0, video);
  for (const char* name : {"a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"})
    if (const std::size_t at = head.find(name); at != std::string::npos)
      head.erase(at, head.find('\n', at) + 1 - at);
  head = replaced(head, "m=audio 9 ", "m=audio 0 ") + "a=bundle-only\r\n";
  const Negotiation negotiation = take(head + offer.substr(video));
  EXPECT_EQ(negotiation.tracks.size(), 2U);
  EXPECT_EQ(negotiation.fingerprints.size(), 1U);
  EXPECT_THAT(answer_to(negotiation), HasSubstr("m=audio 9 "));
}

TEST(Answer, OfSeveralFingerprintsAllAreKeptThatCanBeChecked) {
  const Negotiation negotiation = take(replaced(
      offer_text(), "a=setup:", "a=fingerprint:sha-384 AB:CD\r\na=fingerprint:sha-1 00:11\r\na=setup:"));
  ASSERT_EQ(negotiation.fingerprints.size(), 2U);
  EXPECT_EQ(negotiation.fingerprints[1].hash, "sha-384");
}

TEST(Answer, TracksWithoutMsidAreOneStreamUnlessTheirNamesDiffer) {
  const auto without_msid = [](const std::string& audio_cname, const std::string& video_cname) {
    std::string offer = replaced(replaced(offer_text(), "a=msid:stream audio-track\r\n", ""),
                                 "a=msid:stream video-track\r\n", "");
    offer = replaced(offer, "a=ssrc:1001 cname:c\r\n",
                     audio_cname.empty() ? "" : "a=ssrc:1001 cname:" + audio_cname + "\r\n");
    return replaced(offer, "cname:c\r\n", video_cname.empty() ? "x:y\r\n" : "cname:" + video_cname + "\r\n");
  };
  for (const auto& [audio, video] :
       {std::pair("c", "c"), std::pair("", ""), std::pair("c", ""), std::pair("", "c")}) {
    const Negotiation one = take(without_msid(audio, video));
    EXPECT_FALSE(one.tracks[0].track.streams.empty());
    EXPECT_EQ(one.tracks[0].track.streams, one.tracks[1].track.streams) << audio << " " << video;
  }
  const Negotiation two = take(without_msid("a", "b"));
  EXPECT_NE(two.tracks[0].track.streams, two.tracks[1].track.streams);
  const Negotiation half = take(replaced(offer_text(), "a=msid:stream video-track\r\n", ""));
  EXPECT_EQ(half.tracks[1].track.streams, std::vector<std::string>{"stream"});
}

TEST(Answer, FeedbackByRfc8888IsTakenWhereItIsAllThereIs) {
  const std::string both = replaced(offer_text(), "a=rtcp-fb:96 goog-remb\r\n", "a=rtcp-fb:* ack ccfb\r\n");
  EXPECT_FALSE(take(both).tracks[1].feedback.ccfb);
  const Negotiation only = take(replaced(both, "a=rtcp-fb:96 transport-cc\r\n", ""));
  EXPECT_TRUE(only.tracks[1].feedback.ccfb);
  EXPECT_THAT(answer_to(only), HasSubstr("a=rtcp-fb:96 ack ccfb\r\n"));
}

TEST(SenderHint, NamesTheSendersOwnOptions) {
  const Error refused{Errc::unsupported, "no codec"};
  EXPECT_THAT(sender_hint("Lavf/63.1.102", refused), HasSubstr("-c:v libx264"));
  EXPECT_EQ(sender_hint("curl/8.0", refused), "");
  EXPECT_EQ(sender_hint("Lavf/63.1.102", {Errc::malformed, "no SDP"}), "");
}

TEST(TrickleFragment, CredentialsAreReadAndGarbageIsRefused) {
  const auto fragment = read_fragment("a=ice-ufrag:abcd\r\na=ice-pwd:efgh\nm=audio 9 X 0\r\na=mid:0\r\n");
  ASSERT_TRUE(fragment);
  EXPECT_EQ(fragment->ufrag, "abcd");
  EXPECT_EQ(fragment->pwd, "efgh");
  for (const char* bad : {"", "{}", "a=ice-ufrag:a\x01\r\n", "hello\r\nworld"})
    EXPECT_FALSE(read_fragment(bad)) << bad;
}

TEST(Demux, TooManySsrcsAreRefusedAndRepairStreamsFindTheirMedia) {
  const Negotiation negotiation = take(offer_text(true));
  Demux demux(negotiation.tracks, 3);
  const auto learn = [&](std::uint8_t type, std::uint32_t ssrc, std::uint8_t extension, const char* rid) {
    const auto bytes = test::make_rtp(type, 1, 1, ssrc, 10, {{4, "1"}, {extension, rid}});
    return demux.learn(*parse_rtp(bytes), ReceiveClock::time_point(std::chrono::seconds(ssrc)));
  };
  EXPECT_EQ(learn(97, 51, 11, "h"), Demux::Learned::route);
  EXPECT_EQ(demux.find(51)->media, 0U) << "RTX came before its media";
  EXPECT_EQ(learn(96, 50, 10, "h"), Demux::Learned::route);
  EXPECT_EQ(demux.find(51)->media, 50U);
  EXPECT_EQ(learn(96, 60, 10, "no such layer"), Demux::Learned::rid_later);
  EXPECT_EQ(learn(96, 61, 10, "q"), Demux::Learned::full);
  EXPECT_FALSE(demux.retire(ReceiveClock::time_point(51s))) << "all have just sent something";
  EXPECT_EQ(demux.retire(ReceiveClock::time_point(61s)), 50U) << "the one idle longest";
  EXPECT_EQ(learn(96, 61, 10, "q"), Demux::Learned::route);
}

}  // namespace
}  // namespace rtpx

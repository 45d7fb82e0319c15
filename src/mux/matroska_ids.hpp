#pragma once

#include <cstdint>

/// Element identifiers of EBML (RFC 8794) and Matroska (RFC 9559).
namespace rtpx::matroska {

inline constexpr std::uint32_t kEbml = 0x1A45DFA3, kEbmlVersion = 0x4286, kEbmlReadVersion = 0x42F7,
                               kEbmlMaxIdLength = 0x42F2, kEbmlMaxSizeLength = 0x42F3, kDocType = 0x4282,
                               kDocTypeVersion = 0x4287, kDocTypeReadVersion = 0x4285;
inline constexpr std::uint32_t kSegment = 0x18538067, kSeekHead = 0x114D9B74, kSeek = 0x4DBB,
                               kSeekId = 0x53AB, kSeekPosition = 0x53AC;
inline constexpr std::uint32_t kInfo = 0x1549A966, kTimestampScale = 0x2AD7B1, kDuration = 0x4489,
                               kDateUtc = 0x4461, kTitle = 0x7BA9, kMuxingApp = 0x4D80, kWritingApp = 0x5741;
inline constexpr std::uint32_t kTracks = 0x1654AE6B, kTrackEntry = 0xAE, kTrackNumber = 0xD7,
                               kTrackUid = 0x73C5, kTrackType = 0x83, kFlagLacing = 0x9C, kName = 0x536E,
                               kLanguage = 0x22B59C, kCodecId = 0x86, kCodecPrivate = 0x63A2,
                               kCodecDelay = 0x56AA, kSeekPreRoll = 0x56BB;
inline constexpr std::uint32_t kVideo = 0xE0, kPixelWidth = 0xB0, kPixelHeight = 0xBA, kProjection = 0x7670,
                               kProjectionType = 0x7671, kProjectionPoseYaw = 0x7673,
                               kProjectionPosePitch = 0x7674, kProjectionPoseRoll = 0x7675;
inline constexpr std::uint32_t kAudio = 0xE1, kSamplingFrequency = 0xB5, kChannels = 0x9F, kBitDepth = 0x6264;
inline constexpr std::uint32_t kCues = 0x1C53BB6B, kCuePoint = 0xBB, kCueTime = 0xB3,
                               kCueTrackPositions = 0xB7, kCueTrack = 0xF7, kCueClusterPosition = 0xF1;
inline constexpr std::uint32_t kChapters = 0x1043A770, kEditionEntry = 0x45B9, kChapterAtom = 0xB6,
                               kChapterUid = 0x73C4, kChapterTimeStart = 0x91, kChapterDisplay = 0x80,
                               kChapString = 0x85, kChapLanguage = 0x437C;
inline constexpr std::uint32_t kTags = 0x1254C367, kTag = 0x7373, kTargets = 0x63C0, kSimpleTag = 0x67C8,
                               kTagName = 0x45A3, kTagString = 0x4487;
inline constexpr std::uint32_t kCluster = 0x1F43B675, kTimestamp = 0xE7, kSimpleBlock = 0xA3,
                               kBlockGroup = 0xA0, kBlock = 0xA1, kBlockDuration = 0x9B,
                               kReferenceBlock = 0xFB, kDiscardPadding = 0x75A2;

}  // namespace rtpx::matroska

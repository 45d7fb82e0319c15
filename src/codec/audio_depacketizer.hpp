#pragma once

#include "codec/depacketizer.hpp"

namespace rtpx {

/// What all audio payload formats share: each packet is a frame of its own, decodable without the others.
class AudioDepacketizer : public Depacketizer {
 public:
  void push(const MediaPacket& packet) final;
  void flush() final {}
  [[nodiscard]] const StreamConfig& config() const final { return config_; }

 protected:
  AudioDepacketizer(OnFrame on_frame, OnDropped on_dropped)
      : on_frame_(std::move(on_frame)), on_dropped_(std::move(on_dropped)) {}

  /// Sets frame.data and frame.duration (and config_, where the payload says more of it). The static text
  /// says why it is malformed; nullptr: it is well.
  virtual const char* read(Bytes payload, Frame& frame) = 0;

  StreamConfig config_;

 private:
  void set_sinks(OnFrame on_frame, OnDropped on_dropped) final {
    on_frame_ = std::move(on_frame);
    on_dropped_ = std::move(on_dropped);
  }
  OnFrame on_frame_;
  OnDropped on_dropped_;
  bool delivered_ = false;
};

}  // namespace rtpx
